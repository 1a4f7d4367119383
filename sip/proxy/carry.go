package proxy

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/proxy/anchor"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/proxy/relay"
	"lamplight/sip/push"
	"lamplight/sip/registrar"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Carrier is what it takes to pass calls on instead of redirecting who asks.
type Carrier struct {
	Forker   *fork.Forker
	Relay    *relay.Relay
	Calls    *calls.Tracker
	Bindings Bindings
	// Reach finds the flow to a host[:port] outside: a trunk, a voicemail. It may
	// block until ctx ends.
	Reach func(ctx context.Context, host string) (*transport.Flow, error)
	// Trunks are asked instead of Reach, if they are set.
	Trunks Trunks
	// Flow finds a flow by its name (outbound.Tokens.Flow).
	Flow func(token string) (*transport.Flow, error)
	// Lives finds phones that have connected again, and Connect opens a stream to who
	// has called; Moved is told of the stream that a caller has now instead of another
	// (outbound.Tokens.Moved). nil: who called by a stream that has ended is not found.
	Lives   Lives
	Connect func(ctx context.Context, transport string, to netip.AddrPort) (*transport.Flow, error)
	Moved   func(from, to *transport.Flow)
	// Anchor puts the media gateway between who cannot meet; nil: there is none.
	Anchor *anchor.Calls
	// Send is transaction.Layer's, for HangUp.
	Send func(f *transport.Flow, b *message.Builder, done func(*message.Message, error))
}

// Bindings is what it asks of registrar.Registrar.
type Bindings interface {
	// Ways are the flows of a binding's device that are there, the best first.
	Ways(agent presence.AgentID, binding string) []registrar.Binding
	Flow(ctx context.Context, b *registrar.Binding) (*transport.Flow, error)
}

// carries reports whether this caller's calls pass through us.
func (p *Proxy) carries(c *caller) bool {
	switch {
	case p.o.Carrier == nil:
		return false
	case c.peer != nil:
		return c.peer.Mode == peers.ModeProxy
	case c.page: // it has no other way anywhere
		return true
	}
	return !c.domain.Policy.RedirectDevices
}

// passage is a call on its way through us.
type passage struct {
	p    *Proxy
	req  *transaction.Request
	c    caller
	call *calls.Call

	asleep []string // bindings that a push has to wake first
	start  calls.Start
	also   func(fork.Event)  // nil, or told of everything too
	dry    func(*fork.Call)  // nil, or what brings more when nothing rings
	offers func(string) bool // nil, or whether a target is a member's whom the call is offered

	mu     sync.Mutex
	record *routing.Record  // guarded by mu
	stop   func()           // ends the waking; guarded by mu
	over   bool             // guarded by mu
	about  presence.ID      // whose the record is; guarded by mu
	waking bool             // a push may bring more; guarded by mu
	why    string           // the reason of the refusal; empty: what was answered; guarded by mu
	early  early            // guarded by mu
	asked  map[string]phone // those that ring, by target; guarded by mu
}

// carry decides where a call to an agent goes, and takes it there.
func (p *Proxy) carry(req *transaction.Request, c *caller, a *presence.Agent) {
	if _, ok := p.letOut(req, c, a.Number, true); !ok {
		return
	}
	r := p.record(c, a, routing.Call{ID: req.CallID(), Kind: kind(req, c), Caller: c.uri})
	x := &passage{p: p, req: req, c: *c, record: r}
	steps := x.steps(a)
	if r.Decision.Fallback {
		steps = x.within(steps)
	}
	if len(steps) == 0 && len(x.asleep) == 0 && x.dry == nil {
		p.respond(req, refusal(&r.Outcome, req, c, "No device that can be called"))
		p.keep(c, a.ID.ID, r)
		return
	}
	start := calls.Start{
		Domain: c.domain.ID, Invite: req.Message, Caller: c.party(), Devices: devices(&r.Decision),
		Kind: r.Call.Kind, Cap: c.domain.Policy.LegCap(),
	}
	if !r.Decision.Fallback {
		start.Callee = calls.Party{Agent: a.ID}
		steps = append(steps, x.otherwise(a)...)
	}
	start.Open = x.dry != nil
	x.begin(start, steps, a)
}

