package roster

import (
	"slices"
	"sync"
	"time"

	"lamplight/presence"
)

type factKind uint8

const (
	factSession factKind = iota
	factRegistration
	factLeg
	factOffer
	factSelected
	factSettings
	factWrapUp
)

// undo is how one fact was before a change.
type undo struct {
	kind   factKind
	id     string
	before any  // a pointer to the fact; nil: there was none
	put    bool // the change put it; otherwise it ended it
}

// ownSettings is the before of factSettings.
type ownSettings struct {
	options *presence.Settings
	base    uint64
}

// applied is a change that was applied and, in a receipt's list, is waiting for
// its answer.
type applied struct {
	record   bool // note refreshes too: the change can fail, or one before it
	touched  bool // something a snapshot shows has changed
	evaluate bool // something has changed that may change the evaluation
	wrapUp   bool // a wrap-up began
	undo     []undo

	writes bool  // a batch of it is in flight
	keep   *kept // what that batch keeps of the agent
	snap   *presence.Snapshot
	done   func(*presence.Snapshot, error)
	ready  bool  // guarded by receipts.mu
	err    error // guarded by receipts.mu
}

func (ap *applied) reset(record bool) {
	clear(ap.undo)
	*ap = applied{record: record, undo: ap.undo[:0]}
}

// note remembers how a fact was before the change, once.
func (ap *applied) note(u undo) {
	if ap.find(u.kind, u.id) == nil {
		ap.undo = append(ap.undo, u)
	}
}

func (ap *applied) find(k factKind, id string) *undo {
	for i := range ap.undo {
		if u := &ap.undo[i]; u.kind == k && u.id == id {
			return u
		}
	}
	return nil
}

// queued is the change as it waits for its receipt.
func (ap *applied) queued(done func(*presence.Snapshot, error), snap *presence.Snapshot) *applied {
	return &applied{undo: slices.Clone(ap.undo), snap: snap, done: done}
}

// receipts give an agent's answers in the order of its changes. They are marked
// ready by the shard and by the store's writer; whichever finds the first one
// ready gives it and all that follow, and the other leaves them to it.
type receipts struct {
	mu     sync.Mutex
	list   []*applied // guarded by mu
	giving bool       // guarded by mu
}

func (q *receipts) add(ap *applied) {
	q.mu.Lock()
	q.list = append(q.list, ap)
	q.mu.Unlock()
}

func (q *receipts) ready(ap *applied, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !ap.ready {
		ap.ready, ap.err = true, err
	}
	if q.giving {
		return
	}
	q.giving = true
	for len(q.list) > 0 && q.list[0].ready {
		first := q.list[0]
		q.list[0] = nil
		q.list = emptyNil(q.list[1:])
		if first.done == nil {
			continue
		}
		snap, err := first.snap, first.err
		if err != nil {
			snap = nil
		}
		q.mu.Unlock()
		first.done(snap, err)
		q.mu.Lock()
	}
	q.giving = false
}

// fail marks a waiting change as failed unless it was answered already.
func (q *receipts) fail(ap *applied, err error) {
	q.mu.Lock()
	if slices.Contains(q.list, ap) {
		ap.ready, ap.err = true, err
	}
	q.mu.Unlock()
}

// committed hears the store's answer to a batch of the agent.
func (s *shard) committed(a *actor, ap *applied, err error) {
	s.inflight--
	at := slices.Index(a.inflight, ap)
	later := a.inflight[at+1:]
	keeps := func(o *applied) bool { return o.keep != nil }
	switch {
	case err == nil && ap.keep != nil && slices.ContainsFunc(later, keeps):
		a.committed = ap.keep
	case ap.keep != nil && !slices.ContainsFunc(later, keeps):
		if err != nil {
			a.written = *a.committed
		}
		a.committed = nil
	}
	if err != nil {
		s.withdraw(a, ap, later, err)
	}
	a.inflight = slices.Delete(a.inflight, at, at+1)
	// What has nothing in flight before it has had its answer.
	for len(a.inflight) > 0 && !a.inflight[0].writes {
		a.inflight = slices.Delete(a.inflight, 0, 1)
	}
	a.inflight = emptyNil(a.inflight)
}

