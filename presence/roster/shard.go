package roster

import (
	"sync"
	"sync/atomic"
	"time"

	"lamplight/presence"
)

// shard is the one writer of its agents.
type shard struct {
	r *Roster
	q *queue

	mu     sync.RWMutex
	actors map[presence.AgentID]*actor // guarded by mu; taken out by the shard alone

	// floor is the highest number of any agent this shard has forgotten, so that
	// one that comes back does not count from the start again.
	floor atomic.Uint32

	// The rest is the shard's own goroutine's.
	due      timers
	inflight int // batches the store has not answered to
	timer    *time.Timer
	set      time.Time // what timer is set to; zero: stopped
	scratch  applied   // of the change in hand
}

func newShard(r *Roster, limit int) *shard {
	return &shard{r: r, q: newQueue(limit), actors: map[presence.AgentID]*actor{}}
}

// mostSpare bounds the memory a queue keeps after a burst.
const mostSpare = 1024

// run applies what is queued and fires what is due, until the queue is closed
// and every batch was answered.
func (s *shard) run() {
	s.timer = time.NewTimer(time.Hour)
	s.timer.Stop()
	defer s.timer.Stop()
	var spare []item
	for {
		items, closed := s.q.take(spare)
		for i := range items {
			s.handle(&items[i])
		}
		busy := len(items) > 0
		if clear(items); cap(items) <= mostSpare {
			spare = items[:0]
		} else {
			spare = nil
		}
		s.fire(time.Now())
		if busy {
			continue
		}
		if closed && s.inflight == 0 {
			return
		}
		s.arm()
		select {
		case <-s.q.wake:
		case <-s.timer.C:
			s.set = time.Time{}
		}
	}
}

// arm sets the timer to what is due first.
func (s *shard) arm() {
	next := s.due.next()
	if next.Equal(s.set) {
		return
	}
	s.set = next
	if next.IsZero() {
		s.timer.Stop()
		return
	}
	s.timer.Reset(time.Until(next))
}

// fire lets time pass for every agent something is due of.
func (s *shard) fire(now time.Time) {
	for {
		a := s.due.pop(now)
		if a == nil {
			return
		}
		s.expire(a, now)
	}
}

func (s *shard) handle(it *item) {
	switch it.kind {
	case itemChange:
		s.change(it)
	case itemCommitted:
		s.committed(it.actor, it.applied, it.err)
	case itemAgent:
		s.agentEdited(it.id)
	case itemDomain:
		s.domainEdited(it.domain)
	case itemDevice:
		s.deviceMoved(it.id, it.device)
	case itemDeleted:
		s.devicesDeleted(it.devices)
	case itemOpened:
		if a := s.known(it.id); a != nil {
			s.schedule(a)
		}
	}
}

// change applies a change of a caller.
func (s *shard) change(it *item) {
	a := s.find(it.id)
	if a == nil {
		it.done(nil, ErrUnknown)
		return
	}
	now := time.Now().UTC()
	if a.slot != 0 && !a.due.After(now) { // what is over is over before the change
		s.due.remove(a)
		s.expire(a, now)
	}
	if err := s.check(a, &it.change, now); err != nil {
		s.r.metrics.refused.Inc()
		s.answer(a, it.done, err)
		return
	}
	s.r.metrics.applied.Inc()
	ap := &s.scratch
	ap.reset(len(a.inflight) > 0 || len(it.change.Writes)+len(it.change.Log) > 0)
	for _, op := range it.change.Ops {
		s.apply(a, op, &it.change, ap, now)
	}
	s.settle(a, settling{change: &it.change, applied: ap, done: it.done, now: now})
}

// find returns the agent's actor, made from the directory if need be; nil if the
// directory does not know the agent. It may be called on any goroutine.
func (s *shard) find(id presence.AgentID) *actor {
	s.mu.RLock()
	a := s.actors[id]
	s.mu.RUnlock()
	if a != nil {
		return a
	}
	if _, ok := s.r.dir.Agent(id); !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.actors[id]; a != nil {
		return a
	}
	// Under the lock, so that an edit either is seen here or finds the actor.
	agent, ok := s.r.dir.Agent(id)
	if !ok {
		return nil
	}
	a = s.r.newActor(agent, nil, s.floor.Load())
	s.actors[id] = a
	return a
}

// forgetLocked takes the actor out and remembers how far it had counted. The
// caller holds mu.
func (s *shard) forgetLocked(a *actor) {
	s.due.remove(a)
	delete(s.actors, a.id)
	if a.n > s.floor.Load() {
		s.floor.Store(a.n)
	}
	if a.bare {
		s.r.bares.Add(-1)
	}
	a.gone = true
}