// devices are the agent's, by the targets they are rung as.
func devices(d *routing.Decision) map[string]presence.DeviceID {
	out := make(map[string]presence.DeviceID)
	for _, s := range d.Steps {
		for _, t := range s.Targets {
			if t.Kind != routing.KindFallback {
				out[t.ID] = t.Device
			}
		}
	}
	return out
}

// never is a time that no call reaches: such a step follows when everything
// before has failed.
const never = 24 * time.Hour

// within takes a fallback that is one of ours out of the steps: it is rung as such.
func (x *passage) within(steps []fork.Step) []fork.Step {
	d := &x.record.Decision
	if to := d.Steps[0].Targets[0].URI; x.p.isInner(&x.c, to) {
		x.onward(to, d.Text)
		return nil
	}
	return steps
}

// otherwise is where the call goes when nobody answers.
func (x *passage) otherwise(a *presence.Agent) []fork.Step {
	uri := cmp.Or(a.Settings.Fallback, x.c.domain.Policy.Fallback)
	if uri == "" || x.c.only != nil {
		return nil
	}
	if x.p.isInner(&x.c, uri) {
		x.onward(uri, "nobody answered")
		return nil
	}
	t, why := x.target(&routing.Target{ID: "fallback", Kind: routing.KindFallback, URI: routing.Dialled(uri, a.AORs[0])}, a)
	if why != "" {
		x.record.LeftOut = append(x.record.LeftOut, "fallback: "+why)
		return nil
	}
	return []fork.Step{{After: never, Targets: []fork.Target{t}}}
}

// dial takes a call of one of our own devices to a number outside.
func (p *Proxy) dial(req *transaction.Request, c *caller, number string) {
	r, ok := p.letOut(req, c, number, false)
	if !ok {
		return
	}
	host := p.trunk(c)
	if host == "" {
		p.refuse(req, 404, "No Agent and No Trunk of That Number")
		if r != nil {
			r.Status, r.LeftOut = 404, []string{"trunk: no trunk is known for numbers"}
			p.keep(c, c.agent.ID, r)
		}
		return
	}
	target := x164(number, host)
	x := &passage{p: p, req: req, c: *c, record: r}
	target.Headers = x.identity(host)
	if r != nil {
		r.Outbound.Shown = x.says(host)
	}
	x.begin(calls.Start{Domain: c.domain.ID, Invite: req.Message, Caller: c.party(), Kind: presence.CallRegular, Cap: c.domain.Policy.LegCap()},
		[]fork.Step{{Targets: []fork.Target{p.outside(target, host)}}}, nil)
}

// begin forks the call.
func (x *passage) begin(start calls.Start, steps []fork.Step, a *presence.Agent) {
	start.Flow = x.req.Flow
	x.call, x.start = x.p.o.Carrier.Calls.Begin(start), start
	if a != nil {
		x.about = a.ID.ID
	} else if x.about.IsZero() {
		x.about = x.c.agent.ID // who calls out
	}
	x.waking = len(x.asleep) > 0
	anchored := x.p.o.Carrier.Anchor.Begin(x.req.Message, x.req.Flow)
	plan := fork.Plan{
		Steps: steps, Strip: x.strip(), Refuse: x.refuse, Redirect: func(from *fork.Target, c message.NameAddr) (fork.Target, bool) { return x.redirect(a, from, c) },
		RecordRoute: func(to *transport.Flow) []string { return x.p.o.Carrier.Relay.RecordRoute(x.req.Flow, to) },
		Tell:        func(e fork.Event) { x.call.Told(e); anchored.Told(e); x.tell(e) },
		Settle:      func(e fork.Event, then func()) { x.taken(); x.call.Settle(e, then); x.tell(e) },
		Return:      x.returns(),
		Late:        len(x.asleep) > 0 || x.dry != nil, Dry: x.dry, Many: x.dry != nil,
	}
	if anchored != nil {
		plan.Media = anchored
	}
	call := x.p.o.Carrier.Forker.Begin(x.req, plan)
	x.begun(call)
	if len(x.asleep) > 0 && (x.dry == nil || call.Hold()) {
		x.wake(call, a)
	}
}

