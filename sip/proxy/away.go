package proxy

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"lamplight/presence"
	"lamplight/sip/registrar"
	"lamplight/sip/transport"
)

// Lives is what it asks of registrar.Registrar of phones that connect again.
type Lives interface {
	// LifeOver is the life of the agent's phone that is registered over a stream, and
	// FlowOf the stream by which it is reached now; nil: by none.
	LifeOver(agent presence.AgentID, f *transport.Flow) registrar.Life
	FlowOf(agent presence.AgentID, l registrar.Life) *transport.Flow
}

// Times of a caller's return.
const (
	// knockFor bounds one attempt to open a connection to him.
	knockFor = time.Second
	// lookAgain is how often it is looked whether he has connected again.
	lookAgain = 250 * time.Millisecond
)

var errGone = errors.New("proxy: the caller cannot connect again")

// returns begins to find the caller again, should his stream end: at the address and
// port that his Via names, if he takes connections there (RFC 3261 §18.2.2), or by the
// stream over which the same phone has registered, as long as it has not started anew,
// for then it knows nothing of the call. nil: he comes by datagrams.
func (x *passage) returns() func(context.Context) (*transport.Flow, error) {
	f, o := x.req.Flow, x.p.o.Carrier
	if !f.Reliable() {
		return nil
	}
	var life registrar.Life
	if o.Lives != nil && !x.c.agent.IsZero() && !x.c.page {
		life = o.Lives.LifeOver(x.c.agent, f)
	}
	at, listens := x.req.SentBy()
	listens = listens && o.Connect != nil
	return func(ctx context.Context) (*transport.Flow, error) {
		for listens || life.Known() {
			if back := x.back(ctx, at, listens, life); back != nil {
				if o.Moved != nil {
					o.Moved(f, back)
				}
				return back, nil
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(lookAgain):
			}
		}
		return nil, errGone
	}
}

// back is the stream by which the caller is reached now; nil: there is none yet.
func (x *passage) back(ctx context.Context, at netip.AddrPort, listens bool, life registrar.Life) *transport.Flow {
	o := x.p.o.Carrier
	if life.Known() {
		if f := o.Lives.FlowOf(x.c.agent, life); f != nil {
			return f
		}
	}
	if !listens {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, knockFor)
	defer cancel()
	f, err := o.Connect(ctx, x.req.Flow.Transport(), at)
	if err != nil {
		return nil
	}
	return f
}
