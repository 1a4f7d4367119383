package proxy

import (
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
)

// ringing are the calls to agents that nobody has answered, for who picks one up.
// They are as many as the forker has under way, and looked through when somebody
// does.
type ringing struct {
	mu    sync.Mutex
	calls map[string]*passage // by Call-ID and the caller's tag; guarded by mu
}

// mostTags is how many early dialogs of one call are known.
const mostTags = 32

// early is what who picks a call up needs to know of it; passage.mu guards it.
type early struct {
	called *presence.Agent
	began  time.Time
	forked *fork.Call
	tags   []string // of the called phones that ring, the latest last
	by     string   // who picks it up at the moment
	late   string   // the target that is rung for him
}

func ringKey(m *message.Message) string { return m.CallID() + "\x00" + m.FromTag() }

func (r *ringing) add(x *passage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls == nil {
		r.calls = make(map[string]*passage)
	}
	r.calls[ringKey(x.req.Message)] = x
}

func (r *ringing) drop(x *passage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := ringKey(x.req.Message); r.calls[k] == x {
		delete(r.calls, k)
	}
}

// named is the call of an early dialog. Phones take its tags from a lamp, and not
// all give each the name that RFC 3891 §3 would: either way they are the
// caller's and that of a phone that rings.
func (r *ringing) named(d message.DialogName) *passage {
	for _, tags := range [][2]string{{d.ToTag, d.FromTag}, {d.FromTag, d.ToTag}} {
		r.mu.Lock()
		x := r.calls[d.CallID+"\x00"+tags[0]]
		r.mu.Unlock()
		if x != nil && slices.Contains(x.earlyTags(), tags[1]) {
			return x
		}
	}
	return nil
}

// longest is the call that has rung longest of those at agents that want it.
func (r *ringing) longest(wanted func(*presence.Agent) bool) (found *passage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.calls {
		if (found == nil || x.early.began.Before(found.early.began)) && wanted(x.early.called) && len(x.earlyTags()) > 0 {
			found = x
		}
	}
	return found
}

// noted lets the call be picked up from now on; begun says what is under way.
func (x *passage) noted(a *presence.Agent) {
	x.early.called, x.early.began = a, time.Now()
	x.p.ringing.add(x)
}

func (x *passage) begun(call *fork.Call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.early.forked = call
}

// earlyTags are those of the phones that ring.
func (x *passage) earlyTags() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.early.tags)
}

// rangLocked notes that a phone rings, or does no more.
func (x *passage) rangLocked(e *fork.Event) {
	y := &x.early
	switch {
	case e.What == fork.Ringing && e.Res.ToTag() != "":
		if _, theirs := x.start.Devices[e.Target]; !theirs {
			return // a fallback, or who picks up
		}
		if tag := e.Res.ToTag(); !slices.Contains(y.tags, tag) && len(y.tags) < mostTags {
			y.tags = append(y.tags, tag)
		}
	case e.What == fork.Failed && e.Target == y.late:
		y.by, y.late = "", ""
	}
}