// withdraw takes back the facts of a change whose commit failed, says so under a
// higher number, and answers it. A fact that a later change has put again stays,
// if that change is itself on its way to the store; if it had nothing to write
// it relied on this one, and fails with it.
//
// Not taken back is what has ended or changed in the world whatever the store
// says: the end of a session, leg or offer, the wrap-up that followed, and news
// of a webphone that was there before. A removed registration comes back, since
// its record was not removed.
func (s *shard) withdraw(a *actor, ap *applied, later []*applied, err error) {
	s.r.metrics.withdrawn.Inc()
	now := time.Now().UTC()
	t := &s.scratch
	t.reset(false)
	failed := []*applied{ap}
	for i := 0; i < len(failed); i++ {
		after := later
		if at := slices.Index(later, failed[i]); at >= 0 {
			after = later[at+1:]
		}
		for _, u := range failed[i].undo {
			failed = a.takeBack(u, after, failed, t)
		}
	}
	for _, dependent := range failed[1:] {
		a.receipts.fail(dependent, err)
	}
	if ap.done == nil {
		s.r.noise.Warn().Err(err).Str("agent", a.id.String()).Msg("could not write an agent's state; it is tried again")
	}
	if !a.gone {
		t.evaluate = true
		s.settle(a, settling{applied: t, now: now, withdrawal: true})
	}
	a.receipts.ready(ap, err)
}

// takeBack restores one fact, or hands its former value on to the next change
// that replaced it. It returns failed, with the changes that fail too.
func (a *actor) takeBack(u undo, later, failed []*applied, t *applied) []*applied {
	for _, o := range later {
		v := o.find(u.kind, u.id)
		if v == nil {
			continue
		}
		if o.writes && !slices.Contains(failed, o) || !v.put {
			v.before = u.before
			return failed
		}
		if !slices.Contains(failed, o) {
			failed = append(failed, o)
		}
		v.before = u.before // it restores the same
	}
	a.restoreFact(u, t)
	return failed
}

func (a *actor) restoreFact(u undo, t *applied) {
	if u.kind == factSession && u.before != nil {
		return // news of a living connection is not taken back
	}
	t.touched = true // so that whoever saw the withdrawn number hears of a higher one
	switch u.kind {
	case factSession:
		a.dropSessions(t, func(v presence.Session) bool { return v.ID == u.id })
	case factRegistration:
		at := slices.IndexFunc(a.facts.Registrations, func(v presence.Registration) bool { return v.ID == u.id })
		before, _ := u.before.(*presence.Registration)
		switch {
		case before == nil && at >= 0:
			a.facts.Registrations = emptyNil(slices.Delete(a.facts.Registrations, at, at+1))
		case before != nil && at >= 0:
			a.facts.Registrations[at] = *before
		case before != nil:
			a.facts.Registrations = append(a.facts.Registrations, *before)
		}
	case factLeg:
		at := slices.IndexFunc(a.facts.Legs, func(v presence.Leg) bool { return v.ID == u.id })
		if before, _ := u.before.(*presence.Leg); at >= 0 && before != nil {
			a.facts.Legs = with(a.facts.Legs, at, *before)
		} else if at >= 0 {
			a.facts.Legs = without(a.facts.Legs, at)
		}
	case factOffer:
		at := slices.IndexFunc(a.facts.Offers, func(v presence.Offer) bool { return v.ID == u.id })
		if before, _ := u.before.(*presence.Offer); at >= 0 && before != nil {
			a.facts.Offers = with(a.facts.Offers, at, *before)
		} else if at >= 0 {
			a.facts.Offers = without(a.facts.Offers, at)
		}
	case factSelected:
		a.facts.Selected = *u.before.(*presence.Selection)
	case factSettings:
		own := u.before.(*ownSettings)
		a.options, a.base = own.options, own.base
		a.facts.Settings = a.agent.Settings
		if own.options != nil {
			a.facts.Settings = *own.options
		}
	case factWrapUp:
		a.facts.WrapUp = u.before.(*presence.WrapUp)
	}
}
