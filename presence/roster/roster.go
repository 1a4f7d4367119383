// Package roster keeps the state of every agent. Each agent has one writer, a
// shard; changes to one agent are applied in the order of Apply, its snapshots
// are numbered in that order, and whoever watches gets them in it.
//
// # Guarantees
//
//   - A snapshot is published before its records are committed; the receipt
//     (done) comes after. Receipts of one agent come in the order of Apply,
//     except those of changes that were never queued (ErrBusy, ErrClosed).
//   - If a commit fails, done gets the error, the facts of that change are
//     withdrawn and a snapshot with a higher number says so (see withdraw for
//     what cannot be withdrawn: what ended in the world stays ended).
//   - Every fact ends by itself: expiry, lease, grace, wrap-up and the maximum
//     of a custom status are timers of the shard. What a device brought an agent
//     ends with its assignment, also where that ends by time alone.
//   - Version is boot<<32|n: it only grows, also across restarts, and when an
//     agent is deleted and made again.
//   - What is as it was costs nothing: a change that repeats a fact, or only
//     moves its end, neither publishes a snapshot nor writes.
//   - Shards never wait for the store.
//
// # Restart
//
// Selection, options, wrap-up and both views are kept in the store, and an agent
// who had a webphone. Such an agent keeps the label for Options.Resume, without
// a webphone to ring, and is then Offline unless one came back. A label that is
// back within that time has never changed: its duration goes on and the log has
// no entry.
package roster

import (
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
	"lamplight/store"
)

// Errors matched by errors.Is.
var (
	ErrClosed  = errors.New("roster: closed")
	ErrUnknown = errors.New("roster: unknown agent")
	// ErrRefused: the change is not allowed; the error's text says why.
	ErrRefused = errors.New("roster: refused")
	// ErrBusy: too many changes are waiting; the change was not queued.
	ErrBusy = errors.New("roster: too many changes are waiting")
)

// Options of a roster. The zero value of each field but Store and Directory is
// useful.
type Options struct {
	Store     store.Store
	Directory *directory.Directory
	Node      string // default "node-1"
	Shards    int    // default: 4 per processor
	// Queue is how many changes may wait in a shard, default 4096. Changes that
	// only end facts are let in up to twice as many, because they set things
	// right and nobody may be there to repeat them.
	Queue int
	// Resume is how long after a start an agent who had a webphone keeps the
	// label, default 5 s; negative: not at all.
	Resume time.Duration
	// MaxBare is how many addresses of record without an agent are known at one
	// time, default 100,000.
	MaxBare int
	Log     zerolog.Logger        // default: none
	Metrics prometheus.Registerer // default: none
}

// Roster is safe for concurrent use.
type Roster struct {
	store   store.Store
	dir     *directory.Directory
	node    string
	noise   zerolog.Logger // sampled: one cause can fail the state of every agent
	resume  time.Duration
	maxBare int64

	boot   uint32
	opened time.Time // of this start
	first  time.Time // when the node was started for the first time

	shards   []*shard
	running  sync.WaitGroup
	stop     chan struct{} // closed by Close
	stopping sync.Once
	assigned chan struct{} // capacity 1: assignments were edited
	bares    atomic.Int64
	metrics  metrics
	watchers watchers
}

