package sim

import (
	"fmt"
	"time"

	"lamplight/store"
	"lamplight/store/internal/queue"
)

// write is the writer's goroutine: it commits what waits until the queue is
// closed and empty.
func (s *Store) write() {
	defer close(s.stopped)
	var items []queue.Item
	for {
		var end bool
		items, end = s.q.Take(items[:0], s.o.CommitRows)
		if end {
			return
		}
		if len(items) == 0 {
			s.idle()
			continue
		}
		s.commit(items)
		clear(items)
	}
}

// idle waits for work; while unhealthy it tries the medium from time to time.
func (s *Store) idle() {
	if s.Healthy() == nil {
		<-s.q.Wake()
		return
	}
	t := time.NewTimer(retryEvery)
	defer t.Stop()
	select {
	case <-s.q.Wake():
	case <-t.C:
		s.mu.Lock()
		// A trial does not use up a failure that was asked for.
		if s.failing == nil && s.failNext == 0 && !s.unlucky() {
			s.health = nil
		}
		s.mu.Unlock()
	}
}

// commit waits out the latency, applies the batches, publishes and tells.
func (s *Store) commit(items []queue.Item) {
	errs := make([]error, len(items))
	s.delay()
	s.hub.Publish(s.apply(items, errs))
	s.q.Release(items)
	for i, it := range items {
		it.Tell(errs[i])
	}
}

// delay is the latency of one commit, cut short by a crash.
func (s *Store) delay() {
	d := s.o.Latency
	if s.o.Jitter > 0 {
		d += time.Duration(s.rng.Int64N(int64(s.o.Jitter)))
	}
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.crash:
	}
}

// apply commits the batches or fails them all, and says what changed.
func (s *Store) apply(items []queue.Item, errs []error) (changes []store.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed {
		fill(errs, ErrCrashed)
		return nil
	}
	if err := s.injectedLocked(); err != nil {
		s.health = fmt.Errorf("commit %d batches: %w", len(items), err)
		s.stats.Failures++
		fill(errs, s.health)
		return nil
	}
	now := time.Now()
	wrote := false
	for i, it := range items {
		if errs[i] = s.m.check(it.Writes, now); errs[i] != nil {
			continue
		}
		changes = s.m.apply(it.Batch, now, changes)
		wrote = true
		s.stats.Batches++
		s.stats.Rows += len(it.Writes) + len(it.Log)
	}
	if wrote {
		s.health = nil
		s.stats.Commits++
	}
	s.m.sweep(now)
	s.m.trim(now.Add(-s.o.KeepLog))
	return changes
}

// injectedLocked is the failure of this commit, if it was asked for.
func (s *Store) injectedLocked() error {
	switch {
	case s.failing != nil:
		return s.failing
	case s.failNext > 0:
		s.failNext--
		return ErrInjected
	case s.unlucky():
		return ErrInjected
	}
	return nil
}

// unlucky draws from FailureRate; only the writer calls it.
func (s *Store) unlucky() bool {
	return s.o.FailureRate > 0 && s.rng.Float64() < s.o.FailureRate
}

func fill(errs []error, err error) {
	for i := range errs {
		errs[i] = err
	}
}
