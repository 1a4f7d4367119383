package proxy

import (
	"slices"
	"strconv"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/routing"
	"lamplight/sip/featurecode"
	"lamplight/sip/message"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/quirks"
	"lamplight/sip/transaction"
)

// picker is who takes a call that rings at somebody else, and what he dialled.
type picker struct {
	caller
	req    *transaction.Request
	agent  *presence.Agent
	number string // as dialled, for the record
	callID string // of the call that was named; empty: none was
	does   presence.FeatureWord
}

// pickupCode takes the call that a feature code asks for; false: it is no such code.
func (p *Proxy) pickupCode(req *transaction.Request, by *caller, dialled string) bool {
	code, number, ok := by.domain.Policy.Codes.Find(dialled)
	if !ok || code.Does != presence.FeaturePickup && code.Does != presence.FeatureGroupPickup {
		return false
	}
	k, ok := p.picker(req, by, dialled, code.Does)
	if !ok {
		return true
	}
	if code.Does == presence.FeatureGroupPickup {
		mates := p.mates(k.agent)
		x := p.ringing.longest(func(_ *passage, whom presence.AgentID) bool { return mates[whom] })
		p.pickUp(k, x, "No call rings in your teams")
		return true
	}
	if g, ok := p.o.Directory.GroupByNumber(by.domain.ID, number); ok {
		p.pickUpOfGroup(k, g)
		return true
	}
	whom, ok := p.o.Directory.AgentByNumber(by.domain.ID, number)
	if !ok {
		whom, ok = p.o.Directory.AgentByAOR(number, by.domain.Name())
	}
	switch {
	case !ok:
		p.refusePickup(k, 404, "There is no such agent")
	case !p.mayPickUp(k.agent, whom):
		p.refusePickup(k, 403, "You may not take calls of "+whom.Number)
	default:
		p.pickUp(k, p.ringing.longest(func(_ *passage, a presence.AgentID) bool { return a == whom.ID }), "No call rings at "+whom.Number)
	}
	return true
}

// pickUpOfGroup takes a call to a ring group, at whomever of its members it rings.
func (p *Proxy) pickUpOfGroup(k *picker, g *presence.Group) {
	x := p.ringing.longest(func(x *passage, who presence.AgentID) bool {
		u, err := message.ParseURI(x.req.URI)
		whom, ok := p.o.Directory.Agent(who)
		return err == nil && ok && u.UserDecoded() == g.Number && x.c.domain.ID == g.Domain && p.mayPickUp(k.agent, whom)
	})
	p.pickUp(k, x, "No call rings at "+g.Number+" that you may take")
}

// mayPickUp is the domain's choice; who is in a ring group with somebody is in one
// team with him.
func (p *Proxy) mayPickUp(by, whom *presence.Agent) bool {
	dom, ok := p.o.Directory.Domain(by.Domain)
	if !ok {
		return false
	}
	policy := dom.Policy.WithDefaults()
	return policy.MayPickUp(by, whom) || policy.Pickup == presence.PickupTeam && by.Domain == whom.Domain && p.mates(by)[whom.ID]
}

// mates are those whose calls an agent's code of the team may take.
func (p *Proxy) mates(a *presence.Agent) map[presence.AgentID]bool {
	dom, ok := p.o.Directory.Domain(a.Domain)
	if !ok || dom.Policy.Pickup == presence.PickupNone {
		return nil
	}
	out := make(map[presence.AgentID]bool)
	for _, t := range a.Teams {
		for _, mate := range p.o.Directory.Team(a.Domain, directory.TeamAddress(t)) {
			out[mate.ID] = true
		}
	}
	for _, g := range p.o.Directory.GroupsOf(a.ID) {
		for _, m := range p.o.Directory.MembersOf(g) {
			out[m.Agent] = true
		}
	}
	delete(out, a.ID)
	return out
}

// picker is the agent of the device that asks; on false it was answered.
func (p *Proxy) picker(req *transaction.Request, by *caller, dialled string, does presence.FeatureWord) (*picker, bool) {
	k := &picker{caller: *by, req: req, number: dialled, does: does}
	a, ok := p.o.Directory.Agent(by.agent)
	if k.agent = a; by.agent.IsZero() || !ok {
		return nil, p.refusePickup(k, 403, "Nobody is logged in at this phone")
	}
	if p.o.Carrier == nil {
		return nil, p.refusePickup(k, 403, "Calls are redirected here, not carried")
	}
	return k, true
}

