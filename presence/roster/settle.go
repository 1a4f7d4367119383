package roster

import (
	"cmp"
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/status"
	"lamplight/store"
)

// settling is what has been done to an agent and is now to be shown, written and
// answered.
type settling struct {
	change  *Change // nil: time, the directory or the store did it
	applied *applied
	done    func(*presence.Snapshot, error)
	now     time.Time
	cause   presence.Cause  // where there is no change
	facts   *presence.Facts // to find a cause in; nil: the agent's
	// withdrawal: a commit failed. Labels take up what is on record again, and it
	// is left to the retry to write what differs from it.
	withdrawal bool
}

// settle publishes what follows from the facts, hands records to the store and
// sees to the receipt.
func (s *shard) settle(a *actor, t settling) {
	snap := a.snap.Load()
	if t.applied.touched || t.applied.evaluate {
		snap = s.publish(a, t)
		s.schedule(a)
	}
	s.commit(a, t, snap)
}

// publish evaluates the facts and, if anything came of it, shows a new snapshot
// to readers and watchers. It returns the newest one.
func (s *shard) publish(a *actor, t settling) *presence.Snapshot {
	p := s.r.policy(a.domain)
	prev := a.snap.Load()
	ev := status.Evaluate(a.facts, *p, t.now)
	a.next = ev.Next
	given, facts := t.cause, a.facts
	if t.change != nil {
		given = t.change.Cause
	}
	if t.facts != nil {
		facts = *t.facts
		facts.WrapUp, facts.Selected = a.facts.WrapUp, a.facts.Selected
	}
	if t.applied.wrapUp && (ev.Team.Status == presence.StatusWrapUp || ev.Own.Status == presence.StatusWrapUp) {
		given = "" // not the call's end but the wrap-up's beginning is why
	}
	team, own := status.Advance(prev, ev, facts, *p, t.now, given)
	a.recall(&team, &own, given, t.withdrawal)
	if !t.applied.touched && sameEvaluation(&ev, &prev.Evaluation) && sameView(team, prev.Team) && sameView(own, prev.Own) {
		return prev
	}
	a.n++
	next := a.show(s.r.boot, t.now, ev, team, own)
	s.r.metrics.published.Inc()
	s.r.watchers.tell(next)
	return next
}

// recall lets a label that is back take up the duration it had: after a restart,
// and when a change that had replaced it was withdrawn. Within the time to
// resume a change of the label counts only if something happened to the agent.
func (a *actor) recall(team, own *presence.View, given presence.Cause, withdrawal bool) {
	past := a.hold
	if past == nil && withdrawal {
		past = &a.written
	}
	if past == nil {
		return
	}
	prev := a.snap.Load()
	if team.Label != prev.Team.Label && team.Label == past.team.Label {
		*team = past.team
	}
	if own.Label != prev.Own.Label && own.Label == past.own.Label {
		*own = past.own
	}
	if a.hold == nil || given == "" || given == presence.CauseRestart {
		return
	}
	if team.Label != prev.Team.Label && team.Label != past.team.Label ||
		own.Label != prev.Own.Label && own.Label != past.own.Label {
		a.hold = nil
	}
}

// commit hands the store what the change brought along and what is to be kept
// of the agent; the receipt follows when that is durable, or at once if there is
// nothing to write and nothing to wait for.
func (s *shard) commit(a *actor, t settling, snap *presence.Snapshot) {
	b := store.Batch{Later: t.change == nil || t.change.Later}
	if t.change != nil {
		b.Writes, b.Log = t.change.Writes, t.change.Log
	}
	keep := s.toKeep(a, t)
	if keep != nil {
		b.Writes = append(slices.Clip(b.Writes), store.Put(keep.record(a)))
		b.Log = append(slices.Clip(b.Log), s.entries(a, keep, t)...)
	}
	if len(b.Writes)+len(b.Log) == 0 {
		if len(a.inflight) > 0 {
			a.wait(t.applied.queued(t.done, snap))
		} else if t.done != nil {
			t.done(snap, nil)
		}
		return
	}
	s.submit(a, b, keep, t.applied.queued(t.done, snap))
}