// Open commits the next boot number, reads back selections, wrap-ups and views,
// and starts the shards. It logs on o.Log what fails later with nobody to be
// told, ten lines a second at the most. ctx is for opening only.
func Open(ctx context.Context, o Options) (*Roster, error) {
	if o.Store == nil || o.Directory == nil {
		return nil, errors.New("roster: opening needs a store and a directory")
	}
	o = o.withDefaults()
	r := &Roster{
		store: o.Store, dir: o.Directory, node: o.Node,
		noise:  o.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Second}),
		resume: o.Resume, maxBare: int64(o.MaxBare), opened: time.Now(),
		stop: make(chan struct{}), assigned: make(chan struct{}, 1),
	}
	if err := r.countBoot(ctx); err != nil {
		return nil, err
	}
	for range o.Shards {
		r.shards = append(r.shards, newShard(r, o.Queue))
	}
	if err := r.metrics.register(o.Metrics, r); err != nil {
		return nil, fmt.Errorf("roster: registering metrics: %w", err)
	}
	// From here on edits are queued, and applied to what is about to be read.
	r.dir.OnChange(r.edited)
	if err := r.restore(ctx); err != nil {
		_ = r.Close()
		return nil, err
	}
	for _, s := range r.shards {
		r.running.Go(s.run)
	}
	r.running.Go(r.handOver)
	return r, nil
}

// Boot is this start's number: 1 for the first.
func (r *Roster) Boot() uint32 { return r.boot }

// Apply queues a change. done, which may be nil, is called exactly once: with
// nil once everything the change implies is durable (at once when there is
// nothing to write), else with why not. It is called on the store's writer or a
// shard and must not block; where the change was not even queued (ErrBusy,
// ErrClosed), by Apply itself. The snapshot handed to it is the agent's after
// the change, nil on error.
//
// An agent the directory does not know is ErrUnknown, unless it is a bare
// address of record opened with Bare.
func (r *Roster) Apply(a presence.AgentID, c Change, done func(*presence.Snapshot, error)) {
	if done == nil {
		done = func(*presence.Snapshot, error) {}
	}
	if err := r.shard(a).q.push(item{kind: itemChange, id: a, change: c, done: done}, c.ends()); err != nil {
		if errors.Is(err, ErrBusy) {
			r.metrics.busy.Inc()
		}
		done(nil, err)
	}
}

// Do is Apply and wait. An error of ctx does not undo a change that is queued.
func (r *Roster) Do(ctx context.Context, a presence.AgentID, c Change) (*presence.Snapshot, error) {
	type answer struct {
		s   *presence.Snapshot
		err error
	}
	answers := make(chan answer, 1)
	r.Apply(a, c, func(s *presence.Snapshot, err error) { answers <- answer{s, err} })
	select {
	case got := <-answers:
		return got.s, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Snapshot is the newest snapshot of an agent. It never blocks on a shard's
// work. An agent that no fact was ever heard of has one too: Offline.
func (r *Roster) Snapshot(a presence.AgentID) (*presence.Snapshot, bool) {
	act := r.shard(a).find(a)
	if act == nil {
		return nil, false
	}
	return act.snap.Load(), true
}

// Each calls f with the newest snapshot of every agent of the domain, by number,
// until f returns false.
func (r *Roster) Each(dom presence.DomainID, f func(*presence.Snapshot) bool) {
	for _, a := range r.dir.Agents(dom) {
		if s, ok := r.Snapshot(a.ID); ok && !f(s) {
			return
		}
	}
}

// Pending is how many changes wait in the shards.
func (r *Roster) Pending() int {
	n := 0
	for _, s := range r.shards {
		n += s.q.len()
	}
	return n
}

// Healthy is nil while changes are taken and commits succeed, otherwise why not.
func (r *Roster) Healthy() error {
	for _, s := range r.shards {
		if err := s.q.state(); err != nil {
			return err
		}
	}
	if err := r.store.Healthy(); err != nil {
		return fmt.Errorf("roster: %w", err)
	}
	return nil
}

// Close stops the shards after what is queued was applied and every receipt was
// given. It does not close the store.
func (r *Roster) Close() error {
	r.stopping.Do(func() { close(r.stop) })
	for _, s := range r.shards {
		s.q.close()
	}
	r.running.Wait()
	r.metrics.unregister()
	return nil
}

// shard is the one writer of the agent. IDs end in random bits.
func (r *Roster) shard(a presence.AgentID) *shard {
	return r.shards[(uint(a.ID[15])|uint(a.ID[14])<<8)%uint(len(r.shards))]
}
