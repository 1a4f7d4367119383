package proxy

import (
	"context"
	"errors"

	"lamplight/sip/proxy/fork"
	"lamplight/sip/registrar"
)

// errNoFlow: every flow of the phone has been tried.
var errNoFlow = errors.New("none of its flows is there")

// flows finds the flows of one phone, one after the other: the next when one is
// not there any more, or is lost (430, RFC 5626 §5.3).
func (p *Proxy) flows(ways []registrar.Binding) func(context.Context) (fork.Way, error) {
	return func(ctx context.Context) (fork.Way, error) {
		failed := []error{errNoFlow}
		for len(ways) > 0 {
			b := ways[0]
			ways = ways[1:]
			f, err := p.o.Carrier.Bindings.Flow(ctx, &b)
			if err == nil {
				return fork.Way{Flow: f, URI: b.Bare(), Route: b.Path}, nil
			}
			failed = append(failed, err)
		}
		return fork.Way{}, errors.Join(failed...)
	}
}

// how is tried, with the ways that there were.
func how(e *fork.Event) string {
	switch {
	case e.What == fork.Away:
		return "the connection is gone, looked for"
	case e.What == fork.Back:
		return "is reached by another connection"
	case e.What == fork.Tried && e.Way != "":
		return "called at " + e.Way
	case e.What != fork.Moved:
		return tried(e.What)
	case e.Status/100 == 3:
		return "redirects, followed"
	case e.Status == 401 || e.Status == 407:
		return "asked who we are, and told"
	}
	return "does not take it, the next is tried"
}
