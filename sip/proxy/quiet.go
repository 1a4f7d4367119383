package proxy

import (
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/proxy/fork"
)

// A phone in a Do Not Disturb of its own (rule 13).
const (
	// bySelf is how fast only a phone itself refuses, and no hand.
	bySelf = 300 * time.Millisecond
	// quietAfter so many such refusals in a row it is left out, for quietFor or until
	// it registers anew; a refresh is no news.
	quietAfter = 2
	quietFor   = 5 * time.Minute
	// mostRefusals bounds the phones that are counted.
	mostRefusals = 10_000
)

// refusals counts which phones refuse calls by themselves, by their bindings. The
// zero value is ready.
type refusals struct {
	mu    sync.Mutex
	count map[string]quickly // guarded by mu
}

type quickly struct {
	times int
	at    time.Time
}

// again counts one more; true: it was the last that is borne.
func (r *refusals) again(id string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count = make(map[string]quickly)
	}
	c, known := r.count[id]
	if !known && len(r.count) >= mostRefusals && !r.roomLocked(now) {
		return false
	}
	if c.times++; c.times >= quietAfter {
		delete(r.count, id)
		return true
	}
	c.at = now
	r.count[id] = c
	return false
}

// roomLocked forgets those that refused a day ago; false: there are none.
func (r *refusals) roomLocked(now time.Time) bool {
	for id, c := range r.count {
		if now.Sub(c.at) > 24*time.Hour {
			delete(r.count, id)
		}
	}
	return len(r.count) < mostRefusals
}

// forget: the phone has done something else.
func (r *refusals) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.count, id)
}

// phone is one of an agent's that a call rings.
type phone struct {
	agent presence.AgentID
	at    time.Time // when it was sent the INVITE
}

// rings notes whose phone a target is.
func (x *passage) rings(id string, kind presence.DeviceKind, a *presence.Agent) {
	switch kind {
	case presence.KindDesk, presence.KindSoft, presence.KindMobile:
	default:
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.asked == nil {
		x.asked = make(map[string]phone)
	}
	x.asked[id] = phone{agent: a.ID}
}

// refusedItself watches for phones that refuse by themselves, and has the roster
// leave them out.
func (x *passage) refusedItself(e *fork.Event) {
	x.mu.Lock()
	r, ok := x.asked[e.Target]
	if ok && e.What == fork.Tried {
		r.at = e.At
		x.asked[e.Target] = r
	}
	x.mu.Unlock()
	if !ok {
		return
	}
	p := x.p
	switch e.What {
	case fork.Ringing, fork.Answered:
		p.refusals.forget(e.Target)
	case fork.Failed:
		switch {
		case e.Res == nil || e.Status != 480 && e.Status != 486:
		case r.at.IsZero() || e.At.Sub(r.at) > bySelf:
			p.refusals.forget(e.Target)
		case x.otherwiseBusy(r.agent): // busy with another call, that is why
		case p.refusals.again(e.Target, e.At):
			p.o.Roster.Apply(r.agent, roster.Change{Ops: []roster.Op{roster.Quiet{ID: e.Target, Until: e.At.Add(quietFor)}}}, nil)
		}
	}
}

// otherwiseBusy reports whether the agent has another call than this one.
func (x *passage) otherwiseBusy(id presence.AgentID) bool {
	s, ok := x.p.o.Roster.Snapshot(id)
	if !ok {
		return true
	}
	for i := range s.Legs {
		if s.Legs[i].CallID != x.req.CallID() {
			return true
		}
	}
	return false
}
