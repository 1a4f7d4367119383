package mailbox

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// box is the mailbox of an agent or of an address without one.
type box struct {
	domain presence.DomainID
	agent  presence.AgentID
	aor    string // of an address without an agent, else empty

	// now is as committed; a state in it is not changed any more.
	now atomic.Pointer[state]

	mu      sync.Mutex
	waiting []job // mu guards it and the fields below
	busy    bool  // a job is being done or committed
	gone    bool  // it left the table
}

// job is one change of a mailbox.
type job struct {
	asked bool // by somebody who gets an answer: bounded
	// apply makes the change on a copy of the state; an error leaves things as
	// they are.
	apply func(st *state, now time.Time) error
	// done gets the outcome once: nil after the commit.
	done func(error)
}

// Errors a change ends with, apart from the store's.
var (
	ErrBusy   = errors.New("mailbox: too many changes wait")
	ErrFull   = errors.New("mailbox: too many mailboxes or publications")
	errGone   = errors.New("mailbox: no such publication")
	errNoNeed = errors.New("mailbox: nothing to change")
)

// forget is the change that empties a mailbox.
func forget(st *state, _ time.Time) error {
	if st.empty() {
		return errNoNeed
	}
	*st = *newState()
	return nil
}

// open finds or makes the mailbox.
func (m *Mailboxes) open(dom presence.DomainID, agent presence.AgentID, aor string) (*box, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[agent]
	if b == nil {
		if len(m.boxes) >= m.o.Total {
			return nil, ErrFull
		}
		b = &box{domain: dom, agent: agent, aor: aor}
		b.now.Store(newState())
		m.boxes[agent] = b
		m.metrics.mailboxes.Inc()
	}
	return b, nil
}

// release forgets a mailbox that nothing is known of.
func (m *Mailboxes) release(b *box) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.busy && !b.gone && b.now.Load().empty() {
		b.gone = true
		delete(m.boxes, b.agent)
		m.metrics.mailboxes.Dec()
	}
}

// enqueue gives the job its turn.
func (m *Mailboxes) enqueue(b *box, j job) {
	b.mu.Lock()
	for b.gone {
		b.mu.Unlock()
		next, err := m.open(b.domain, b.agent, b.aor)
		if err != nil {
			j.done(err)
			return
		}
		b = next
		b.mu.Lock()
	}
	if j.asked && len(b.waiting) >= m.o.Waiting {
		b.mu.Unlock()
		j.done(ErrBusy)
		return
	}
	b.waiting = append(b.waiting, j)
	first := !b.busy
	b.busy = true
	b.mu.Unlock()
	if first {
		m.work.Push(func() { m.turn(b) })
	}
}

// turn does jobs until one has to wait for its commit or none is left.
func (m *Mailboxes) turn(b *box) {
	for {
		b.mu.Lock()
		if len(b.waiting) == 0 {
			b.busy, b.waiting = false, nil
			b.mu.Unlock()
			m.release(b)
			return
		}
		j := b.waiting[0]
		b.waiting = b.waiting[1:]
		b.mu.Unlock()
		if m.do(b, j) {
			return // committed goes on
		}
	}
}

// do makes the change and hands it to the store; false if there is nothing to
// wait for.
func (m *Mailboxes) do(b *box, j job) (waits bool) {
	next := b.now.Load().clone()
	err := j.apply(next, time.Now())
	var w store.Write
	if err == nil {
		w, err = b.write(next)
	}
	if err != nil {
		if errors.Is(err, errNoNeed) {
			err = nil
		}
		j.done(err)
		return false
	}
	m.o.Store.Submit(store.Batch{Writes: []store.Write{w}}, func(err error) {
		m.work.Push(func() { m.committed(b, j, next, err) })
	})
	return true
}

// committed installs the outcome, answers, and gives the next job its turn.
func (m *Mailboxes) committed(b *box, j job, next *state, err error) {
	if err != nil {
		m.metrics.changes.WithLabelValues("store").Inc()
		m.o.Log.Error().Err(err).Stringer("agent", b.agent).Str("aor", b.aor).Msg("mailbox could not be committed")
		j.done(err)
		m.turn(b)
		return
	}
	before := b.now.Load()
	next.summarise(m.seed)
	m.index(b, before, next)
	b.now.Store(next)
	m.metrics.changes.WithLabelValues("taken").Inc()
	j.done(nil)
	if f := m.onChange.Load(); f != nil && next.number != before.number {
		(*f)(b.agent)
	}
	m.turn(b)
}

// index keeps what finds a publication.
func (m *Mailboxes) index(b *box, before, after *state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range before.pubs {
		if _, still := after.pubs[id]; !still {
			delete(m.tags, id)
		}
	}
	for id, p := range after.pubs {
		if _, was := before.pubs[id]; !was {
			m.tags[id] = b
			m.clock.Set(id, p.Expires.Unix())
		}
	}
}

// expire ends a publication whose time has passed.
func (m *Mailboxes) expire(id uint64, now time.Time) {
	m.mu.RLock()
	b := m.tags[id]
	m.mu.RUnlock()
	if b == nil {
		return
	}
	if p := b.now.Load().pubs[id]; p.Expires.After(now) {
		m.clock.Set(id, p.Expires.Unix())
		return
	}
	m.enqueue(b, job{apply: expiry(id), done: m.again(id)})
}

// expiry ends a publication unless it was refreshed meanwhile.
func expiry(id uint64) func(*state, time.Time) error {
	return func(st *state, now time.Time) error {
		p, ok := st.pubs[id]
		if !ok || p.Expires.After(now) {
			return errNoNeed
		}
		st.drop(p.owner())
		delete(st.pubs, id)
		return nil
	}
}

// retryPause is how long an end that could not be committed waits.
const retryPause = 5 * time.Second

// again looks at the publication once more: it was refreshed this moment, or its
// end could not be committed.
func (m *Mailboxes) again(id uint64) func(error) {
	return func(err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		b := m.tags[id]
		if b == nil {
			return
		}
		at := b.now.Load().pubs[id].Expires
		if err != nil {
			at = time.Now().Add(retryPause)
		}
		m.clock.Set(id, at.Unix())
	}
}

// logged is the outcome of a change that nobody waits for.
func (m *Mailboxes) logged(b *box) func(error) {
	return func(err error) {
		if err != nil {
			m.o.Log.Warn().Err(err).Stringer("agent", b.agent).Msg("mailbox of a deleted agent is still stored")
		}
	}
}
