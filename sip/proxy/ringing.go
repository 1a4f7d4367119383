package proxy

import (
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
)

// ringing are the calls that nobody has answered yet, for who picks one up. They
// are as many as the forker has under way, and looked through when somebody does.
type ringing struct {
	mu    sync.Mutex          // taken after a passage's, never before
	calls map[string]*passage // by Call-ID and the caller's tag; guarded by mu
}

// mostTags is how many early dialogs of one call are known.
const mostTags = 100

// early is what who picks a call up needs to know of it; passage.mu guards it.
type early struct {
	began  time.Time
	forked *fork.Call
	rung   []rung   // the latest last
	by     string   // who picks it up at the moment
	late   []string // the targets that are rung for him
	taken  bool     // somebody has answered
	unfit  bool     // who was to replace a dialog rings instead
}

// rung is a phone that rings: its early dialog's tag.
type rung struct{ target, tag string }

// ringKey names a call by its Call-ID and its caller's tag: one Call-ID may be that of two
// calls of one caller.
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

// named is the call of an early dialog, and who is rung in it. Phones take its tags
// from a lamp, and not all give each the name that RFC 3891 §3 would: either way
// they are the caller's and that of a phone that rings.
func (r *ringing) named(d message.DialogName) (*passage, presence.AgentID) {
	for _, tags := range [][2]string{{d.ToTag, d.FromTag}, {d.FromTag, d.ToTag}} {
		r.mu.Lock()
		x := r.calls[d.CallID+"\x00"+tags[0]]
		r.mu.Unlock()
		if x == nil {
			continue
		}
		for _, one := range x.phonesThatRing() {
			if one.tag == tags[1] {
				return x, x.call.Who(one.target)
			}
		}
	}
	return nil, presence.AgentID{}
}

// longest is the call that has rung longest of those that are wanted, by the agents
// who are rung.
func (r *ringing) longest(wanted func(*passage, presence.AgentID) bool) (found *passage) {
	r.mu.Lock()
	all := make([]*passage, 0, len(r.calls))
	for _, x := range r.calls {
		all = append(all, x)
	}
	r.mu.Unlock()
	for _, x := range all {
		if found != nil && !x.early.began.Before(found.early.began) {
			continue
		}
		for _, one := range x.phonesThatRing() {
			if who := x.call.Who(one.target); !who.IsZero() && wanted(x, who) {
				found = x
				break
			}
		}
	}
	return found
}

// begun lets the call be picked up from now on.
func (x *passage) begun(call *fork.Call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.early.forked, x.early.began = call, time.Now()
	if x.call != nil && !x.over {
		x.p.ringing.add(x)
	}
}

// taken is the end of picking up, before the caller can hear of the answer.
func (x *passage) taken() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.early.rung, x.early.taken = nil, true
}

func (x *passage) phonesThatRing() []rung {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.early.rung)
}

// rangLocked notes that a phone rings, or does no more.
func (x *passage) rangLocked(e *fork.Event) {
	y := &x.early
	switch e.What {
	case fork.Ringing:
		one := rung{e.Target, e.Res.ToTag()}
		if one.tag != "" && !slices.Contains(y.late, e.Target) && !slices.Contains(y.rung, one) && len(y.rung) < mostTags {
			y.rung = append(y.rung, one)
		}
	case fork.Failed, fork.Moved, fork.Canceled:
		y.rung = slices.DeleteFunc(y.rung, func(r rung) bool { return r.target == e.Target })
		if i := slices.Index(y.late, e.Target); i >= 0 {
			if y.late = slices.Delete(y.late, i, i+1); len(y.late) == 0 {
				y.by = ""
			}
		}
	}
}
