package transaction

import (
	"net/netip"

	"lamplight/sip/transport"
)

// OnGone sets what to do when the stream ends by which the responses to an INVITE go,
// before the final one was sent: f is called once, at once if it has ended already, on
// the goroutine that ended it. f must not block. Of datagrams nobody knows.
func (r *Request) OnGone(f func()) {
	tx := r.invite
	if tx == nil {
		return
	}
	tx.mu.Lock()
	by := tx.to
	if tx.state != unanswered || !by.Reliable() {
		tx.mu.Unlock()
		return
	}
	tx.gone = f
	r.layer.invites.watch(tx, by)
	tx.mu.Unlock()
	select {
	case <-by.Done(): // it may have been told of before anybody listened
		tx.lost()
	default:
	}
}

// Return has the responses to an INVITE go by another flow from now on (RFC 3261
// §18.2.2), and says the last one again there, but for a 2xx: see Again. It does
// nothing where they go there already.
func (r *Request) Return(f *transport.Flow) {
	tx := r.invite
	if tx == nil {
		return
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.to == f {
		return
	}
	if tx.to = f; tx.last != nil { // what is settled has none
		_ = f.Send(tx.last)
	}
}

// SentBy is where the sender of a request that came by a stream can be reached by
// another one, as RFC 3261 §18.2.2 has it: at the address it came from, by the port
// that its Via names. false: it says nothing of the kind, as it came by datagrams, from
// a browser (RFC 7118 §5), or through a translator of addresses. Where the name in the
// Via leads is not asked: it would let anybody have us connect to a third party.
func (r *Request) SentBy() (netip.AddrPort, bool) {
	t := r.Flow.Transport()
	if t != transport.TCP && t != transport.TLS {
		return netip.AddrPort{}, false
	}
	src := r.Flow.Remote().Addr()
	via, ok := r.TopVia()
	if !ok || translated(&via, src) {
		return netip.AddrPort{}, false
	}
	port := 5060
	switch {
	case via.Port > 0:
		port = via.Port
	case t == transport.TLS:
		port = 5061
	}
	return netip.AddrPortFrom(src, uint16(port)), true //nolint:gosec // a port of a Via is read as one
}

// FlowClosed has to be told of every stream that ended.
func (l *Layer) FlowClosed(f *transport.Flow) {
	for _, tx := range l.invites.over(f) {
		tx.lost()
	}
}

// watch notes the stream of a transaction, for as long as it is in the table.
func (t *inviteTable) watch(tx *inviteTx, by *transport.Flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m[tx.key] != tx {
		return
	}
	t.unwatchLocked(tx)
	all := t.streams[by]
	if all == nil {
		all = make(map[*inviteTx]struct{})
		t.streams[by] = all
	}
	all[tx], tx.by = struct{}{}, by
}

// unwatchLocked is the end of that.
func (t *inviteTable) unwatchLocked(tx *inviteTx) {
	if tx.by == nil {
		return
	}
	all := t.streams[tx.by]
	if delete(all, tx); len(all) == 0 {
		delete(t.streams, tx.by)
	}
	tx.by = nil
}

// over are the transactions whose responses go by that stream.
func (t *inviteTable) over(f *transport.Flow) (out []*inviteTx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for tx := range t.streams[f] {
		out = append(out, tx)
	}
	return out
}

// lost: the stream has ended.
func (tx *inviteTx) lost() {
	tx.mu.Lock()
	f := tx.gone
	tx.gone = nil
	if tx.state != unanswered {
		f = nil
	}
	tx.mu.Unlock()
	if f != nil {
		f()
	}
}
