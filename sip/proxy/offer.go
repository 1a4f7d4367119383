package proxy

import (
	"cmp"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/presence/routing"
	"lamplight/presence/waiting"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/push"
)

// offer is a group's call that is offered to one member: his devices ring, and no
// other group call rings them (rule 17 of presence/RULES.md).
type offer struct {
	agent  *presence.Agent
	group  *presence.Group // nil: not a group's, the call was sent on to the agent
	record *routing.Record
	open   int           // devices that may still answer
	later  []fork.Target // those that ring after a while
	timers []*time.Timer
	ends   time.Time // of the ringing
	waking bool      // a push may bring one more
	stop   func()    // ends the waking
	status int       // the worst that was heard of a device
	rang   bool      // some device rang
	closed bool
}

// Bounds of an offer.
const (
	// leaseOver is how much longer than the ringing a lease holds, should nothing
	// end it.
	leaseOver = 15 * time.Second
	// leastRing is how long a mobile rings that has woken late.
	leastRing = 5 * time.Second
	// alertAfter is how many misses in a row are worth an alert (rule 17).
	alertAfter = 3
)

// offerLocked offers the call to the members of a step; false: none of them has a
// device that can be rung after all.
func (h *hunting) offerLocked(call *fork.Call, q *routing.GroupCall, step *routing.Step) bool {
	var to []string
	for _, t := range step.Targets {
		for i := range q.Members {
			if m := &q.Members[i]; m.Number == t.ID {
				h.tried[m.Agent] = q.At
				if h.offerToLocked(call, m.Agent) {
					to = append(to, m.Number)
				}
			}
		}
	}
	if len(to) > 0 && h.wait != nil {
		h.wait.place.Offered(strings.Join(to, ", "))
		h.wakeNextLocked()
	}
	return len(to) > 0
}

func (h *hunting) offerToLocked(call *fork.Call, id presence.AgentID) bool {
	x, now := h.x, time.Now()
	a, ok := x.p.o.Directory.Agent(id)
	if !ok {
		return false
	}
	until := now.Add(h.group.RingTime() + leaseOver)
	if !x.p.o.Board.Reserve(id, ringKey(x.req.Message), until, now) {
		delete(h.tried, id) // had no chance; the decision sees him reserved
		return false
	}
	x.p.o.Board.Offered(h.group.Domain, h.group.ID, id)
	x.p.o.Roster.Apply(id, roster.Change{Ops: []roster.Op{roster.PutOffer{Offer: presence.Offer{
		ID: ringKey(x.req.Message), CallID: x.req.CallID(), Kind: h.kind(), Group: h.group.Number, Expires: until,
	}}}}, nil)
	o := &offer{agent: a, group: h.group, record: x.p.record(&x.c, a, h.callTo(now.UTC()))}
	return h.ringLocked(call, o, h.group.RingTime())
}

// visitLocked rings an agent that the call was sent on to.
func (h *hunting) visitLocked(call *fork.Call, a *presence.Agent) {
	x := h.x
	c := routing.Call{ID: x.req.CallID(), Kind: h.kind(), Caller: x.c.uri, At: time.Now().UTC()}
	o := &offer{agent: a, record: x.p.record(&x.c, a, c)}
	if !h.ringLocked(call, o, x.c.domain.Policy.RingTime()) {
		h.code = o.record.Decision.Code
		h.giveUpLocked(call, o.record.Decision.Text)
		return
	}
	h.visiting = true
}

// ringLocked rings the agent's devices for so long; false: there is none.
func (h *hunting) ringLocked(call *fork.Call, o *offer, ring time.Duration) bool {
	x := h.x
	var steps []fork.Step
	var asleep []string
	if h.call = call; o.record.Decision.Fallback { // one after the other, not in circles
		o.record.LeftOut = append(o.record.LeftOut, "fallback: another's call does not go on there")
	} else {
		steps, asleep = x.stepsOf(o.record, o.agent)
	}
	devices := devices(&o.record.Decision)
	for i := range steps {
		if i > 0 && steps[i].After >= ring {
			break // their turn does not come
		}
		for _, t := range steps[i].Targets {
			if t.Ring = min(t.Ring, ring); t.Ring <= 0 {
				t.Ring = ring
			}
			h.offers[t.ID] = o
			o.open++
			x.call.Join(t.ID, calls.Party{Agent: o.agent.ID, Device: devices[t.ID]})
			if steps[i].After <= 0 || i == 0 {
				h.togetherLocked(call, t)
				continue
			}
			t.Ring = min(t.Ring, ring-steps[i].After)
			o.later = append(o.later, t)
			o.timers = append(o.timers, time.AfterFunc(steps[i].After, func() { h.due(call, o, t.ID) }))
		}
	}
	if len(asleep) > 0 && x.p.o.Waker != nil {
		h.wakeLocked(call, o, asleep, ring)
	}
	if o.open == 0 && !o.waking {
		h.closeLocked(o, 430)
		return false
	}
	return true
}