// wake adds the mobiles that a push wakes, as they register (RFC 8599 §4.1.3).
func (x *passage) wake(call *fork.Call, a *presence.Agent) {
	stop := x.p.o.Waker.Wake(a.ID, x.asleep, x.req.CallID(), func(e push.Event) {
		x.note(e)
		if e.Woken {
			if t, why := x.binding(fork.Target{ID: e.Binding, Ring: x.ringOf(e.Asked)}, a); why == "" {
				call.Add(t)
			}
		}
		if e.Last {
			x.mu.Lock()
			x.waking = false
			x.mu.Unlock()
			call.Release()
		}
	})
	x.mu.Lock()
	x.stop = stop
	over := x.over
	x.mu.Unlock()
	if over {
		stop()
	}
}

// strip are headers that stay here: credentials for us, and from a device what
// only a trusted peer may say (RFC 3325 §5).
func (x *passage) strip() []message.Name {
	out := []message.Name{message.CallKind, DecisionHeader, assertedIdentity, preferredIdentity, x.c.drop} // see identity
	if x.c.peer != nil {
		return append(asksToAnswer(x.req.Message, &x.c), out...)
	}
	if x.hides() || x.c.sos != "" {
		out = append(out, privacy)
	}
	return append(out, message.Authorization, message.ProxyAuthorization)
}

// letOut asks the rules whether an agent's own device may call (rules 10 and 16
// of presence/RULES.md); calls of peers are not theirs to judge, and have no
// record. On false it has answered, and kept why.
func (p *Proxy) letOut(req *transaction.Request, c *caller, number string, colleague bool) (*routing.Record, bool) {
	if c.peer != nil {
		return nil, true
	}
	s, _ := p.o.Roster.Snapshot(c.agent)
	call := routing.OutboundCall{ID: req.CallID(), Number: cmp.Or(c.sos, number), Device: c.device, Colleague: colleague, At: time.Now().UTC()}
	call.Transfer = p.referred(req, c)
	d := routing.DecideOutbound(s, c.domain.Policy, call)
	r := &routing.Record{
		Inputs:  routing.Inputs{Snapshot: s, Policy: c.domain.Policy, Outbound: &call},
		Outcome: routing.Outcome{ID: presence.NewID().String(), Decision: d},
	}
	if !d.Allow {
		r.Status = d.Code
		b := message.NewResponse(req.Message, d.Code, "").Add(message.Reason, reason(d.Code, d.Text))
		p.respond(req, explained(b, &r.Outcome, c))
		p.keep(c, c.agent.ID, r)
	}
	return r, d.Allow
}

// trunk is where numbers outside are called: the asking peer's own trunk, else
// the first that speaks for the domain.
func (p *Proxy) trunk(c *caller) string {
	if c.peer != nil && c.peer.Trunk != "" {
		return c.peer.Trunk
	}
	for i := range *p.peers.Load() {
		if t := &(*p.peers.Load())[i]; t.Trunk != "" && slices.ContainsFunc(c.domain.Names, t.SpeaksFor) {
			return t.Trunk
		}
	}
	if p.o.Carrier != nil && p.o.Carrier.Trunks != nil {
		host, _ := p.o.Carrier.Trunks.For(c.domain.Names)
		return host
	}
	return ""
}

// x164 is a telephone number at a trunk.
func x164(number, host string) fork.Target {
	return fork.Target{ID: "trunk", URI: "sip:" + message.UserURI(number) + "@" + host + ";user=phone"}
}

// outside gives a target the way to a host.
func (p *Proxy) outside(t fork.Target, host string) fork.Target {
	t.Outside = true
	if trunks := p.o.Carrier.Trunks; trunks != nil {
		t.Next = trunks.Ways(t.URI)
		return t
	}
	t.Reach = func(ctx context.Context) (*transport.Flow, error) { return p.o.Carrier.Reach(ctx, host) }
	return t
}
