package compositor

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/store"
)

// presentity is an agent or an address that something was published of lately.
type presentity struct {
	domain presence.DomainID
	agent  presence.AgentID
	aor    string // of an address without an agent, else empty

	mu      sync.Mutex
	waiting []job // mu guards it and the fields below
	running bool  // a job is being done or committed
	now     *state
	gone    bool // it left the table
}

// enqueue gives the job its turn.
func (c *Compositor) enqueue(p *presentity, j job) {
	p.mu.Lock()
	for p.gone {
		p.mu.Unlock()
		p = c.open(p.domain, p.agent, p.aor)
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if j.req != nil && len(p.waiting) >= c.maxWaiting {
		c.metrics.limits.WithLabelValues("waiting").Inc()
		c.retryLater(j.req, 1)
		return
	}
	p.waiting = append(p.waiting, j)
	if !p.running {
		p.running = true
		c.work.Push(func() { c.turn(p) })
	}
}

// turn does jobs until one has to wait for its commit or none is left.
func (c *Compositor) turn(p *presentity) {
	for {
		p.mu.Lock()
		if len(p.waiting) == 0 {
			p.running = false
			p.waiting = nil
			p.mu.Unlock()
			c.release(p)
			return
		}
		j := p.waiting[0]
		p.waiting = p.waiting[1:]
		st := p.now
		p.mu.Unlock()
		if c.do(p, st, j) {
			return // committed goes on
		}
	}
}

// change is the outcome of a job before its commit.
type change struct {
	next   *state
	pub    *publication
	ops    []roster.Op
	writes []store.Write
	cause  presence.Cause
}

// do computes what the job changes and hands it to the roster; false if there
// is nothing to wait for.
func (c *Compositor) do(p *presentity, st *state, j job) (waits bool) {
	ch, ok := c.compute(p, st, j)
	if !ok {
		return false
	}
	actor := "system"
	if j.peer != nil {
		actor = "peer:" + j.peer.Name
	}
	done := func(err error) { c.work.Push(func() { c.committed(p, j, ch, err) }) }
	if len(ch.ops) == 0 {
		c.store.Submit(store.Batch{Writes: ch.writes}, done)
		return true
	}
	if p.aor != "" {
		c.roster.Bare(p.domain, p.aor)
	}
	r := roster.Change{Cause: ch.cause, Actor: actor, Ops: ch.ops, Writes: ch.writes}
	c.roster.Apply(p.agent, r, func(_ *presence.Snapshot, err error) { done(err) })
	return true
}

// compute works on a copy of the state.
func (c *Compositor) compute(p *presentity, st *state, j job) (ch change, ok bool) {
	if j.restored {
		return c.again(st)
	}
	now := time.Now()
	next := st.clone()
	pub := next.pubs[j.pub]
	switch {
	case j.req == nil && (pub == nil || pub.Expires.After(now)):
		return ch, false // removed or refreshed meanwhile
	case j.pub != 0 && (pub == nil || j.req != nil && (pub.Change != j.change || pub.Peer != j.peer.Name || !pub.Expires.After(now))):
		c.answer(j.req, 412, "") // RFC 3903 §6 step 4
		return ch, false
	case pub == nil && (len(next.pubs) >= c.maxPerPresentity || !c.room()):
		c.metrics.limits.WithLabelValues("publications").Inc()
		c.retryLater(j.req, 30)
		return ch, false
	}
	if pub == nil {
		pub = &publication{ID: max(1, rand.Uint64()), Peer: j.peer.Name, Observer: j.peer.Observer, Legs: map[key]presence.Leg{}}
		next.pubs[pub.ID] = pub
	}
	return c.merge(p, next, pub, j, now)
}

// merge is the part of compute that changes the publication.
func (c *Compositor) merge(p *presentity, next *state, pub *publication, j job, now time.Time) (ch change, ok bool) {
	ch = change{next: next, pub: pub, cause: presence.CauseCallStart}
	pub.Change++
	switch {
	case j.req == nil:
		ch.ops, ch.cause = next.drop(pub), presence.CauseFactExpired
	case j.seconds == 0:
		if j.doc != nil { // told once and not kept: only ends matter
			ch.ops = slices.DeleteFunc(next.take(pub, told{j.doc, j.kind, now, c.endedMemory}), isPut)
		}
		ch.ops, ch.cause = append(ch.ops, next.drop(pub)...), presence.CauseCallEnd
	default:
		pub.Expires = until(now, j.seconds)
		if j.doc != nil {
			ch.ops = next.take(pub, told{j.doc, j.kind, now, c.endedMemory})
		}
		if j.doc == nil || j.doc.Partial {
			ch.ops = append(pub.renew(), ch.ops...)
		}
		ch.cause = causeOf(ch.ops)
	}
	return ch, c.rows(p, &ch, j)
}

// rows adds the writes of every publication that changed.
func (c *Compositor) rows(p *presentity, ch *change, j job) bool {
	for _, id := range append(ch.next.touched, ch.pub.ID) {
		pub := ch.next.pubs[id]
		if pub == nil {
			ch.writes = append(ch.writes, store.Delete(ch.pub.key(p.domain)))
			continue
		}
		w, err := c.put(p, pub)
		if err != nil {
			c.log.Error().Err(err).Str("peer", pub.Peer).Msg("publication could not be encoded")
			if j.req != nil {
				c.answer(j.req, 500, "")
			}
			return false
		}
		ch.writes = append(ch.writes, w)
	}
	return true
}

func isPut(op roster.Op) bool {
	_, put := op.(roster.PutLeg)
	return put
}

// causeOf: what only ends legs is the end of a call.
func causeOf(ops []roster.Op) presence.Cause {
	if slices.ContainsFunc(ops, isPut) {
		return presence.CauseCallStart
	}
	return presence.CauseCallEnd
}

// again tells the roster of a reloaded presentity's legs.
func (c *Compositor) again(st *state) (ch change, ok bool) {
	ch = change{next: st.clone(), cause: presence.CauseRestart}
	for _, pub := range ch.next.pubs {
		ch.ops = append(ch.ops, pub.renew()...)
	}
	return ch, len(ch.ops) > 0
}

// committed installs the outcome, answers, and gives the next job its turn.
func (c *Compositor) committed(p *presentity, j job, ch change, err error) {
	switch {
	case j.restored:
		if err != nil {
			c.log.Error().Err(err).Msg("reloaded legs could not be applied")
		}
	case err != nil:
		c.failed(p, j, err)
	default:
		c.install(p, ch)
		if j.req != nil {
			c.published(j.req, ch.pub, j.seconds)
		}
	}
	c.turn(p)
}

// failed: nothing has changed. The peer tries again; an expiry is tried again.
func (c *Compositor) failed(p *presentity, j job, err error) {
	c.log.Error().Err(err).Str("aor", p.aor).Stringer("agent", p.agent).Msg("publication could not be committed")
	switch {
	case j.req == nil:
		c.clock.Set(wakeup{p, j.pub}, time.Now().Unix()+5)
	case errors.Is(err, roster.ErrUnknown) && p.aor == "":
		c.answer(j.req, 404, "")
	default:
		c.retryLater(j.req, 5)
	}
}

// install makes the new state the one.
func (c *Compositor) install(p *presentity, ch change) {
	p.mu.Lock()
	before := len(p.now.pubs)
	_, was := p.now.pubs[ch.pub.ID]
	p.now = ch.next
	after := len(ch.next.pubs)
	p.mu.Unlock()
	c.metrics.publications.Add(float64(after - before))
	switch {
	case ch.next.pubs[ch.pub.ID] == nil:
		c.untag(ch.pub.ID)
		c.clock.Set(wakeup{p: p}, time.Now().Add(c.endedMemory+time.Second).Unix())
	case !was:
		c.tag(ch.pub.ID, p)
		c.clock.Set(wakeup{p, ch.pub.ID}, ch.pub.Expires.Unix())
	}
}