// togetherLocked rings it with all others of this decision: they share the breadth
// of the call.
func (h *hunting) togetherLocked(call *fork.Call, t fork.Target) {
	if h.more = append(h.more, t); len(h.more) > 1 {
		return
	}
	h.doLocked(func() {
		h.mu.Lock()
		more := h.more
		h.more = nil
		h.mu.Unlock()
		call.Add(more...)
	})
}

// due rings a device whose delay is over.
func (h *hunting) due(call *fork.Call, o *offer, id string) {
	h.mu.Lock()
	defer h.unlock()
	for i, t := range o.later {
		if t.ID == id && !o.closed {
			o.later = append(o.later[:i:i], o.later[i+1:]...)
			h.doLocked(func() { call.Add(t) })
			return
		}
	}
}

// hurryLocked rings what would follow after a while, if nothing of the agent's rings
// any more.
func (h *hunting) hurryLocked(o *offer) {
	if len(o.later) == 0 || o.open > len(o.later) {
		return
	}
	t, call := o.later[0], h.call
	o.later = o.later[1:]
	h.doLocked(func() { call.Add(t) })
}

// offersTo reports whether the target is one of those who are offered the call.
func (h *hunting) offersTo(target string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.offers[target] != nil
}

// wakeLocked has a push wake mobiles, which ring as they register.
func (h *hunting) wakeLocked(call *fork.Call, o *offer, asleep []string, ring time.Duration) {
	if !call.Hold() {
		return
	}
	o.waking, o.ends = true, time.Now().Add(ring)
	for _, id := range asleep {
		h.offers[id] = o
	}
	o.timers = append(o.timers, time.AfterFunc(ring, func() { h.overslept(call, o) }))
	o.stop = h.x.p.o.Waker.Wake(o.agent.ID, asleep, h.x.req.CallID(), func(e push.Event) { h.x.p.o.Carrier.Forker.Go(func() { h.woken(call, o, e) }) })
}

// overslept: nobody is offered a call for longer than it may ring, whatever a push
// still brings.
func (h *hunting) overslept(call *fork.Call, o *offer) {
	h.mu.Lock()
	defer h.unlock()
	h.wokenAllLocked(call, o)
}

// wokenAllLocked: no push brings any more. Who was not rung has missed nothing.
func (h *hunting) wokenAllLocked(call *fork.Call, o *offer) {
	if !o.waking {
		return
	}
	if o.waking = false; o.open == 0 && !o.closed {
		h.closeLocked(o, cmp.Or(o.status, 430))
	}
	h.doLocked(call.Release)
}

func (h *hunting) woken(call *fork.Call, o *offer, e push.Event) {
	h.mu.Lock()
	defer h.unlock()
	if o.closed {
		return
	}
	id := e.Asked
	if e.Woken {
		id = e.Binding
	}
	o.record.Tries = append(o.record.Tries, routing.Try{Target: id, What: e.Text(), At: time.Now().UTC()})
	if e.Woken && o.waking {
		if t, why := h.x.binding(fork.Target{ID: e.Binding, Ring: max(time.Until(o.ends), leastRing)}, o.agent); why == "" {
			h.offers[t.ID] = o
			o.open++
			h.x.call.Join(t.ID, calls.Party{Agent: o.agent.ID, Device: devices(&o.record.Decision)[e.Asked]})
			h.doLocked(func() { call.Add(t) })
		}
	}
	if e.Last {
		h.wokenAllLocked(call, o)
	}
}

