package registrar

import (
	"context"
	"errors"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/transaction"
	"lamplight/store"
)

// shard has the bindings of some of the agents and one goroutine, which carries
// out what could not be done on the goroutine a request came on: what follows a
// commit, what waited for one, and what time brings.
type shard struct {
	r *Registrar

	mu     sync.Mutex
	agents map[presence.AgentID]*record // mu
	due    map[int64][]*Binding         // mu; by the second their end falls in
	swept  int64                        // mu; the last second looked at
	late   []putOff                     // mu; what failed and is tried again, one for each binding at most

	// doneMu is apart from mu, because a receipt may come while a change is
	// being handed over.
	doneMu sync.Mutex
	done   []receipt // doneMu
	wake   chan struct{}
}

// record is one agent's bindings. While busy, a change of it is being committed
// and everything else waits.
type record struct {
	bindings []*Binding
	busy     bool
	waiting  []job
}

// job is a request, or something that happened to an agent's bindings.
type job struct {
	req   *transaction.Request
	who   who
	event func(rec *record, now time.Time) *change // nil: nothing to do
}

// change is one step of an agent's bindings, and what it takes to make it.
type change struct {
	agent presence.AgentID
	next  []*Binding
	put   []*Binding
	drop  []*Binding
	leave []*Binding // no longer in next, but another agent's: the rows stay
	cause presence.Cause
	actor string
	// rejects: the directory no longer allows what is dropped or leaves.
	rejects bool
	ops     []roster.Op
	writes  []store.Write
	log     []store.Entry
	// touch are those of next that only the roster is told of.
	touch []*Binding
	// adopted is called when next has become the truth, locked; then when all is
	// over, unlocked. Both run on the shard's goroutine, before the agent's next
	// job, and may be nil.
	adopted func()
	then    func(err error)
}

// unheld: the change is of a device that is nobody's.
func (c *change) unheld() bool {
	for _, list := range [...][]*Binding{c.put, c.drop, c.leave, c.touch} {
		if len(list) > 0 {
			return list[0].Device.ID == c.agent.ID
		}
	}
	return false
}

type receipt struct {
	c   *change
	err error
}

func newShard(r *Registrar) *shard {
	return &shard{
		r: r, agents: make(map[presence.AgentID]*record), due: make(map[int64][]*Binding),
		swept: time.Now().Unix(), wake: make(chan struct{}, 1),
	}
}

// run is the shard's goroutine.
func (s *shard) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			s.settle()
		case now := <-tick.C:
			s.sweep(now)
		}
	}
}

// enqueue hands in what happened to an agent.
func (s *shard) enqueue(agent presence.AgentID, event func(rec *record, now time.Time) *change) {
	s.mu.Lock()
	if s.agents[agent] == nil {
		s.mu.Unlock()
		return // no bindings, nothing can happen to them
	}
	s.enqueueLocked(agent, job{event: event}, time.Now())
}

// bring hands in what comes to an agent that may have no bindings yet.
func (s *shard) bring(agent presence.AgentID, event func(rec *record, now time.Time) *change) {
	s.mu.Lock()
	s.enqueueLocked(agent, job{event: event}, time.Now())
}

// enqueueLocked does a job at once or lets it wait its turn. It unlocks.
func (s *shard) enqueueLocked(agent presence.AgentID, j job, now time.Time) {
	rec := s.agents[agent]
	if rec == nil {
		rec = &record{}
		s.agents[agent] = rec
	}
	if !rec.busy {
		s.doLocked(agent, rec, j, now)
		return
	}
	// What happened is never turned away: it is bounded by the bindings.
	if j.req != nil && len(rec.waiting) >= s.r.o.Waiting {
		s.mu.Unlock()
		s.r.count.refused(503)
		refuseLater().answer(j.req)
		return
	}
	rec.waiting = append(rec.waiting, j)
	s.mu.Unlock()
}

