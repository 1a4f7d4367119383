package registrar

import (
	"net/netip"
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/sip/transport"
)

// plan is what a REGISTER makes of an agent's bindings. Nothing of have is
// changed: what differs is a copy.
type plan struct {
	next    []*Binding // all bindings of the agent afterwards
	put     []*Binding // of next: new or changed, to be written
	refresh []refresh  // of next: only later
	drop    []*Binding // of have, no longer in next
}

// refresh is a binding that only lives longer, and until when.
type refresh struct {
	b       *Binding
	expires time.Time
	grant   time.Duration
}

// makePlan is RFC 3261 §10.3 step 6 and 7: all of the request or nothing.
func makePlan(have []*Binding, a *ask, l *Limits, now time.Time) (plan, *refusal) {
	p := plan{next: slices.Clone(have)}
	if a.star {
		return p, p.removeAll(a)
	}
	added := 0
	for i := range a.contacts {
		isNew, no := p.bind(a, &a.contacts[i], l, now)
		if no != nil {
			return plan{}, no
		}
		if isNew {
			added++
		}
	}
	if added == 1 && len(a.contacts) == 1 {
		p.forgetRebound(a)
	}
	return p, p.limit(a, l)
}

// mine reports whether the device of a may touch b.
func (a *ask) mine(b *Binding) bool { return b.Device == a.device && b.AOR == a.aor }

// older and same compare a with the request that last touched b: a lower CSeq
// in the same Call-ID is out of order, the same one a retransmission that was
// already carried out.
func (a *ask) older(b *Binding) bool { return b.CallID == a.callID && a.cseq < b.CSeq }
func (a *ask) same(b *Binding) bool  { return b.CallID == a.callID && a.cseq == b.CSeq }

// outOfOrder has the status RFC 3261 §12.2.2 gives to what arrives late; §10.3
// names none.
func outOfOrder() *refusal { return refuse(500, "CSeq Out of Order") }

func (p *plan) removeAll(a *ask) *refusal {
	for _, b := range slices.Clone(p.next) {
		switch {
		case !a.mine(b) || a.same(b):
		case a.older(b):
			return outOfOrder()
		default:
			p.remove(b)
		}
	}
	return nil
}

// bind carries out one contact; isNew if it replaced none.
func (p *plan) bind(a *ask, w *want, l *Limits, now time.Time) (isNew bool, no *refusal) {
	b := p.find(a, w)
	switch {
	case b == nil && w.grant == 0:
		return false, nil
	case b == nil:
		nb := &Binding{ID: presence.NewID().String(), Domain: a.domain.ID, Agent: a.agent, Device: a.device, AOR: a.aor, Since: now.Truncate(time.Millisecond)}
		nb.set(a, w, l, now)
		p.next = append(p.next, nb)
		p.put = append(p.put, nb)
		return true, nil
	case a.older(b):
		return false, outOfOrder()
	case a.same(b):
		return false, nil
	case w.grant == 0:
		p.remove(b)
		return false, nil
	}
	end := now.Add(w.grant)
	if b.unchanged(a, w) && !end.Before(b.Expires) && !end.Add(l.grace(w.grant)).After(b.Stored) {
		p.refresh = append(p.refresh, refresh{b, end, w.grant})
		return false, nil
	}
	nb := *b
	nb.Event = EventRefreshed
	if end.Before(b.Expires) {
		nb.Event = EventShortened
	}
	nb.set(a, w, l, now)
	p.next[slices.Index(p.next, b)] = &nb
	p.put = append(p.put, &nb)
	return false, nil
}

// find is the binding that the contact stands for: the one of the same instance
// and reg-id (RFC 5626 §6), else the one with an equal URI (RFC 3261 §19.1.4).
// What this very request bound is matched by its URI only.
func (p *plan) find(a *ask, w *want) *Binding {
	for _, b := range p.next {
		if w.instance != "" && a.mine(b) && b.Instance == w.instance && b.RegID == w.regID && !slices.Contains(p.put, b) {
			return b
		}
	}
	for _, b := range p.next {
		if !a.mine(b) || w.instance != "" && b.Instance != "" && b.Instance != w.instance || w.regID != b.RegID && w.regID != "" && b.RegID != "" {
			continue
		}
		if b.Contact == w.contact || b.uri().Equal(w.uri) {
			return b
		}
	}
	return nil
}

func (p *plan) remove(b *Binding) {
	i := slices.Index(p.next, b)
	p.next = slices.Delete(p.next, i, i+1)
	if j := slices.Index(p.put, b); j >= 0 {
		p.put = slices.Delete(p.put, j, j+1)
		return
	}
	p.drop = append(p.drop, b)
}

// forgetRebound drops what a phone without an instance id left behind when it
// came back from another port or address: the same Call-ID, user and transport
// with a new contact. (A phone keeps its Call-ID for one run, RFC 3261 §10.2.)
func (p *plan) forgetRebound(a *ask) {
	w := &a.contacts[0]
	if w.instance != "" {
		return
	}
	for _, b := range slices.Clone(p.next) {
		if a.mine(b) && b.CallID == a.callID && b.CSeq < a.cseq && b.Instance == "" && b.Transport == a.by && b.uri().User == w.uri.User {
			p.remove(b)
		}
	}
}

// set fills in what the request says.
func (b *Binding) set(a *ask, w *want, l *Limits, now time.Time) {
	b.Contact, b.Head, b.Said = w.contact, w.head, a.said
	b.Instance, b.RegID, b.Q, b.Push = w.instance, w.regID, w.q, w.push
	b.Path, b.CallID, b.CSeq = a.path, a.callID, a.cseq
	b.UserAgent = cut(a.raw.userAgent, maxUserAgent)
	if b.Bound == 0 || !b.sameWay(a.by, a.source, a.flow) {
		b.Bound = now.UnixMilli()
	}
	b.Transport, b.Source, b.flow = a.by, a.source, a.flow
	b.Grant, b.Expires = w.grant, now.Add(w.grant)
	b.Stored, b.end = l.stored(now, w.grant), b.Expires.Add(l.grace(w.grant))
	b.Restored, b.Dead, b.missed, b.nudged, b.gone = false, false, 0, false, false
	if b.raw = (rawRequest{}); len(a.contacts) == 1 {
		b.raw = a.raw
	}
}

// unchanged: the request says of b what is known already, from the same place.
func (b *Binding) unchanged(a *ask, w *want) bool {
	return !b.Restored && !b.Dead && b.Head == w.head && b.CallID == a.callID &&
		b.sameWay(a.by, a.source, a.flow) &&
		slices.Equal(b.Path, a.path) && b.UserAgent == cut(a.raw.userAgent, maxUserAgent)
}

// sameWay: the request came the way the binding did. Datagrams of one source
// are one way; a stream is one as long as it lasts.
func (b *Binding) sameWay(by string, source netip.AddrPort, f *transport.Flow) bool {
	return b.Source == source && b.Transport == by && (by == udp || b.flow == f)
}

// later carries out a refresh.
func (b *Binding) later(cseq uint32, expires time.Time, grant time.Duration, l *Limits) {
	b.CSeq, b.Expires, b.Grant = cseq, expires, grant
	b.end = expires.Add(l.grace(grant))
}
