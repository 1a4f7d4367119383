package publisher

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// Publisher is safe for concurrent use.
type Publisher struct {
	o        Options
	log      zerolog.Logger
	noise    zerolog.Logger // the same, some lines a second: one cause can fail everything
	seed     maphash.Seed
	opened   time.Time
	key      []byte        // of the branches
	versions atomic.Uint32 // the highest of a document yet
	ledger   *ledger
	metrics  *metrics

	ctx       context.Context //nolint:containedctx // the publisher's own life
	cancel    context.CancelFunc
	running   sync.WaitGroup
	stopWatch func()

	now     atomic.Pointer[[]*upstream] // those of the configuration; replaced, never changed
	mu      sync.Mutex                  // serialises changes of now
	leaving []*upstream                 // guarded by mu; taken out of it, not yet done
}

// Open reads what was published before the restart and begins to bring the
// upstreams up to date. ctx bounds the reading.
func Open(ctx context.Context, o Options) (*Publisher, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	p := &Publisher{
		o: o, log: o.Log, noise: o.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Second}),
		seed: maphash.MakeSeed(), opened: time.Now(), metrics: newMetrics(o.Metrics),
	}
	var err error
	if p.key, err = branchKey(ctx, o.Store); err != nil {
		return nil, err
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.ledger = newLedger(o.Store, p.log)
	all := make([]*upstream, 0, len(o.Upstreams))
	for _, u := range o.Upstreams {
		all = append(all, newUpstream(p, u, 0))
	}
	p.now.Store(&all)
	if err := p.restore(ctx); err != nil {
		p.cancel()
		return nil, err
	}
	p.running.Go(func() { p.ledger.run(p.ctx) })
	p.stopWatch = o.Roster.Watch(p.noted)
	o.Directory.OnChange(p.edited)
	for _, u := range all {
		p.start(u)
	}
	return p, nil
}

// start looks at everybody and runs the upstream.
func (p *Publisher) start(u *upstream) {
	u.markAll()
	p.running.Go(func() {
		u.run(p.ctx)
		p.left(u)
	})
}

// left forgets an upstream that was taken out of the configuration and is done.
func (p *Publisher) left(u *upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaving = slices.DeleteFunc(p.leaving, func(o *upstream) bool { return o == u })
	if !slices.ContainsFunc(p.all(), func(o *upstream) bool { return o.called() == u.called() }) {
		p.metrics.forget(u.called())
	}
}

// all are the upstreams that want to hear of agents.
func (p *Publisher) all() []*upstream { return *p.now.Load() }

// SetUpstreams takes over a new configuration. What is published at an upstream
// that is no more in it is removed there, as far as it answers within half a
// minute.
func (p *Publisher) SetUpstreams(list []Upstream) error {
	if err := validateAll(list); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return nil
	}
	var next, fresh []*upstream
	was := p.all()
	for _, u := range slices.Clone(p.leaving) { // put back before it was left
		same := func(conf Upstream) bool { return conf.identity() == u.identity }
		if slices.ContainsFunc(list, same) && u.stay() {
			was = append(slices.Clone(was), u)
			p.leaving = slices.DeleteFunc(p.leaving, func(o *upstream) bool { return o == u })
		}
	}
	for _, conf := range list {
		i := slices.IndexFunc(was, func(u *upstream) bool { return u.identity == conf.identity() })
		if i >= 0 {
			was[i].configure(conf)
			next = append(next, was[i])
			continue
		}
		u := newUpstream(p, conf, rand.Uint32())
		next, fresh = append(next, u), append(fresh, u)
	}
	for _, u := range was {
		if !slices.Contains(next, u) {
			u.leave()
			p.leaving = append(p.leaving, u)
		}
	}
	p.now.Store(&next)
	for _, u := range fresh {
		p.start(u)
	}
	return nil
}

// noted takes note of a snapshot, on its shard.
func (p *Publisher) noted(s *presence.Snapshot) {
	all := p.all()
	if s.Bare || len(all) == 0 {
		return
	}
	if _, ok := p.o.Directory.Agent(s.Agent); !ok {
		return // the last word of an agent who was deleted
	}
	for _, u := range all {
		u.note(s)
	}
}

// edited hears of agents nothing else is heard of, and of those who go.
func (p *Publisher) edited(e directory.Edit) {
	if p.ctx.Err() != nil {
		return
	}
	for _, u := range p.all() {
		switch {
		case len(e.Domains) > 0:
			u.markAll()
		default:
			for i := range e.Agents {
				u.look(e.Agents[i].ID)
			}
		}
		for _, id := range e.DeleteAgents {
			u.drop(id)
		}
	}
}

// Drain sends nothing more and waits until what is on its way is answered, or
// ctx ends. Publications stay: they outlive a restart.
func (p *Publisher) Drain(ctx context.Context) error {
	p.mu.Lock()
	all := append(slices.Clone(p.all()), p.leaving...)
	p.mu.Unlock()
	for _, u := range all {
		u.drain()
	}
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for slices.ContainsFunc(all, (*upstream).busy) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("publisher: %w", ctx.Err())
		case <-t.C:
		}
	}
	return nil
}

// Close ends the goroutines and stores the tags that are not yet. It closes
// neither the store nor the transport.
func (p *Publisher) Close() error {
	p.stopWatch()
	p.mu.Lock() // nothing starts from here on
	p.cancel()
	p.mu.Unlock()
	p.running.Wait()
	p.metrics.unregister()
	if err := p.ledger.flush(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("publisher: store entity tags: %w", err)
	}
	return nil
}

// Info is an upstream as diagnostics show it.
type Info struct {
	Name, Transport, Server string
	// Up: it answered last. Error is why it is not.
	Up           bool
	Error        string
	Since        time.Time // Up has been so
	Publications int       // it has of us
	Waiting      int       // to be sent
	InFlight     int
}

// Upstreams lists the configured upstreams.
func (p *Publisher) Upstreams() []Info {
	var out []Info
	for _, u := range p.all() {
		out = append(out, u.info())
	}
	return out
}
