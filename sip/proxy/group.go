package proxy

import (
	"cmp"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/presence/waiting"
	"lamplight/sip/message"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transaction"
)

// hunting is a call to a ring group: it is offered to the group's members until one
// of them takes it. Who is offered it is decided anew each time, by how the members
// are then. It advances when nothing rings any more (fork.Plan.Dry).
type hunting struct {
	x *passage
	// sent counts how often the call was sent on to another group or agent, so that
	// it does not go round in circles.
	sent int

	mu       sync.Mutex
	group    *presence.Group                // guarded by mu, as all below
	tried    map[presence.AgentID]time.Time // who was offered the call by this group
	offers   map[string]*offer              // by target
	call     *fork.Call                     // nil until it looks for the first member
	wait     *queued                        // nil: the caller does not wait
	parked   bool                           // was handed to the queue's own URI
	visiting bool                           // it rings at an agent that it was sent on to
	last     bool                           // the way out was taken
	dry      bool                           // nothing rings in the forker, but an offer has not heard of that yet
	code     int                            // of the refusal; zero: 480
	more     []fork.Target                  // to be rung together then
	todo     []func()                       // to be done when mu is free
}

// doLocked has something done as soon as mu is free, in order: what is done to the
// call may come back here as an event.
func (h *hunting) doLocked(f func()) { h.todo = append(h.todo, f) }

func (h *hunting) unlock() {
	todo := h.todo
	h.todo = nil
	h.mu.Unlock()
	for _, f := range todo {
		f()
	}
}

// mostSent is how many groups and agents one call is sent on to.
const mostSent = 5

// group is the one that has the number.
func (p *Proxy) group(c *caller, user string) (*presence.Group, bool) {
	if p.o.Board == nil {
		return nil, false
	}
	return p.o.Directory.GroupByNumber(c.domain.ID, user)
}

// ringGroup takes a call to a group to its members.
func (p *Proxy) ringGroup(req *transaction.Request, c *caller, g *presence.Group) {
	if !p.carries(c) {
		p.redirectGroup(req, c, g)
		return
	}
	if _, ok := p.letOut(req, c, g.Number, true); !ok {
		return
	}
	x := &passage{p: p, req: req, c: *c}
	h := newHunting(x, g)
	x.also, x.dry, x.offers, x.about = h.told, h.next, h.offersTo, g.ID.ID
	x.begin(h.start(), nil, nil)
}

func newHunting(x *passage, g *presence.Group) *hunting {
	return &hunting{x: x, group: g, tried: make(map[presence.AgentID]time.Time), offers: make(map[string]*offer)}
}

func (h *hunting) start() calls.Start {
	c := &h.x.c
	return calls.Start{
		Domain: c.domain.ID, Invite: h.x.req.Message, Caller: c.party(), Open: true, Kind: h.kind(), WrapUp: h.group.WrapUp, Cap: c.domain.Policy.LegCap(),
	}
}

// kind is what the call is: a campaign's where the group or who sends it says so.
func (h *hunting) kind() presence.CallKind {
	if h.group != nil && h.group.CallKind() == presence.CallCampaign {
		return presence.CallCampaign
	}
	return kind(h.x.req, &h.x.c)
}

// next offers the call to the next member, or, when there is none, sends it on.
func (h *hunting) next(call *fork.Call) {
	h.mu.Lock()
	defer h.unlock()
	h.call = call
	if h.dry = h.offeringLocked(); h.dry {
		return // what ends the last offer goes on
	}
	if h.visiting {
		h.visiting = false
		h.doLocked(call.Release) // what was answered is the answer
	}
	for !h.last {
		if h.notYetLocked() {
			return
		}
		h.code = 0
		q := h.questionLocked()
		d := routing.DecideGroup(q)
		if d.Allow || h.wait == nil { // of one who waits on there is nothing to tell
			h.x.turnTo(h.group.ID.ID, &routing.Record{
				Inputs: routing.Inputs{Policy: h.x.c.domain.Policy, Group: &q}, Outcome: routing.Outcome{ID: presence.NewID().String(), Decision: d},
			})
		}
		switch {
		case q.Closed != "": // who waits need not wait on
			h.leaveLocked(waiting.Overflow)
			h.onwardLocked(call, d.Text)
			return
		case h.behindLocked() && q.MayWait():
			if h.waitLocked(call, &q, d.Text) {
				h.wakeNextLocked()
			}
			return
		case d.Allow && h.offerLocked(call, &q, &d.Steps[0]):
			return
		case !d.Allow:
			if !h.waitLocked(call, &q, d.Text) {
				h.code = d.Code
				h.onwardLocked(call, d.Text)
			}
			return
		}
	}
}

// questionLocked is all that the decision is made from.
func (h *hunting) questionLocked() routing.GroupCall {
	p, now := h.x.p, time.Now().UTC()
	q := routing.GroupCall{
		ID: h.x.req.CallID(), Kind: h.kind(), Caller: h.x.c.uri, Group: *h.group, Last: p.o.Board.Last(h.group.ID), At: now,
	}
	q.Closed = routing.GroupClosed(h.group, &h.x.c.domain.Policy, q.Kind, now)
	for _, m := range p.o.Directory.MembersOf(h.group) {
		if c, ok := h.candidateLocked(m, now); ok {
			q.Members = append(q.Members, c)
		}
	}
	q.Group.Members = nil // they are all in Members
	return q
}

