package proxy

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/presence/waiting"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
)

// QueueHeader tells who waits in a group his place: "position=2;waiting=5".
const QueueHeader = "X-Lamplight-Queue"

// Times of waiting.
const (
	// lookAt is how soon a caller hears that his place is another.
	lookAt = 10 * time.Second
	// sayAgain is how often a caller hears that he waits: proxies give up what is
	// silent for three minutes (RFC 3261 §13.3.1.1 asks for every minute).
	sayAgain = time.Minute
	// breath is how soon a member is offered the same call again whom no rest keeps
	// from it.
	breath = 3 * time.Second
)

// queued is a caller who waits in a group.
type queued struct {
	place   *waiting.Place
	again   *time.Timer // of the next look at his place
	told    int         // the place he was told last
	at      time.Time   // when
	limit   *time.Timer // of the whole wait
	rest    *time.Timer // until a member has rested
	overdue bool        // the wait is over, but it rings
}

// AgentChanged has to be told of every snapshot: whoever waits in a group is offered
// to a member who becomes free.
func (p *Proxy) AgentChanged(s *presence.Snapshot) {
	if s.Offered || !s.Regular && !s.Campaign {
		return
	}
	a, ok := p.o.Directory.Agent(s.Agent)
	if !ok {
		return
	}
	var theirs []presence.GroupID
	for _, id := range p.o.Lines.Groups() {
		if g, ok := p.o.Directory.Group(id); ok && p.o.Directory.IsMember(g, a) {
			theirs = append(theirs, id)
		}
	}
	if len(theirs) > 0 {
		p.o.Carrier.Forker.Go(func() {
			for _, id := range theirs { // one after the other: who waits longest has the first try
				p.o.Lines.Wake(id)
			}
		})
	}
}

// behindLocked reports whether others wait whom a new caller must not overtake.
func (h *hunting) behindLocked() bool {
	return h.wait == nil && h.group.Queue.Size > 0 && h.x.p.o.Lines.Waits(h.group.ID, h.kind())
}

// notYetLocked reports whether a caller who waits has to go on doing so, as it is not
// his turn.
func (h *hunting) notYetLocked() bool {
	if h.wait == nil {
		return false
	}
	h.wait.place.Offered("")
	return !h.wait.place.First()
}

// waitLocked lets the caller wait, where the group lets callers wait and somebody
// may become free; false: he cannot.
func (h *hunting) waitLocked(call *fork.Call, q *routing.GroupCall, why string) bool {
	rules := &h.group.Queue
	switch {
	case !rules.Has() || h.parked:
		return false
	case rules.Park != "":
		h.parked = true
		h.sendLocked(call, rules.Park, why)
		return true
	case !q.MayWait():
		h.overflowLocked(call, rules.Nobody, why)
		return true
	case h.wait != nil && h.wait.overdue:
		h.overflowLocked(call, rules.TooLong, "waited too long")
		return true
	case h.wait == nil && !h.joinLocked(call, rules):
		h.overflowLocked(call, rules.Full, "the queue is full")
		return true
	}
	h.restLocked(call, q)
	return true
}

func (h *hunting) joinLocked(call *fork.Call, rules *presence.Queue) bool {
	x := h.x
	place, err := x.p.o.Lines.Join(h.group.ID, rules.Size, waiting.Caller{
		CallID: x.req.CallID(), URI: x.c.uri, Since: time.Now().UTC(), Kind: h.kind(), Priority: x.priority(),
		Wake: func() { h.next(call) }, Stop: func(why string) { h.stop(call, why) },
	})
	if err != nil {
		return false
	}
	x.say("queue", "waits")
	w := &queued{place: place}
	w.limit = time.AfterFunc(rules.WaitTime(), func() { h.overdue(call, w) })
	h.wait = w
	h.sayLocked(call)
	return true
}