// doLocked does a job on an agent whose turn it is; committing means that a
// receipt will come. It unlocks.
func (s *shard) doLocked(agent presence.AgentID, rec *record, j job, now time.Time) (committing bool) {
	if j.req != nil {
		return s.registerLocked(agent, rec, j, now)
	}
	c := j.event(rec, now)
	if c == nil {
		s.forgetLocked(agent, rec)
		s.mu.Unlock()
		return false
	}
	s.commitLocked(agent, rec, c)
	return true
}

// commitLocked hands a change to the roster. It unlocks.
func (s *shard) commitLocked(agent presence.AgentID, rec *record, c *change) {
	c.agent = agent
	rec.busy = true
	s.mu.Unlock()
	if err := s.r.describe(c); err != nil {
		s.receive(c, err)
		return
	}
	if c.unheld() { // the roster knows nobody who has it
		if len(c.writes) == 0 {
			s.receive(c, nil)
			return
		}
		s.r.o.Store.Submit(store.Batch{Writes: c.writes, Log: c.log}, func(err error) { s.receive(c, err) })
		return
	}
	ch := roster.Change{Cause: c.cause, Actor: c.actor, Ops: c.ops, Writes: c.writes, Log: c.log}
	s.r.o.Roster.Apply(agent, ch, func(_ *presence.Snapshot, err error) {
		if errors.Is(err, roster.ErrUnknown) && len(c.put) == 0 {
			// The agent is gone; its rows must go all the same.
			s.r.o.Store.Submit(store.Batch{Writes: c.writes, Log: c.log}, func(err error) { s.receive(c, err) })
			return
		}
		s.receive(c, err)
	})
}

// receive takes the receipt of a change. It runs on the store's writer, and so
// only takes note.
func (s *shard) receive(c *change, err error) {
	s.doneMu.Lock()
	s.done = append(s.done, receipt{c, err})
	s.doneMu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// settle carries out receipts and what waited for them.
func (s *shard) settle() {
	s.doneMu.Lock()
	done := s.done
	s.done = nil
	s.doneMu.Unlock()
	for i := range done {
		c, err := done[i].c, done[i].err
		s.mu.Lock()
		rec := s.agents[c.agent]
		if err == nil {
			s.adoptLocked(rec, c)
		}
		s.mu.Unlock()
		if err == nil {
			s.r.flows.add(s.r, c)
		}
		if c.then != nil {
			c.then(err)
		}
		if err == nil {
			s.r.changed(c)
		}
		s.resume(c.agent, rec)
	}
}

// resume does what waited for the agent, up to the next commit. The agent stays
// busy meanwhile, so that nothing new overtakes.
func (s *shard) resume(agent presence.AgentID, rec *record) {
	for {
		s.mu.Lock()
		if len(rec.waiting) == 0 {
			rec.busy, rec.waiting = false, nil
			s.forgetLocked(agent, rec)
			s.mu.Unlock()
			return
		}
		j := rec.waiting[0]
		rec.waiting = rec.waiting[1:]
		if s.doLocked(agent, rec, j, time.Now()) {
			return
		}
	}
}

// adoptLocked makes a committed change the truth.
func (s *shard) adoptLocked(rec *record, c *change) {
	for _, b := range rec.bindings {
		b.gone = true
	}
	rec.bindings = c.next
	for _, b := range c.next {
		b.gone = false
	}
	for _, b := range c.put {
		s.scheduleLocked(b)
		s.r.ask.watch(b)
	}
	for _, b := range c.touch {
		s.scheduleLocked(b)
		s.r.ask.watch(b)
	}
	if c.adopted != nil {
		c.adopted()
	}
}

// forgetLocked lets go of an agent without bindings.
func (s *shard) forgetLocked(agent presence.AgentID, rec *record) {
	if len(rec.bindings) == 0 && !rec.busy && len(rec.waiting) == 0 && s.agents[agent] == rec {
		delete(s.agents, agent)
	}
}
