package phonestate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/events/clock"
	"lamplight/sip/peers"
	"lamplight/sip/transaction"
	"lamplight/store"
)

// Roster is what is used of roster.Roster.
type Roster interface {
	Apply(a presence.AgentID, c roster.Change, done func(*presence.Snapshot, error))
}

// Authority is what is asked of digest.Authority.
type Authority interface {
	Authenticate(*transaction.Request) (digest.Identity, bool)
}

// Options of a state agent. Store, Directory, Roster and Auth are required; the
// zero value of everything else is useful.
type Options struct {
	Store     store.Store
	Directory *directory.Directory
	Roster    Roster
	Auth      Authority
	Log       zerolog.Logger
	Metrics   prometheus.Registerer // nil: none

	// Node is the owner of the stored publications; default "node-1".
	Node string
	// MinExpires, MaxExpires and DefaultExpires bound what is granted (RFC 3903
	// §6); defaults 60 s, 1 h and 1 h.
	MinExpires, MaxExpires, DefaultExpires time.Duration
	// Total limits the publications, PerAgent those of one agent, Waiting the
	// PUBLISHes that wait for one publication's turn; defaults 200,000, 32 and 8.
	// Beyond: 503.
	Total, PerAgent, Waiting int
}

// Validate names what is missing or contradictory.
func (o Options) Validate() error {
	switch {
	case o.Store == nil, o.Directory == nil, o.Roster == nil, o.Auth == nil:
		return errors.New("phonestate: store, directory, roster and auth are required")
	case o.withDefaults().MinExpires > o.withDefaults().MaxExpires:
		return errors.New("phonestate: the shortest expiry is longer than the longest")
	}
	return nil
}

func (o Options) withDefaults() Options {
	o.Node = cmp.Or(o.Node, "node-1")
	o.MinExpires, o.MaxExpires = cmp.Or(o.MinExpires, time.Minute), cmp.Or(o.MaxExpires, time.Hour)
	o.DefaultExpires = cmp.Or(o.DefaultExpires, time.Hour)
	o.Total, o.PerAgent, o.Waiting = cmp.Or(o.Total, 200_000), cmp.Or(o.PerAgent, 32), cmp.Or(o.Waiting, 8)
	return o
}

// Agent is the state agent. It is safe for concurrent use.
type Agent struct {
	o       Options
	peers   atomic.Pointer[peers.Table]
	metrics metrics

	cancel  context.CancelFunc
	ticking sync.WaitGroup
	clock   *clock.Clock[uint64] // rings for publications that may have expired

	mu      sync.Mutex
	all     map[uint64]*entry        // by id; guarded by mu
	count   map[presence.AgentID]int // guarded by mu
	pending int                      // PUBLISHes and ends that wait for the store; guarded by mu
	closed  bool                     // guarded by mu
}

// entry is a publication and what waits for it.
type entry struct {
	// publication is as committed; it is changed by who set busy, under mu.
	publication
	busy    bool  // a change is on its way to the store; guarded by Agent.mu
	waiting []job // guarded by Agent.mu
}

type metrics struct {
	publications prometheus.Gauge
	answers      *prometheus.CounterVec
	selections   prometheus.Counter
}

// Open reloads the publications that have not expired. ctx bounds the reading.
func Open(ctx context.Context, o Options, t peers.Table) (*Agent, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	a := &Agent{o: o.withDefaults(), all: make(map[uint64]*entry), count: make(map[presence.AgentID]int), clock: clock.New[uint64]()}
	a.peers.Store(&t)
	a.metrics = metrics{
		publications: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lamplight_presence_publications", Help: "Live publications of phones' presence."}),
		answers:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_presence_publish_answers_total", Help: "Answers to PUBLISH of presence by status."}, []string{"status"}),
		selections:   prometheus.NewCounter(prometheus.CounterOpts{Name: "lamplight_presence_publish_selections_total", Help: "Statuses selected by PUBLISH of presence."}),
	}
	if o.Metrics != nil {
		o.Metrics.MustRegister(a.metrics.publications, a.metrics.answers, a.metrics.selections)
	}
	now := time.Now()
	err := o.Store.Scan(ctx, space, func(rec store.Record) error {
		if !rec.Expires.After(now) {
			return nil
		}
		p, err := read(rec)
		if err != nil {
			a.o.Log.Warn().Err(err).Msg("stored publication left out")
			return nil
		}
		a.putLocked(&entry{publication: p}) // nobody else is here yet
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("phonestate: read publications: %w", err)
	}
	life, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.ticking.Go(func() { a.clock.Run(life, a.expire) })
	return a, nil
}

// Event is the one package whose PUBLISHes are for this agent.
func (*Agent) Event() string { return "presence" }

// SetPeers replaces the table of trusted peers.
func (a *Agent) SetPeers(t peers.Table) { a.peers.Store(&t) }

// Len is how many publications there are.
func (a *Agent) Len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.all)
}

// Drain waits until every PUBLISH taken is answered, or ctx ends. New ones are
// still served.
func (a *Agent) Drain(ctx context.Context) error {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		a.mu.Lock()
		done := a.pending == 0
		a.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

// Close ends the clock. Publications stay stored.
func (a *Agent) Close() error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.cancel()
	a.ticking.Wait()
	return nil
}

// putLocked enters a publication, and has the clock look at it.
func (a *Agent) putLocked(e *entry) {
	if a.all[e.ID] == nil {
		a.count[e.Agent]++
		a.metrics.publications.Inc()
		a.clock.Set(e.ID, e.Expires.Unix())
	}
	a.all[e.ID] = e
}

func (a *Agent) dropLocked(e *entry) {
	delete(a.all, e.ID)
	if a.count[e.Agent]--; a.count[e.Agent] <= 0 {
		delete(a.count, e.Agent)
	}
	a.metrics.publications.Dec()
}

// expire ends a publication whose time has come. One that was refreshed waits for
// its new time.
func (a *Agent) expire(id uint64, now time.Time) {
	a.mu.Lock()
	e := a.all[id]
	if e != nil && e.Expires.After(now) {
		a.clock.Set(id, e.Expires.Unix())
		e = nil
	}
	if e == nil {
		a.mu.Unlock()
		return
	}
	j := job{id: id, owner: e.Owner, change: e.Change}
	a.mu.Unlock()
	a.turn(j)
}