// priority is how urgent a peer says that the call is (RFC 3261 §20.26).
func (x *passage) priority() int {
	if x.c.peer == nil {
		return 0
	}
	switch strings.ToLower(x.req.Get("Priority")) {
	case "emergency":
		return 2
	case "urgent":
		return 1
	case "non-urgent":
		return -1
	}
	return 0
}

// stop ends the call of who waits.
func (h *hunting) stop(call *fork.Call, why string) {
	h.x.because(why)
	call.Refuse(503)
}

// sayLocked tells the caller that he waits: now, each minute from now on, and when
// his place is another.
func (h *hunting) sayLocked(call *fork.Call) {
	w := h.wait
	at, of := w.place.Position()
	if at == w.told && time.Since(w.at) < sayAgain {
		h.againLocked(call)
		return
	}
	w.told, w.at = at, time.Now()
	h.doLocked(func() {
		call.Provisional(182, "Queued, Position "+strconv.Itoa(at),
			message.Header{Name: message.Contact, Value: h.x.p.o.Carrier.Relay.Here(h.x.req.Flow)},
			message.Header{Name: QueueHeader, Value: "position=" + strconv.Itoa(at) + ";waiting=" + strconv.Itoa(of)})
	})
	h.againLocked(call)
}

// againLocked looks at the caller's place after a while. While he is being offered
// to somebody he hears that it rings.
func (h *hunting) againLocked(call *fork.Call) {
	w := h.wait
	w.again = time.AfterFunc(lookAt, func() {
		h.mu.Lock()
		defer h.unlock()
		switch {
		case h.wait != w || h.last:
		case h.offeringLocked():
			h.againLocked(call)
		default:
			if h.sayLocked(call); time.Since(w.at) < time.Second {
				h.doLocked(func() { h.next(call) }) // the members may be others by now
			}
		}
	})
}

// offeringLocked reports whether somebody's phones ring for the caller.
func (h *hunting) offeringLocked() bool {
	for _, o := range h.offers {
		if !o.closed {
			return true
		}
	}
	return false
}

// restLocked wakes the caller when the first member has rested whom nothing else
// keeps from the call: nobody else will tell.
func (h *hunting) restLocked(call *fork.Call, q *routing.GroupCall) {
	var first time.Time
	for i := range q.Members {
		m := &q.Members[i]
		if !m.Free {
			continue
		}
		at := m.Rest
		if m.Tried {
			at = q.At.Add(breath)
		}
		// Who has rested already is left out for another reason.
		if at.After(q.At) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if h.wait.rest != nil {
		h.wait.rest.Stop()
	}
	if !first.IsZero() {
		h.wait.rest = time.AfterFunc(max(time.Until(first), 0)+time.Millisecond, func() { h.next(call) })
	}
}

// overdue: the wait is over.
func (h *hunting) overdue(call *fork.Call, w *queued) {
	h.mu.Lock()
	w.overdue = true
	h.unlock()
	h.next(call)
}

// overflowLocked sends the caller where the queue's rule says, else where the
// group's calls go that nobody takes.
func (h *hunting) overflowLocked(call *fork.Call, to, why string) {
	h.leaveLocked(waiting.Overflow)
	h.sendLocked(call, cmp.Or(to, h.group.Fallback, h.x.c.domain.Policy.Fallback), why)
}

// leaveLocked takes the caller out of the line; the next one may have his turn.
func (h *hunting) leaveLocked(how string) {
	w := h.wait
	if w == nil {
		return
	}
	h.wait = nil
	for _, t := range []*time.Timer{w.again, w.limit, w.rest} {
		if t != nil {
			t.Stop()
		}
	}
	w.place.Leave(how)
	h.wakeNextLocked()
}

// wakeNextLocked has the next in line look for another member.
func (h *hunting) wakeNextLocked() {
	id := h.group.ID
	h.doLocked(func() { h.x.p.o.Carrier.Forker.Go(func() { h.x.p.o.Lines.Wake(id) }) })
}
