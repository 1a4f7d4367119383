package proxy

import (
	"context"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// referred is the call in which an agent's device was asked to make this one; empty:
// it was not.
func (p *Proxy) referred(req *transaction.Request, c *caller) string {
	return p.o.Carrier.Calls.Referred(c.party(), req.Message)
}

// semiAttended takes a transfer to a phone that still rings (false: it is none).
// The phone would refuse it, for only who began an early dialog may replace it (RFC
// 3891 §3), so the transferred party rings there itself, and the one who
// transferred takes his own INVITE back when he hears of that.
func (p *Proxy) semiAttended(req *transaction.Request, c *caller, x *passage, whom *presence.Agent) bool {
	if c.peer == nil && p.referred(req, c) == "" || c.peer != nil && !req.Has(message.ReferredBy) {
		return false
	}
	if !p.within(c, x.c.domain) {
		return !p.refuse(req, 403, "Not Allowed for This Domain")
	}
	c.domain, c.drop = x.c.domain, message.Replaces
	p.carry(req, c, whom)
	return true
}

// within reports whether the caller may call in this domain.
func (p *Proxy) within(c *caller, dom *presence.Domain) bool {
	if c.peer == nil {
		return c.domain.ID == dom.ID
	}
	for _, name := range dom.Names {
		if c.peer.SpeaksFor(name) {
			return true
		}
	}
	return false
}

// takesPlace takes an INVITE to the phone that holds the dialog which it names, as
// the last step of an attended transfer; false: it names none. No rule of statuses
// asks whether that agent is free, for it is his own call that goes on with
// somebody else. Lamps tell everybody a dialog's name, so it alone opens nothing: the
// caller is a peer, was asked for this by one of the two (RFC 3515), or is one
// of them himself, at another of his phones.
func (p *Proxy) takesPlace(req *transaction.Request, c *caller, name message.DialogName) bool {
	d, ok := p.o.Carrier.Calls.Dialog(name)
	if !ok {
		return false
	}
	dom, ok := p.o.Directory.Domain(d.Domain)
	switch {
	case !ok || !p.within(c, dom):
		return !p.refuse(req, 403, "Not Allowed for This Domain")
	case name.EarlyOnly: // RFC 3891 §3; somebody has answered
		p.respond(req, message.NewResponse(req.Message, 486, "").Add(message.Reason, reason(486, "The call has been answered")))
		return true
	case c.peer == nil && p.referred(req, c) == "" && c.agent != d.To.Agent && c.agent != d.With.Agent:
		return !p.refuse(req, 403, "Not a Call of Yours")
	}
	c.domain = dom
	x := &passage{p: p, req: req, c: *c}
	callee, _ := p.o.Directory.Agent(d.To.Agent)
	x.record = p.replacing(req, c, callee, d.CallID)
	target := fork.Target{ID: "dialog", URI: d.End.Contact, Route: d.End.Route, Ring: dom.Policy.RingTime()}
	target.Reach = func(ctx context.Context) (*transport.Flow, error) { return p.EndOf(ctx, &d) }
	x.begin(calls.Start{
		Domain: dom.ID, Invite: req.Message, Caller: c.party(), Callee: d.To, Devices: map[string]presence.DeviceID{target.ID: d.To.Device},
		Kind: kind(req, c), Remote: message.NameAddr{URI: d.Remote}, Cap: dom.Policy.LegCap(),
	}, []fork.Step{{Targets: []fork.Target{target}}}, callee)
	return true
}

// replacing is the record: of the agent whose call goes on, or where that end is
// outside, of the one who is transferred.
func (p *Proxy) replacing(req *transaction.Request, c *caller, callee *presence.Agent, callID string) *routing.Record {
	if callee != nil {
		return p.record(c, callee, routing.Call{ID: req.CallID(), Kind: kind(req, c), Caller: c.uri, Replaces: callID})
	}
	if c.agent.IsZero() {
		return nil
	}
	s, _ := p.o.Roster.Snapshot(c.agent)
	out := routing.OutboundCall{ID: req.CallID(), Number: req.To().URI, Device: c.device, Transfer: callID, At: time.Now().UTC()}
	return &routing.Record{
		Inputs:  routing.Inputs{Snapshot: s, Policy: c.domain.Policy, Outbound: &out},
		Outcome: routing.Outcome{ID: presence.NewID().String(), Decision: routing.DecideOutbound(s, c.domain.Policy, out)},
	}
}

// EndOf is the flow to the phone that holds a dialog: the one that the dialog came
// by, or if that has ended, one by which the same phone has registered since.
func (p *Proxy) EndOf(ctx context.Context, d *calls.Dialog) (*transport.Flow, error) {
	f, err := p.o.Carrier.Flow(d.End.Flow)
	if err == nil {
		return f, nil
	}
	s, _ := p.o.Roster.Snapshot(d.To.Agent)
	if s == nil || d.To.Device.IsZero() {
		return nil, err
	}
	for i := range s.Devices {
		if s.Devices[i].Device != d.To.Device {
			continue
		}
		ways := p.o.Carrier.Bindings.Ways(d.To.Agent, s.Devices[i].ID)
		for j := range ways {
			if f, ferr := p.o.Carrier.Bindings.Flow(ctx, &ways[j]); ferr == nil {
				return f, nil
			}
		}
	}
	return nil, err
}

// ReferTo is the Refer-To with which a REFER of a dialog is passed on, "" where it
// stays. A phone names the other phone of an attended transfer by its contact, which
// only we reach: whoever is to call there is given an address at which we are asked,
// and the dialog's name says the rest.
func (p *Proxy) ReferTo(m *message.Message) string {
	uri, name, ok := calls.ReferTo(m)
	if !ok || name.CallID == "" {
		return ""
	}
	d, ok := p.o.Carrier.Calls.Dialog(name)
	if !ok {
		return ""
	}
	dom, ok := p.o.Directory.Domain(d.Domain)
	if !ok || ours(dom, uri.Host) {
		return ""
	}
	address := "sip:" + uri.User + "@" + dom.Name()
	if a, ok := p.o.Directory.Agent(d.To.Agent); ok && len(a.AORs) > 0 {
		address = "sip:" + a.AORs[0]
	} else if u, err := message.ParseURI(d.Remote); err == nil && u.User != "" {
		address = "sip:" + u.User + "@" + dom.Name()
	}
	to, _ := message.ParseNameAddr(m.Get(message.ReferTo))
	old, _ := message.ParseURI(to.URI)
	to.URI = address + "?" + old.Headers
	return to.String()
}
