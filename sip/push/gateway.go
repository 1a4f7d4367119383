package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// What can become of a push but being taken; matched by errors.Is.
var (
	// ErrGone: the service says that the token is no longer valid.
	ErrGone = errors.New("push: the token is no longer valid")
	// ErrBusy: too many pushes wait for this service.
	ErrBusy = errors.New("push: too many pushes wait")
	// ErrLate: the call stopped waiting before the push was taken.
	ErrLate = errors.New("push: not sent in time")
	// ErrRefused: the service would not take it, and would not later.
	ErrRefused = errors.New("push: refused by the service")
	// ErrUnserved: there is no such service here.
	ErrUnserved = errors.New("push: no such service")
	// ErrClosed: the gateway was closed.
	ErrClosed = errors.New("push: gateway is closed")
)

// Options of a gateway.
type Options struct {
	Services
	Log     zerolog.Logger        // default: none
	Metrics prometheus.Registerer // default: none
	// Transport sends the requests; default: one of its own, with the system's
	// proxy settings and roots.
	Transport http.RoundTripper
}

// Gateway sends pushes. Its methods are safe from any goroutine.
type Gateway struct {
	o       Options
	log     zerolog.Logger // sampled: an outage is one cause, not one line a call
	client  *http.Client
	count   *counters
	queues  map[string]*queue
	run     context.Context //nolint:containedctx // the gateway's own life
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	flight map[errand]*delivery // mu; waiting or being sent
	closed bool                 // mu
}

// queue is what waits for one service.
type queue struct {
	provider Provider
	token    *tokenFile
	waiting  chan *delivery
}

// errand is what is done once at a time: a push to a device, for one reason.
type errand struct {
	Target
	refresh bool
}

func (m *Message) errand() errand { return errand{m.Target, m.Refresh} }

// delivery is one push and everybody who wants to know of it.
type delivery struct {
	Message // but for Until fixed
	done    []func(error)
}

// NewGateway starts the workers of each service. Close ends them.
func NewGateway(o Options) (*Gateway, error) {
	g := &Gateway{o: o, log: o.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: 10 * time.Second}), queues: make(map[string]*queue), flight: make(map[errand]*delivery)}
	for i := range o.Providers {
		p := o.Providers[i].withDefaults()
		if err := p.Validate(); err != nil {
			return nil, fmt.Errorf("push: %s: %w", p.Name, err)
		}
		if g.queues[p.Name] != nil {
			return nil, fmt.Errorf("push: %s is there twice", p.Name)
		}
		q := &queue{provider: p, waiting: make(chan *delivery, p.Queue)}
		if p.TokenFile != "" {
			q.token = &tokenFile{name: p.TokenFile}
			if _, err := q.token.read(); err != nil {
				return nil, fmt.Errorf("push: %s: %w", p.Name, err)
			}
		}
		g.queues[p.Name] = q
	}
	via := o.Transport
	if via == nil {
		t, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			t = &http.Transport{}
		}
		via = t.Clone()
	}
	// A redirect would take tokens to somebody else.
	g.client = &http.Client{Transport: via, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var err error
	if g.count, err = newCounters(g, o.Metrics); err != nil {
		return nil, fmt.Errorf("push: metrics: %w", err)
	}
	g.run, g.cancel = context.WithCancel(context.Background())
	for _, q := range g.queues {
		for range q.provider.Workers {
			g.running.Go(func() { g.work(q) })
		}
	}
	return g, nil
}

// Close ends what is under way; whoever waits is told ErrClosed.
func (g *Gateway) Close() error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel()
	g.running.Wait()
	for _, q := range g.queues {
		for len(q.waiting) > 0 {
			g.end(<-q.waiting, ErrClosed)
		}
	}
	g.client.CloseIdleConnections()
	g.count.unregister()
	return nil
}

// Send pushes, and calls done once with nil when the service has taken it, or with
// one of the errors above. It does not wait; done may be called before it
// returns, and must not block.
func (g *Gateway) Send(m Message, done func(error)) {
	if err := g.enqueue(m, done); err != nil {
		g.count.outcome(m.Provider, err)
		done(err)
	}
}

func (g *Gateway) enqueue(m Message, done func(error)) error {
	q := g.queues[m.Provider]
	if q == nil {
		return ErrUnserved
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	if d := g.flight[m.errand()]; d != nil {
		d.done = append(d.done, done)
		if m.Until.After(d.Until) {
			d.Until = m.Until
		}
		return nil
	}
	d := &delivery{Message: m, done: []func(error){done}}
	select {
	case q.waiting <- d:
	default:
		return ErrBusy
	}
	g.flight[m.errand()] = d
	return nil
}

func (g *Gateway) work(q *queue) {
	for {
		select {
		case <-g.run.Done():
			return
		case d := <-q.waiting:
			g.end(d, g.deliver(q, d))
		}
	}
}

// end tells everybody who asked for the push.
func (g *Gateway) end(d *delivery, err error) {
	g.mu.Lock()
	delete(g.flight, d.errand())
	done := d.done
	g.mu.Unlock()
	g.count.outcome(d.Provider, err)
	for _, f := range done {
		f(err)
	}
}

// message is the push as it stands: somebody may have joined it meanwhile.
func (g *Gateway) message(d *delivery) Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return d.Message
}

// waiting counts pushes that have not ended.
func (g *Gateway) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.flight)
}
