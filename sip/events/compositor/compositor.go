package compositor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/events/clock"
	"lamplight/sip/events/worklist"
	"lamplight/sip/peers"
	"lamplight/store"
)

// Compositor is safe for concurrent use.
type Compositor struct {
	store     store.Store
	directory *directory.Directory
	roster    Roster
	auth      Authority
	log       zerolog.Logger
	node      string

	minExpires, maxExpires, defaultExpires int // seconds
	endedMemory                            time.Duration
	maxTotal, maxPerPresentity, maxWaiting int

	peers   atomic.Pointer[peers.Table]
	work    *worklist.List[func()]
	clock   *clock.Clock[wakeup]
	metrics *metrics

	mu     sync.Mutex
	people map[presence.AgentID]*presentity // mu guards it
	tags   map[uint64]*presentity           // by publication; mu guards it

	cancel  context.CancelFunc
	ticking sync.WaitGroup
	workers sync.WaitGroup
}

// workers is how many presentities may be worked on at once; a job takes
// microseconds and never waits.
const workers = 2

// Open reloads the publications that have not expired and tells the roster of
// their legs. ctx bounds the reading.
func Open(ctx context.Context, o Options, t peers.Table) (*Compositor, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	c := &Compositor{
		store: o.Store, directory: o.Directory, roster: o.Roster, auth: o.Auth, log: o.Log, node: o.Node,
		minExpires: seconds(o.MinExpires), maxExpires: seconds(o.MaxExpires), defaultExpires: seconds(o.DefaultExpires),
		endedMemory: o.EndedMemory, maxTotal: o.Total, maxPerPresentity: o.PerPresentity, maxWaiting: o.Waiting,
		work: worklist.New[func()](), metrics: newMetrics(o.Metrics), clock: clock.New[wakeup](),
		people: make(map[presence.AgentID]*presentity), tags: make(map[uint64]*presentity),
	}
	c.peers.Store(&t)
	restored, err := c.reload(ctx)
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	for range workers {
		c.workers.Go(func() { c.work.Work(func(f func()) { f() }) })
	}
	for _, p := range restored {
		c.enqueue(p, job{restored: true})
	}
	c.ticking.Go(func() { c.clock.Run(life, c.woken) })
	// Who starts after us sees the calls of before: no status flaps by a restart.
	if err := c.Drain(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("compositor: tell reloaded publications: %w", err), c.Close())
	}
	return c, nil
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// reload reads the stored publications.
func (c *Compositor) reload(ctx context.Context) (restored []*presentity, err error) {
	now, count := time.Now(), 0
	err = c.store.Scan(ctx, space, func(rec store.Record) error {
		if !rec.Expires.After(now) {
			return nil
		}
		r, dom, err := read(rec)
		if err != nil {
			c.log.Warn().Err(err).Msg("stored publication left out")
			return nil
		}
		p := c.open(dom, r.Agent, r.AOR)
		if len(p.now.pubs) == 0 {
			restored = append(restored, p)
		}
		pub := r.publication
		p.now.pubs[pub.ID] = &pub
		c.tag(pub.ID, p)
		c.clock.Set(wakeup{p, pub.ID}, pub.Expires.Unix())
		count++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compositor: read publications: %w", err)
	}
	c.metrics.publications.Set(float64(count))
	return restored, nil
}

// SetPeers replaces the table of trusted peers.
func (c *Compositor) SetPeers(t peers.Table) { c.peers.Store(&t) }

func (c *Compositor) peerTable() peers.Table { return *c.peers.Load() }

// open finds or makes the presentity.
func (c *Compositor) open(dom presence.DomainID, agent presence.AgentID, aor string) *presentity {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.people[agent]
	if p == nil {
		p = &presentity{domain: dom, agent: agent, aor: aor, now: &state{pubs: map[uint64]*publication{}}}
		c.people[agent] = p
	}
	return p
}

// release forgets a presentity that nothing is known of any more.
func (c *Compositor) release(p *presentity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running || len(p.waiting) > 0 || len(p.now.pubs) > 0 || p.gone {
		return
	}
	now := time.Now()
	for _, e := range p.now.ended {
		if now.Before(e.until) {
			return // the clock comes again
		}
	}
	p.gone = true
	delete(c.people, p.agent)
}

func (c *Compositor) ofTag(pub uint64) *presentity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tags[pub]
}

func (c *Compositor) tag(pub uint64, p *presentity) {
	c.mu.Lock()
	c.tags[pub] = p
	c.mu.Unlock()
}

func (c *Compositor) untag(pub uint64) {
	c.mu.Lock()
	delete(c.tags, pub)
	c.mu.Unlock()
}

// room reports whether one more publication may be.
func (c *Compositor) room() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.tags) < c.maxTotal
}

// Drain waits until every PUBLISH taken is answered, or ctx ends. New ones are
// still served: refusing a call's end would leave a lamp on after the restart.
func (c *Compositor) Drain(ctx context.Context) error {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for c.busy() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

func (c *Compositor) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.people {
		p.mu.Lock()
		running := p.running
		p.mu.Unlock()
		if running {
			return true
		}
	}
	return false
}

// Close ends the goroutines. Publications stay stored.
func (c *Compositor) Close() error {
	c.cancel()
	c.ticking.Wait()
	c.work.Close()
	c.workers.Wait()
	return nil
}
