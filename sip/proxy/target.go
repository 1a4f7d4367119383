package proxy

import (
	"cmp"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
)

// steps are those of the call's own decision.
func (x *passage) steps(a *presence.Agent) (out []fork.Step) {
	out, x.asleep = x.stepsOf(x.record, a)
	return out
}

// stepsOf turns a decision into places to ring, and those that a push has to wake
// first. What cannot be rung is left out, and said.
func (x *passage) stepsOf(r *routing.Record, a *presence.Agent) (out []fork.Step, asleepOnes []string) {
	o := &r.Outcome
	for _, s := range o.Decision.Steps {
		step := fork.Step{After: s.After}
		for i := range s.Targets {
			t, why := x.target(&s.Targets[i], a)
			if why == asleep && x.p.o.Waker != nil {
				asleepOnes = append(asleepOnes, t.ID)
				continue
			}
			if why != "" {
				o.LeftOut = append(o.LeftOut, string(s.Targets[i].Kind)+" "+s.Targets[i].ID+": "+why)
				continue
			}
			x.rings(t.ID, s.Targets[i].Kind, a)
			step.Targets = append(step.Targets, t)
		}
		if len(step.Targets) > 0 {
			out = append(out, step)
		}
	}
	return out, asleepOnes
}

// target is where one device is rung, or why it is not.
func (x *passage) target(t *routing.Target, a *presence.Agent) (out fork.Target, why string) {
	out = fork.Target{ID: t.ID, Ring: cmp.Or(t.Ring, x.c.domain.Policy.RingTime())}
	switch t.Kind {
	case presence.KindWebphone:
		return x.page(out)
	case presence.KindNumber, routing.KindFallback:
		u, err := message.ParseURI(t.URI)
		if err != nil || u.Scheme != "sip" && u.Scheme != "sips" {
			return out, "its URI cannot be called"
		}
		host, uri := hostPort(u), t.URI
		if ours(x.c.domain, u.Host) {
			if host = x.p.trunk(&x.c); host == "" {
				return out, "no trunk is known for numbers"
			}
			uri = "sip:" + u.User + "@" + host + ";user=phone"
		}
		out.URI = uri
		if t.Kind == routing.KindFallback {
			out.Ring = 0
		}
		out.Headers = x.identity(host)
		return x.p.outside(out, host), ""
	}
	return x.binding(out, a)
}

// ringOf is how long the target of that id rings.
func (x *passage) ringOf(id string) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.record.Decision.Steps {
		for _, t := range s.Targets {
			if t.ID == id && t.Ring > 0 {
				return t.Ring
			}
		}
	}
	return x.c.domain.Policy.RingTime()
}

// asleep is why a binding cannot be rung that only a push reaches.
const asleep = "only a push reaches it"

// binding is a registered contact: Request-URI, the way there, and the flow that
// it came by, or of several flows one after the other (RFC 5626 §5.3).
func (x *passage) binding(out fork.Target, a *presence.Agent) (fork.Target, string) {
	ways := x.p.o.Carrier.Bindings.Ways(a.ID, out.ID)
	switch {
	case len(ways) == 0:
		return out, "it has just unregistered"
	case ways[0].Dead:
		return out, asleep
	}
	out.URI, out.Route, out.Next = ways[0].Bare(), ways[0].Path, x.p.flows(ways)
	out.Headers = x.identity("")
	return out, ""
}

// hostPort is where a URI's host is asked for.
func hostPort(u message.URI) string {
	bare := message.URI{Scheme: u.Scheme, Host: u.Host, Port: u.Port}.String()
	return strings.TrimPrefix(strings.TrimPrefix(bare, "sips:"), "sip:")
}