// refusePickup answers with a reason in words, and returns false.
func (p *Proxy) refusePickup(k *picker, status int, why string) bool {
	p.respond(k.req, message.NewResponse(k.req.Message, status, "").Add(message.Reason, reason(status, why)))
	if k.agent != nil {
		r := p.pickupRecord(k, k.callID)
		r.Status, r.LeftOut = status, []string{"pickup: " + why}
		p.keep(&k.caller, k.agent.ID.ID, r)
	}
	return false
}

// pickupRecord is for who asks later what became of the attempt.
func (p *Proxy) pickupRecord(k *picker, callID string) *routing.Record {
	s, _ := p.o.Roster.Snapshot(k.agent.ID)
	call := routing.OutboundCall{ID: k.req.CallID(), Number: k.number, Device: k.device, Pickup: callID, At: time.Now().UTC()}
	return &routing.Record{
		Inputs:  routing.Inputs{Snapshot: s, Policy: k.domain.Policy, Outbound: &call},
		Outcome: routing.Outcome{ID: presence.NewID().String(), Decision: routing.DecideOutbound(s, k.domain.Policy, call)},
	}
}

// pickUp connects the picker to the caller of a call that rings, in the way that
// the caller's phone allows (see the package's comment).
func (p *Proxy) pickUp(k *picker, x *passage, none string) {
	if x == nil || !x.claim(k.agent) {
		p.refusePickup(k, 480, none)
		return
	}
	r := p.pickupRecord(k, x.req.CallID())
	if to, ok := x.atCaller(); ok {
		x.replaced(k, r, to)
		return
	}
	x.joined(k, r)
}

// claim makes the agent the one who picks the call up; false: another one does, or
// nobody can any more.
func (x *passage) claim(by *presence.Agent) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || x.early.taken || x.early.forked == nil || x.early.by != "" {
		return false
	}
	x.early.by = by.Number
	x.tryLocked("picked up by " + by.Number)
	return true
}

// unclaim: it came to nothing.
func (x *passage) unclaim() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.early.by, x.early.late = "", nil
}

func (x *passage) tryLocked(what string) {
	if x.record != nil && !x.over {
		x.record.Tries = append(x.record.Tries, routing.Try{Target: "pickup", What: what, At: time.Now().UTC()})
	}
}

// atCaller is the caller's phone, if it can be told to have another dialog take
// the place of the one that rings: only who began an early dialog may be asked
// for that (RFC 3891 §3).
func (x *passage) atCaller() (fork.Target, bool) {
	m := x.req.Message
	contacts, err := m.Contacts()
	if err != nil || len(contacts) == 0 || !m.Supports("replaces") || x.c.peer != nil && !x.c.peer.Replaces ||
		x.p.phones.Load().Find(m.Get(message.UserAgent)).Quirks.Has(quirks.NoReplaces) {
		return fork.Target{}, false
	}
	rung := x.phonesThatRing()
	if len(rung) == 0 {
		return fork.Target{}, false
	}
	name := message.DialogName{CallID: m.CallID(), ToTag: m.FromTag(), FromTag: rung[len(rung)-1].tag, EarlyOnly: true}
	return fork.Target{
		ID: "caller", URI: contacts[0].URI, Route: m.Values(message.RecordRoute), Flow: x.req.Flow, Ring: replaceTime,
		Headers: []message.Header{{Name: message.Replaces, Value: name.String()}, {Name: message.Require, Value: "replaces"}},
	}, true
}

// replaceTime is how long the caller's phone may take to replace the early dialog:
// nobody is asked, so it does so at once.
const replaceTime = 2 * time.Second

// replaced passes the picker's INVITE on to the caller, whose phone answers it
// and takes its own back. Where it refuses, or rings, which means that it has not
// understood, the picker's phone is rung instead.
func (x *passage) replaced(k *picker, r *routing.Record, to fork.Target) {
	x.early.forked.Elsewhere(true)
	y := &passage{p: x.p, req: k.req, c: k.caller, record: r}
	y.c.drop = message.Replaces // ours says which of the two tags is whose
	y.also = func(e fork.Event) {
		switch {
		case e.What == fork.Answered:
			x.early.forked.Taken()
		case e.What == fork.Ringing:
			y.stops()
		case e.What == fork.Over && e.Status >= 300:
			x.early.forked.Elsewhere(false)
			if e.Status == 487 || !x.ring(k) {
				x.unclaim()
			}
		}
	}
	y.begin(calls.Start{
		Domain: k.domain.ID, Invite: k.req.Message, Caller: k.party(), Callee: x.c.party(), Devices: map[string]presence.DeviceID{to.ID: x.c.device},
		Kind: x.start.Kind, Remote: x.req.From(), Cap: k.domain.Policy.LegCap(),
	}, []fork.Step{{Targets: []fork.Target{to}}}, nil)
	if y.rangInstead() {
		y.stops() // it rang before it could be taken back
	}
}

