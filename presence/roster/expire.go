package roster

import (
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/status"
)

const (
	// retryAfter is when the roster writes again what the store refused.
	retryAfter = 5 * time.Second
	// bareLinger is how long an address of record without an agent is known
	// after its last leg, so that whoever just asked for it finds it.
	bareLinger = 30 * time.Second
)

// expire ends what is over and shows what follows.
func (s *shard) expire(a *actor, now time.Time) {
	now = now.UTC()
	before := a.facts
	ap := &s.scratch
	ap.reset(false)
	ap.evaluate = true
	cause := s.prune(a, ap, now)
	if !a.retry.IsZero() && !a.retry.After(now) {
		a.retry = time.Time{}
	}
	if a.hold != nil && !now.Before(s.r.opened.Add(s.r.resume)) {
		a.hold = nil
		cause = presence.CauseRestart
	}
	s.settle(a, settling{applied: ap, now: now, cause: cause, facts: &before})
	if a.bare && len(a.facts.Legs) == 0 && s.forgetBare(a, now) {
		return
	}
	s.schedule(a)
}

// prune takes out the facts that are over. It returns the cause if it is one
// that the rules cannot find out by themselves.
func (s *shard) prune(a *actor, ap *applied, now time.Time) (cause presence.Cause) {
	p := s.r.policy(a.domain)
	over := func(end time.Time) bool { return !end.IsZero() && !now.Before(end) }
	grace := p.LabelGrace()
	gone := func(v presence.Session) bool {
		return v.State == presence.SessionClosed && over(v.Closed.Add(grace))
	}
	if at := slices.IndexFunc(a.facts.Sessions, isResume); at >= 0 && gone(a.facts.Sessions[at]) {
		cause = presence.CauseRestart
	}
	a.dropSessions(ap, gone)
	a.dropRegistrations(ap, func(v *presence.Registration) bool { return over(v.Expires) })
	if dead := func(v presence.Offer) bool { return over(v.Expires) }; slices.ContainsFunc(a.facts.Offers, dead) {
		a.facts.Offers = emptyNil(slices.DeleteFunc(slices.Clone(a.facts.Offers), dead))
		ap.touched = true
	}
	legCap := p.LegCap()
	for i := 0; i < len(a.facts.Legs); {
		if v := &a.facts.Legs[i]; over(v.Expires) || over(v.Since.Add(legCap)) {
			s.endLeg(a, v.ID, ap, now)
			continue
		}
		i++
	}
	if w := a.facts.WrapUp; w != nil && over(w.Until) {
		a.facts.WrapUp = nil
		ap.touched = true
	}
	if sel, ended := status.Expire(a.facts.Selected, *p, now); ended {
		a.facts.Selected = sel
		ap.touched = true
	}
	return cause
}