// told takes what happens to the call, for the offers.
func (h *hunting) told(e fork.Event) {
	h.mu.Lock()
	defer h.unlock()
	if e.What == fork.Over {
		h.overLocked(e.Status)
		return
	}
	o := h.offers[e.Target]
	if o == nil || o.closed {
		return
	}
	o.record.Tries = append(o.record.Tries, routing.Try{Target: e.Target, What: tried(e.What), Status: e.Status, At: e.At.UTC()})
	switch e.What {
	case fork.Ringing:
		o.rang = true
	case fork.Answered:
		h.answeredLocked(o, e.Status)
	case fork.Failed:
		o.open--
		o.status = max(o.status, o.missStatus(e.Status))
		if h.hurryLocked(o); o.open == 0 && !o.waking {
			h.closeLocked(o, o.status)
			if call := h.call; h.wait != nil || h.dry {
				h.doLocked(func() { h.next(call) })
			}
		}
	}
}

// missStatus ranks what a device says: that nobody took the call counts for more
// than that it could not be rung. A phone or page that is dead speaks for nobody.
func (o *offer) missStatus(status int) int {
	switch {
	case status == 486, status == 600, status == 603, o.rang && (status == 408 || status == 480):
		return status + 1000
	}
	return status
}

func (h *hunting) answeredLocked(o *offer, status int) {
	if o.group != nil {
		h.x.p.o.Board.Answered(o.group.Domain, o.group.ID, o.agent.ID, day(h.x.c.domain, time.Now()))
	}
	h.endLocked(o, status)
}

// closeLocked ends an offer that was not taken.
func (h *hunting) closeLocked(o *offer, status int) {
	missed := status >= 1000
	status %= 1000
	if o.group != nil {
		h.missedLocked(o, missed)
	}
	h.endLocked(o, status)
}

// missedLocked: the member is skipped for a while; several in a row may have a
// consequence. Who is in another call by now has missed nothing.
func (h *hunting) missedLocked(o *offer, missed bool) {
	p, g, a := h.x.p, o.group, o.agent
	s, _ := p.o.Roster.Snapshot(a.ID)
	if s != nil && s.Engaged {
		return
	}
	rest := time.Now().Add(g.RestTime())
	if !missed {
		p.o.Board.Rest(g.Domain, g.ID, a.ID, rest)
		return
	}
	n := p.o.Board.Missed(g.Domain, g.ID, a.ID, rest)
	log := p.o.Log.With().Str("group", g.Number).Str("agent", a.Number).Int("in_a_row", n).Logger()
	if n == alertAfter {
		p.alerts.Inc()
		log.Warn().Msg("an agent does not take the group's calls")
	}
	if g.Misses.Most > 0 && n >= g.Misses.Most {
		p.o.Board.Forgive(g.Domain, g.ID, a.ID)
		p.o.Roster.Apply(a.ID, roster.Change{
			Cause: presence.CauseNoAnswer, Actor: "group:" + g.Number, Ops: []roster.Op{roster.Select{Status: g.Misses.Status}},
		}, func(_ *presence.Snapshot, err error) {
			if err != nil {
				log.Error().Err(err).Str("status", string(g.Misses.Status)).Msg("status of an agent who takes no calls")
			}
		})
	}
}

// endLocked frees the agent, and keeps why he was rung and what came of it.
func (h *hunting) endLocked(o *offer, status int) {
	if o.closed {
		return
	}
	o.closed = true
	for _, t := range o.timers {
		t.Stop()
	}
	x := h.x
	if o.stop != nil {
		h.doLocked(o.stop)
	}
	if o.group != nil {
		x.p.o.Board.Release(o.agent.ID, ringKey(x.req.Message)) // first: whoever hears of the offer's end may take him
		x.p.o.Roster.Apply(o.agent.ID, roster.Change{Ops: []roster.Op{roster.EndOffer{ID: ringKey(x.req.Message)}}}, nil)
	}
	o.record.Status = status
	x.p.keep(&x.c, o.agent.ID.ID, o.record)
}

// overLocked: the call has its answer, and nobody is reserved for it any more.
func (h *hunting) overLocked(status int) {
	h.last = true
	for _, o := range h.offers {
		h.endLocked(o, status)
	}
	switch {
	case status < 300:
		h.leaveLocked(waiting.Served)
	default:
		h.leaveLocked(waiting.Abandoned)
	}
}
