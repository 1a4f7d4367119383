package transaction

import (
	"sync"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// inviteTable is the INVITE server transactions that are not settled: without a
// final response, or with a refusal that was not acknowledged. What is settled is
// an entry of the replay cache: after a 2xx (RFC 6026 §7.1, Accepted) an INVITE
// that comes again is absorbed, after the ACK of a refusal (RFC 3261 §17.2.1,
// Confirmed) an ACK that comes again is.
type inviteTable struct {
	layer     *Layer
	most      int
	mostBytes int

	mu     sync.Mutex
	m      map[key]*inviteTx // guarded by mu
	bytes  int               // of their requests; guarded by mu
	closed bool              // guarded by mu
	// refused are those that wait for the ACK of a refusal, oldest first: a list by
	// next and prev; guarded by mu. They make room when the table is full, so that
	// who refuses to acknowledge keeps nobody from calling.
	oldest, newest *inviteTx
	// streams are the transactions that want to know when theirs ends; guarded by mu.
	streams map[*transport.Flow]map[*inviteTx]struct{}
}

// inviteTx is one INVITE server transaction (RFC 3261 §17.2.1): no goroutine, and
// one timer where there is something to wait for.
type inviteTx struct {
	layer *Layer
	key   key
	req   *Request
	to    *transport.Flow

	next, prev *inviteTx       // in the list of refused ones; guarded by the table's mu
	listed     bool            // guarded by the table's mu
	by         *transport.Flow // the stream that is watched; guarded by the table's mu

	mu       sync.Mutex // held while a response is sent, so that they leave in order; before the table's
	state    inviteState
	canceled bool          // guarded by mu, as all below
	reasons  []string      // of the CANCEL
	cancel   func()        // what OnCancel gave
	gone     func()        // what OnGone gave
	last     []byte        // the last response, to be repeated
	timer    *time.Timer   // the 100 by itself, then Timers G and H; nil: none
	interval time.Duration // of Timer G
	end      time.Time     // Timer H
}

type inviteState uint8

const (
	unanswered   inviteState = iota // Proceeding
	refusedState                    // Completed: wants its ACK
	settledState                    // Accepted, Confirmed, or Terminated
)

// trying is how long the owner may say nothing before we say 100 (RFC 3261
// §17.2.1).
const trying = 200 * time.Millisecond

func newInviteTable(l *Layer, most, mostBytes int) *inviteTable {
	return &inviteTable{layer: l, most: most, mostBytes: mostBytes, m: make(map[key]*inviteTx), streams: make(map[*transport.Flow]map[*inviteTx]struct{})}
}

// inviteKey is the key of the INVITE that an INVITE, ACK or CANCEL belongs to.
func (t *inviteTable) inviteKey(m *message.Message) key { return t.layer.replay.keyOf(m, "INVITE") }

func (t *inviteTable) find(k key) *inviteTx {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[k]
}

func (t *inviteTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m)
}

// invite enters an INVITE; a retransmission goes to its transaction.
func (t *inviteTable) invite(r *Request) {
	k := t.inviteKey(r.Message)
	t.mu.Lock()
	tx := t.m[k]
	if tx == nil {
		if known, _ := t.layer.replay.settled(k, r.At); known {
			t.mu.Unlock()
			t.layer.metric.retransmission()
			return
		}
	} else {
		t.mu.Unlock()
		t.layer.metric.retransmission()
		tx.again()
		return
	}
	room := t.roomLocked(len(r.Raw))
	if t.closed || t.fullLocked(len(r.Raw)) && !t.urgentLocked(r) {
		t.mu.Unlock()
		forget(room)
		t.layer.metric.drop("overload")
		r.Reply(503, message.Header{Name: message.RetryAfter, Value: "5"})
		return
	}
	tx = &inviteTx{layer: t.layer, key: k, req: r, to: responseFlow(r)}
	r.invite = tx
	t.m[k] = tx
	t.bytes += len(r.Raw)
	t.mu.Unlock()
	forget(room)
	t.layer.handler.ServeSIP(r)
	tx.tryingSoon()
}

func (t *inviteTable) fullLocked(more int) bool {
	return len(t.m) >= t.most || t.bytes+more > t.mostBytes
}

// roomLocked takes the oldest refusals out that nobody acknowledged, if there is no
// room otherwise.
func (t *inviteTable) roomLocked(more int) (out []*inviteTx) {
	for t.fullLocked(more) && t.oldest != nil {
		tx := t.oldest
		t.dropLocked(tx)
		t.layer.metric.drop("unacknowledged_refusal")
		out = append(out, tx)
	}
	return out
}

// forget ends transactions that the table has dropped.
func forget(all []*inviteTx) {
	for _, tx := range all {
		tx.mu.Lock()
		tx.settleLocked()
		tx.mu.Unlock()
	}
}

func (t *inviteTable) dropLocked(tx *inviteTx) {
	if t.m[tx.key] != tx {
		return
	}
	delete(t.m, tx.key)
	t.unwatchLocked(tx)
	t.bytes -= len(tx.req.Raw)
	if !tx.listed {
		return
	}
	if tx.listed = false; tx.prev != nil {
		tx.prev.next = tx.next
	} else {
		t.oldest = tx.next
	}
	if tx.next != nil {
		tx.next.prev = tx.prev
	} else {
		t.newest = tx.prev
	}
	tx.next, tx.prev = nil, nil
}

// listRefused notes that a transaction wants its ACK.
func (t *inviteTable) listRefused(tx *inviteTx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m[tx.key] != tx {
		return
	}
	tx.listed, tx.prev = true, t.newest
	if t.newest != nil {
		t.newest.next = tx
	} else {
		t.oldest = tx
	}
	t.newest = tx
}

func (t *inviteTable) drop(tx *inviteTx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropLocked(tx)
}

// ack takes an ACK to its INVITE; false: it belongs to none, so to a 2xx.
func (t *inviteTable) ack(r *Request) bool {
	k := t.inviteKey(r.Message)
	if tx := t.find(k); tx != nil {
		return tx.acknowledged()
	}
	// An old peer reuses the branch for the ACK of a 2xx.
	known, refused := t.layer.replay.settled(k, r.At)
	return known && refused
}

func (t *inviteTable) close() {
	t.mu.Lock()
	t.closed = true
	all := make([]*inviteTx, 0, len(t.m))
	for _, tx := range t.m {
		all = append(all, tx)
		t.dropLocked(tx)
	}
	t.mu.Unlock()
	forget(all)
}
