package proxy

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/sip/registrar"
	"lamplight/sip/transport"
)

// Lives is what it asks of registrar.Registrar of phones that connect again.
type Lives interface {
	// LifeOver is the life of the agent's device that is registered over a stream, and
	// FlowOf the stream by which it is reached now; nil: by none.
	LifeOver(agent presence.AgentID, device presence.DeviceID, f *transport.Flow) registrar.Life
	FlowOf(agent presence.AgentID, l registrar.Life) *transport.Flow
}

// Times of a caller's return.
const (
	// knockFor bounds one attempt to open a connection to him.
	knockFor = time.Second
	// lookAgain is how often it is looked whether he has connected again.
	lookAgain = 300 * time.Millisecond
)

var errGone = errors.New("proxy: the caller cannot connect again")

// homeward is how a caller is found again whose stream has ended, or was left for
// another:
//
//   - at the address and port that his Via names, if he takes connections there
//     (RFC 3261 §18.2.2);
//   - by the stream over which the same phone has registered since, as long as it has not
//     started anew, for then it knows nothing of the call. A browser takes no
//     connections (RFC 7118 §5), so it has this way alone.
//
// It is kept for as long as a 2xx may come again, so it holds nothing else of the call.
type homeward struct {
	o     *Carrier
	from  *transport.Flow
	agent presence.AgentID
	life  registrar.Life
	// knocks: he may take connections at.
	at     netip.AddrPort
	knocks bool
}

// returns begins to find the caller again, should he lose his stream. nil: he comes by
// datagrams.
func (x *passage) returns() func(context.Context) (*transport.Flow, error) {
	if !x.req.Flow.Reliable() {
		return nil
	}
	h := &homeward{o: x.p.o.Carrier, from: x.req.Flow, agent: x.c.agent}
	// Behind a proxy the stream is the proxy's, and so is the topmost Via.
	if h.o.Lives != nil && !h.agent.IsZero() && !x.c.page && x.req.Direct() {
		h.life = h.o.Lives.LifeOver(h.agent, x.c.device, h.from)
	}
	h.at, h.knocks = x.req.SentBy()
	h.knocks = h.knocks && h.o.Connect != nil
	return h.find
}

// find is the stream by which he is reached now; it waits for one until ctx ends.
func (h *homeward) find(ctx context.Context) (*transport.Flow, error) {
	if f := h.registered(); f != nil {
		return f, nil
	}
	select {
	case <-h.from.Done():
	default: // RFC 3261 §18.2.2: the connection, if it is still open
		return h.from, nil
	}
	if !h.knocks && !h.life.Known() {
		return nil, errGone
	}
	var knocking sync.WaitGroup
	defer knocking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opened := make(chan *transport.Flow, 1)
	if h.knocks {
		knocking.Go(func() { h.knock(ctx, opened) })
	}
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		select {
		case f := <-opened:
			return h.moved(f), nil
		case <-look.C:
		case <-ctx.Done(): // he may have come in the last moment
			if f := h.registered(); f != nil {
				return f, nil
			}
			return nil, ctx.Err()
		}
		if f := h.registered(); f != nil {
			return f, nil
		}
	}
}

// registered is the stream over which his phone is registered; nil: over none.
func (h *homeward) registered() *transport.Flow {
	if !h.life.Known() {
		return nil
	}
	f := h.o.Lives.FlowOf(h.agent, h.life)
	if f == nil {
		return nil
	}
	return h.moved(f)
}

// knock tries to connect to him, again and again.
func (h *homeward) knock(ctx context.Context, opened chan<- *transport.Flow) {
	for {
		try, cancel := context.WithTimeout(ctx, knockFor)
		f, err := h.o.Connect(try, h.from.Transport(), h.at)
		cancel()
		if err == nil {
			opened <- f
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookAgain):
		}
	}
}

// moved has the requests to come find him there, too.
func (h *homeward) moved(to *transport.Flow) *transport.Flow {
	if to != h.from && h.o.Moved != nil {
		h.o.Moved(h.from, to)
	}
	return to
}