// stops takes back an INVITE that a phone should have answered and rings with; it
// has not missed a call either.
func (x *passage) stops() {
	x.mu.Lock()
	x.early.unfit = true
	call := x.early.forked
	x.mu.Unlock()
	if call != nil {
		call.Elsewhere(true)
		call.Refuse(480)
	}
}

func (x *passage) rangInstead() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.early.unfit
}

// joined answers the picker that his own phone will ring, and has it ring once it
// is free: it becomes one more place of the call that he picks up.
func (x *passage) joined(k *picker, r *routing.Record) {
	if !x.early.forked.Hold() {
		x.p.refusePickup(k, 480, "The call is over")
		return
	}
	free := func(ok bool) {
		if !ok || !x.ring(k) {
			x.unclaim()
		}
		x.early.forked.Release()
	}
	said := "This phone rings with the call"
	if x.p.o.Codes == nil {
		r.Status = 480
		x.p.respond(k.req, message.NewResponse(k.req.Message, 480, "").Add(message.Reason, reason(480, said)))
		free(true)
	} else {
		r.Status = 200
		by := featurecode.Caller{Domain: k.domain, Device: k.device, Username: k.user, Agent: k.agent.ID}
		x.p.o.Codes.Accept(k.req, by, k.does, said, free)
	}
	x.p.keep(&k.caller, k.agent.ID.ID, r)
}

// ring makes the picker's phone one more place of the call; false: it cannot be
// rung.
func (x *passage) ring(k *picker) bool {
	s, ok := x.p.o.Roster.Snapshot(k.agent.ID)
	if !ok {
		return false
	}
	var found []fork.Target
	for i := range s.Devices {
		d := &s.Devices[i]
		if d.Device != k.device || slices.ContainsFunc(x.phonesThatRing(), func(r rung) bool { return r.target == d.ID }) {
			continue // the phone that he took it at may be his own, which rings
		}
		t, why := x.target(&routing.Target{ID: d.ID, Device: d.Device, Kind: d.Kind, URI: d.Contact}, k.agent)
		if why != "" {
			continue
		}
		// Its binding would tell nobody who reads the record whose phone it is.
		if t.ID = "phone of " + k.agent.Number; len(found) > 0 {
			t.ID += " (" + strconv.Itoa(len(found)+1) + ")"
		}
		t.Headers = append(t.Headers, answersItself(k.domain.Name())...)
		found = append(found, t)
	}
	x.mu.Lock()
	for i := range found {
		x.early.late = append(x.early.late, found[i].ID)
	}
	x.mu.Unlock()
	for i := range found {
		x.call.Join(found[i].ID, calls.Party{Agent: k.agent.ID, Device: k.device})
		x.early.forked.Add(found[i])
	}
	return len(found) > 0
}

// picks deals with an INVITE that names an early dialog, as phones make it from a
// lamp that blinks; false: it names none of ours.
func (p *Proxy) picks(req *transaction.Request, c *caller, d message.DialogName) bool {
	x, who := p.ringing.named(d)
	whom, ok := p.o.Directory.Agent(who)
	if x == nil || !ok {
		return false
	}
	if p.semiAttended(req, c, x, whom) {
		return true
	}
	if c.peer != nil || c.domain.ID != x.c.domain.ID {
		return !p.refuse(req, 403, "Not Allowed to Take This Call")
	}
	k, ok := p.picker(req, c, req.To().URI, presence.FeaturePickup)
	if !ok {
		return true
	}
	k.callID = d.CallID
	if !p.mayPickUp(k.agent, whom) {
		p.refusePickup(k, 403, "You may not take calls of "+whom.Number)
		return true
	}
	p.pickUp(k, x, "Somebody else has taken the call")
	return true
}
