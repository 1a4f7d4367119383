package proxy

import (
	"strings"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transaction"
)

// mostText is how much a MESSAGE may bear: it is no way to send files.
const mostText = 16 << 10

// text passes a MESSAGE outside of a call on to all the phones of an agent that are
// there, whatever his status: nothing rings (RFC 3428 §6). Nothing is stored; where
// no phone is there, the sender hears of that.
func (p *Proxy) text(req *transaction.Request) {
	if req.ToTag() != "" {
		p.refuse(req, 481, "")
		return
	}
	c, ok := p.caller(req)
	if !ok {
		return
	}
	if !p.carries(&c) {
		p.refuse(req, 403, "Messages Are Not Carried Here")
		return
	}
	if no := req.UnsupportedByProxy(); len(no) > 0 {
		p.respond(req, message.NewResponse(req.Message, 420, "").Add(message.Unsupported, strings.Join(no, ", ")))
		return
	}
	if len(req.Body) > mostText {
		p.refuse(req, 513, "")
		return
	}
	a, ok := p.called(req, &c)
	if !ok {
		return
	}
	x := &passage{p: p, req: req, c: c}
	targets := x.phones(a)
	if len(targets) == 0 {
		p.respond(req, message.NewResponse(req.Message, 480, "").Add(message.Reason, reason(480, "No device that takes messages")))
		return
	}
	p.o.Carrier.Forker.Ask(req, targets, x.strip())
}

// phones are the agent's registered devices that are there, or the one that was
// asked for.
func (x *passage) phones(a *presence.Agent) (out []fork.Target) {
	s, ok := x.p.o.Roster.Snapshot(a.ID)
	if !ok {
		return nil
	}
	for i := range s.Devices {
		d := &s.Devices[i]
		if d.Kind == presence.KindWebphone || d.Kind == presence.KindNumber || !x.c.wants(d.ID) {
			continue
		}
		if t, why := x.target(&routing.Target{ID: d.ID, Device: d.Device, Kind: d.Kind, URI: d.Contact}, a); why == "" {
			out = append(out, t)
		}
	}
	return out
}

// wants reports whether the call is for that binding: for one phone or all.
func (c *caller) wants(binding string) bool {
	if c.only == nil {
		return true
	}
	for _, id := range c.only {
		if id == binding {
			return true
		}
	}
	return false
}

// Asked answers a peer's OPTIONS about an agent as its INVITE would be (RFC 3261
// §11.2); false: it is no such question. Anybody else is told what the server can
// do, and not who is there.
func (p *Proxy) Asked(req *transaction.Request) bool {
	peer, ok := p.peers.Load().Find(req.Flow.Neighbour(), req.Flow.Transport())
	if !ok {
		return false
	}
	u, err := message.ParseURI(req.URI)
	if err != nil || u.User == "" {
		return false // it asks whether we are there
	}
	c := caller{peer: peer, name: "peer:" + peer.Name, uri: req.From().URI}
	dom, ok := p.domain(u.Host, &c)
	if !ok {
		return false
	}
	a, ok := p.o.Directory.AgentByAOR(u.UserDecoded(), dom.Name())
	if !ok {
		a, ok = p.o.Directory.AgentByNumber(dom.ID, u.UserDecoded())
	}
	if !ok {
		return false
	}
	c.domain = dom
	r := p.record(&c, a, routing.Call{ID: req.CallID(), Kind: kind(req, &c), Caller: c.uri})
	if r.Decision.Allow {
		return false // 200, as about ourselves
	}
	p.respond(req, message.NewResponse(req.Message, r.Decision.Code, "").Add(message.Reason, reason(r.Decision.Code, r.Decision.Text)))
	return true
}
