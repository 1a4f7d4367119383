package proxy

import (
	"errors"
	"slices"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/registrar"
	"lamplight/sip/transaction"
)

// Instances is what it asks of registrar.Registrar to call one phone by its GRUU.
type Instances interface {
	Resolve(uri *message.URI) (registrar.Instance, error)
}

// instance finds the agent and the bindings that a GRUU stands for (RFC 5627 §6.1):
// the call is for that phone and no other of its agent's. On false it has answered.
func (p *Proxy) instance(req *transaction.Request, c *caller, uri *message.URI) (*presence.Agent, bool) {
	in, err := p.o.Instances.Resolve(uri)
	switch {
	case errors.Is(err, registrar.ErrGRUUEnded):
		return nil, p.refuse(req, 404, "GRUU Has Ended")
	case err != nil:
		return nil, p.refuse(req, 404, "Unknown GRUU")
	}
	a, ok := p.o.Directory.Agent(in.Agent)
	if !ok || len(in.Ways) == 0 { // of a device that is nobody's now, or not there
		return nil, p.refuse(req, 480, "Not Registered")
	}
	for i := range in.Ways {
		c.only = append(c.only, in.Ways[i].ID)
	}
	c.ways = in.Ways
	return a, true
}

// options sends who asks a phone by its GRUU what it can do on to the phone.
func (p *Proxy) options(req *transaction.Request) {
	c, ok := p.caller(req)
	if !ok {
		return
	}
	if _, ok = p.called(req, &c); !ok {
		return
	}
	i := slices.IndexFunc(c.ways, func(b registrar.Binding) bool { return !b.Dead && !b.FlowOnly() })
	if i < 0 {
		p.refuse(req, 480, "Reached Through This Server Only")
		return
	}
	p.respond(req, message.NewResponse(req.Message, 302, "").Add(message.Contact, "<"+c.ways[i].Bare()+">"))
}