func (h *hunting) candidateLocked(m presence.Member, now time.Time) (routing.Candidate, bool) {
	p, dom := h.x.p, h.x.c.domain
	a, ok := p.o.Directory.Agent(m.Agent)
	if !ok {
		return routing.Candidate{}, false
	}
	s, _ := p.o.Roster.Snapshot(m.Agent)
	t := p.o.Board.Tally(h.group.ID, m.Agent, day(dom, now))
	c := routing.Candidate{
		Agent: m.Agent, Number: a.Number, Level: max(m.Level, 1), Tried: h.triedLocked(m.Agent, now), Calls: t.Calls, Rest: t.Rest,
	}
	d := routing.Decide(s, dom.Policy, h.callTo(now))
	c.Free = d.Allow && !d.Fallback
	if c.Why = d.Text; c.Free {
		c.Why = ""
	}
	if c.Free && p.o.Board.Reserved(m.Agent, ringKey(h.x.req.Message), now) {
		c.Free, c.Soon, c.Why = false, true, "is being offered another call"
	}
	if m.Agent == h.x.c.agent { // does not wait for himself
		c.Free, c.Soon, c.Why = false, false, "is who calls"
		return c, true
	}
	if s != nil {
		c.Idle = s.Team.Since
		c.Soon = c.Soon || (s.Engaged || s.Offered || !s.Base) && h.admits(s)
	}
	return c, true
}

// triedLocked: was offered this call already, or, where the caller waits, just now.
func (h *hunting) triedLocked(a presence.AgentID, now time.Time) bool {
	at, ok := h.tried[a]
	return ok && (h.wait == nil || now.Sub(at) < breath)
}

// admits: the agent's own word lets the group's calls through.
func (h *hunting) admits(s *presence.Snapshot) bool {
	if h.kind() == presence.CallCampaign {
		return s.RoutesCampaign && s.Online
	}
	return s.RoutesRegular && s.Settings.Options.Any()
}

func (h *hunting) callTo(now time.Time) routing.Call {
	return routing.Call{ID: h.x.req.CallID(), Kind: h.kind(), Caller: h.x.c.uri, Group: h.group.Number, Hours: h.group.Hours, At: now}
}

// day is the one that calls are counted on.
func day(dom *presence.Domain, now time.Time) string {
	return dom.Policy.Zone.In(now).Format(time.DateOnly)
}

// onwardLocked is where a call goes that nobody of the group takes: to another
// group, to an agent, outside, or back with a refusal.
func (h *hunting) onwardLocked(call *fork.Call, why string) {
	p := &h.x.c.domain.Policy
	to := cmp.Or(h.group.Fallback, p.Fallback)
	if routing.GroupClosed(h.group, p, h.kind(), time.Now()) != "" {
		to = cmp.Or(h.group.AfterHours, p.AfterHours, to)
	}
	h.sendLocked(call, to, why)
}

// sendLocked sends the call on to a number or URI; without one it is refused.
func (h *hunting) sendLocked(call *fork.Call, to, why string) {
	x := h.x
	if h.sent++; to == "" || h.sent > mostSent {
		h.giveUpLocked(call, why)
		return
	}
	x.say("fallback", why+": sent on to "+to)
	if g, ok := x.p.innerGroup(&x.c, to); ok && (h.group == nil || g.ID != h.group.ID) {
		h.group, h.tried = g, make(map[presence.AgentID]time.Time)
		h.doLocked(func() { h.next(call) })
		return
	}
	h.last = true
	if a, ok := x.p.innerAgent(&x.c, to); ok {
		h.visitLocked(call, a)
		return
	}
	t, no := x.target(&routing.Target{ID: "fallback", Kind: routing.KindFallback, URI: routing.Dialled(to, "@"+x.c.domain.Name())}, nil)
	if no != "" {
		x.say("fallback", no)
		h.giveUpLocked(call, why)
		return
	}
	h.doLocked(func() {
		call.Add(t)
		call.Release() // what it answers is the answer
	})
}

// giveUpLocked refuses the call, in words.
func (h *hunting) giveUpLocked(call *fork.Call, why string) {
	h.last = true
	h.x.because(why)
	code := cmp.Or(h.code, 480)
	h.doLocked(func() { call.Refuse(code) })
}

// onward makes a call to an agent go on to a group or an agent of ours when nobody
// has answered.
func (x *passage) onward(to, why string) {
	h := newHunting(x, nil)
	x.also, x.offers = h.told, h.offersTo
	x.dry = func(call *fork.Call) {
		if x.isWaking() {
			return
		}
		h.mu.Lock()
		defer h.unlock()
		switch {
		case h.group != nil || h.visiting: // it has gone on
			h.doLocked(func() { h.next(call) })
		case !h.last:
			h.sendLocked(call, to, why)
		}
	}
}

// inner is the user of a fallback that is one of ours.
func inner(c *caller, to string) (user string, ok bool) {
	u, err := message.ParseURI(routing.Dialled(to, "@"+c.domain.Name()))
	if err != nil || !ours(c.domain, u.Host) {
		return "", false
	}
	return u.UserDecoded(), true
}

func (p *Proxy) isInner(c *caller, to string) bool {
	_, group := p.innerGroup(c, to)
	_, agent := p.innerAgent(c, to)
	return group || agent
}

func (p *Proxy) innerGroup(c *caller, to string) (*presence.Group, bool) {
	user, ok := inner(c, to)
	if !ok {
		return nil, false
	}
	return p.group(c, user)
}

func (p *Proxy) innerAgent(c *caller, to string) (*presence.Agent, bool) {
	user, ok := inner(c, to)
	if !ok {
		return nil, false
	}
	return p.o.Directory.AgentByNumber(c.domain.ID, user)
}