// toKeep is what is to be written of the agent, nil if nothing differs from what
// was.
func (s *shard) toKeep(a *actor, t settling) *kept {
	if a.bare || a.gone || !t.applied.touched && !t.applied.evaluate {
		return nil
	}
	want := a.want()
	switch {
	case want.same(&a.written):
		return nil
	case t.withdrawal:
		a.retry = t.now.Add(retryAfter)
		s.schedule(a)
		return nil
	}
	return &want
}

// submit gives a batch to the store, with the agent's kept state if keep is set.
func (s *shard) submit(a *actor, b store.Batch, keep *kept, ap *applied) {
	ap.writes, ap.keep = true, keep
	if keep != nil {
		if a.committed == nil {
			was := a.written
			a.committed = &was
		}
		a.written = *keep
		a.retry = time.Time{}
	}
	a.inflight = append(a.inflight, ap)
	a.receipts.add(ap)
	s.inflight++
	s.r.store.Submit(b, func(err error) {
		if err == nil {
			a.receipts.ready(ap, nil)
		}
		s.q.notify(item{kind: itemCommitted, actor: a, applied: ap, err: err})
	})
}

// wait queues the receipt of a change without records behind those in flight.
func (a *actor) wait(ap *applied) {
	a.inflight = append(a.inflight, ap)
	a.receipts.add(ap)
	a.receipts.ready(ap, nil)
}

// answer refuses a change, in its turn.
func (s *shard) answer(a *actor, done func(*presence.Snapshot, error), err error) {
	if len(a.inflight) == 0 {
		done(nil, err)
		return
	}
	ap := &applied{done: done}
	a.inflight = append(a.inflight, ap)
	a.receipts.add(ap)
	a.receipts.ready(ap, err)
}

// entries are the change log's lines about what differs from what was written.
func (s *shard) entries(a *actor, want *kept, t settling) []store.Entry {
	actor, cause, reason := "system", t.cause, ""
	if t.change != nil {
		actor, cause, reason = cmp.Or(t.change.Actor, actor), t.change.Cause, t.change.Reason
	}
	key := a.stateKey()
	var out []store.Entry
	add := func(kind string, cause presence.Cause, before, after any) {
		out = append(out, store.Entry{
			Domain: key.Domain, Time: t.now, Node: s.r.node, Actor: actor, Cause: string(cause),
			Kind: kind, Entity: key.Key, Before: encode(before), After: encode(after),
		})
	}
	was := &a.written
	if !sameSelection(want.selected, was.selected) {
		add("selection", want.selected.Cause, storedSelection(was.selected), storedSelection(want.selected))
	}
	if want.options != was.options {
		add("options", cmp.Or(cause, settingsCause(&a.facts.Settings)), was.options, want.options)
	}
	if !sameWrapUp(want.wrapUp, was.wrapUp) {
		add("wrap-up", wrapUpCause(want.wrapUp, was.wrapUp, cause, t.now), was.wrapUp, want.wrapUp)
	}
	if want.team.Label != was.team.Label || want.own.Label != was.own.Label {
		why := want.own.Cause
		if want.team.Label != was.team.Label {
			why = want.team.Cause
		}
		add(kindStatus, why, shown{Labels: Labels{was.team.Label, was.own.Label}},
			shown{Labels: Labels{want.team.Label, want.own.Label}, Reason: reason})
	}
	return out
}

// kindStatus is the kind of the entries that Past reads.
const kindStatus = "status"

// shown is a status entry's value.
type shown struct {
	Labels
	Reason string `json:"reason,omitempty"`
}

func wrapUpCause(is, was *presence.WrapUp, given presence.Cause, now time.Time) presence.Cause {
	switch {
	case is != nil:
		return presence.CauseWrapUpStart
	case given == "" && !was.Until.IsZero() && !now.Before(was.Until):
		return presence.CauseWrapUpExpired
	}
	return presence.CauseWrapUpEnd
}
