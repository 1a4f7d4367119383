// Package sim is a storage engine in memory, for tests: as fast as a map when
// asked for nothing, and on request slow, failing and crashing, the same way for
// the same seed. It keeps the contract of package store, with "durable" read as
// "survives Crash"; Reopen is the restart.
//
// Like every engine it commits on one goroutine of its own, so a caller that
// forgets to wait for done is found out here. All its timers and channels are
// made by New, so that it runs inside a testing/synctest bubble.
package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"lamplight/store"
	"lamplight/store/internal/queue"
	"lamplight/store/internal/watch"
)

// Errors matched by errors.Is.
var (
	// ErrInjected is the failure of a commit that was asked to fail.
	ErrInjected = errors.New("sim: injected failure")
	// ErrCrashed is what a batch gets that was lost in a crash. It is a
	// store.ErrClosed too.
	ErrCrashed = fmt.Errorf("sim: crashed: %w", store.ErrClosed)
)

// Options of an engine. The zero value is an engine without latency that never
// fails.
type Options struct {
	Seed        uint64        // of latency and failures
	Latency     time.Duration // of every commit
	Jitter      time.Duration // added to Latency, uniformly from 0 to this
	FailureRate float64       // part of the commits that fail, 0 to 1
	QueueLimit  int           // rows that may wait for their commit; default 65536
	CommitRows  int           // most rows in one commit; default 1000
	KeepLog     time.Duration // age of log entries; default store.DefaultKeepLog
}

// retryEvery is how often an idle engine that failed tries whether it still does.
const retryEvery = time.Second

// Stats counts what was committed since New or Reopen.
type Stats struct {
	Commits, Batches, Rows, Failures int
}

// Store is the engine. It is safe for concurrent use.
type Store struct {
	o       Options
	q       *queue.Queue
	hub     *watch.Hub
	rng     *rand.Rand    // the writer's alone
	crash   chan struct{} // closed by Crash
	stopped chan struct{} // closed when the writer has returned

	mu       sync.Mutex
	m        *medium // guarded by mu
	closed   bool    // guarded by mu; reads are refused
	crashed  bool    // guarded by mu
	failNext int     // guarded by mu
	failing  error   // guarded by mu; fails every commit while set
	health   error   // guarded by mu
	stats    Stats   // guarded by mu
}

var _ store.Store = (*Store)(nil)

// New starts an empty engine.
func New(o Options) *Store { return start(o, newMedium()) }

func start(o Options, m *medium) *Store {
	if o.QueueLimit <= 0 {
		o.QueueLimit = 65536
	}
	if o.CommitRows <= 0 {
		o.CommitRows = 1000
	}
	if o.KeepLog <= 0 {
		o.KeepLog = store.DefaultKeepLog
	}
	s := &Store{
		o:       o,
		q:       queue.New(o.QueueLimit),
		hub:     watch.New(),
		rng:     rand.New(rand.NewPCG(o.Seed, 0x6c616d70)),
		crash:   make(chan struct{}),
		stopped: make(chan struct{}),
		m:       m,
	}
	go s.write()
	return s
}

// Reopen starts a new engine on what a closed or crashed one had committed. The
// old engine keeps answering ErrClosed.
func (s *Store) Reopen(o Options) (*Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed || s.m == nil {
		return nil, errors.New("sim: reopen: still open, or reopened before")
	}
	m := s.m
	s.m = nil
	return start(o, m), nil
}

// Crash ends the engine at once: the commit that runs and all batches that wait
// are lost and get ErrCrashed. It must not be called from a done function.
func (s *Store) Crash() {
	s.mu.Lock()
	if !s.crashed {
		s.crashed = true
		close(s.crash)
	}
	s.mu.Unlock()
	_ = s.Close()
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.q.Close()
	<-s.stopped
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.hub.Close()
	return nil
}

// FailNext makes the next n commits fail with ErrInjected.
func (s *Store) FailNext(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failNext = n
}

// Fail makes every commit fail with err until it is called with nil.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = err
}

// Stats is what was committed so far.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, k store.Key) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.Record{}, store.ErrClosed
	}
	r, ok := s.m.get(k, time.Now())
	if !ok {
		return store.Record{}, fmt.Errorf("%w: %s/%s/%s", store.ErrNotFound, k.Domain, k.Space, k.Key)
	}
	return cloneRecord(r), nil
}

// Scan implements store.Store.
func (s *Store) Scan(ctx context.Context, space string, f func(store.Record) error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	rs := s.m.scan(space, time.Now())
	s.mu.Unlock()
	for _, r := range rs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(cloneRecord(r)); err != nil {
			return err
		}
	}
	return nil
}

// Submit implements store.Store.
func (s *Store) Submit(b store.Batch, done func(error)) { _ = s.q.Submit(b, done) }

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, b store.Batch) error {
	return queue.Commit(ctx, b, s.Submit)
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, space string) <-chan store.Change {
	return s.hub.Watch(ctx, space)
}

// Log implements store.Store.
func (s *Store) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	return s.m.query(q), nil
}

// Healthy implements store.Store.
func (s *Store) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}
