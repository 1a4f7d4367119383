package roster

import (
	"cmp"
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/status"
)

// apply carries out one operation that check let pass. An operation that repeats
// what is so already is noted like the others while something is in flight: if
// it is so by a change that then fails, the repetition fails too.
func (s *shard) apply(a *actor, op Op, c *Change, ap *applied, now time.Time) {
	switch op := op.(type) {
	case PutSession:
		a.putSession(op.Session, ap, now)
	case DropSession:
		a.dropSessions(ap, func(v presence.Session) bool { return v.ID == op.ID })
	case Logout:
		a.dropSessions(ap, func(presence.Session) bool { return true })
	case PutRegistration:
		s.putRegistration(a, &op.Registration, ap)
	case DropRegistration:
		a.dropRegistrations(ap, func(v *presence.Registration) bool { return v.ID == op.ID })
	case Quiet:
		a.quiet(op, ap)
	case PutLeg:
		s.putLeg(a, op.Leg, ap, now)
	case EndLeg:
		s.endLeg(a, op.ID, ap, now)
	case PutOffer:
		s.putOffer(a, op.Offer, ap)
	case EndOffer:
		if at := slices.IndexFunc(a.facts.Offers, func(v presence.Offer) bool { return v.ID == op.ID }); at >= 0 {
			a.facts.Offers = without(a.facts.Offers, at)
			ap.touched = true
		}
	case Select:
		s.choose(a, op.Status, c, ap, now)
	case Unselect:
		s.unselect(a, op.Status, c, ap, now)
	case Toggle:
		s.choose(a, s.toggled(a, op.Status, now), c, ap, now)
	case Forward:
		if next, err := s.forwarded(a, op.Forwarding); err == nil { // checked before
			a.setSettings(next, ap)
		}
	case SetOptions:
		next := presence.Settings{Options: op.Options}
		keepNumberIDs(next.Options.Numbers, a.facts.Settings.Options.Numbers)
		if directory.CompleteSettings(&next) == nil { // checked before
			a.setSettings(status.SetOptions(a.facts.Settings, next.Options), ap)
		}
	case SetHours:
		next := a.facts.Settings
		next.Hours, next.AfterHours = op.Hours, op.AfterHours
		a.setSettings(next, ap)
	case SetRinging:
		next := a.facts.Settings
		next.Ringing = op.Ringing
		a.setSettings(next, ap)
	case AllOptionsOff:
		next, _ := status.AllOff(a.facts.Settings)
		a.setSettings(next, ap)
	case RestoreOptions:
		next, _ := status.Restore(a.facts.Settings)
		a.setSettings(next, ap)
	case FinishWrapUp:
		a.setWrapUp(nil, ap)
	}
}

func (a *actor) putSession(v presence.Session, ap *applied, now time.Time) {
	v.State = cmp.Or(v.State, presence.SessionAlive)
	if v.State == presence.SessionClosed && v.Closed.IsZero() {
		v.Closed = now
	}
	if v.State == presence.SessionAlive && v.Usable() {
		a.dropSessions(ap, isResume) // what it stood in for is there
	}
	at := slices.IndexFunc(a.facts.Sessions, func(o presence.Session) bool { return o.ID == v.ID })
	if at < 0 {
		ap.note(undo{kind: factSession, id: v.ID, put: true})
	} else if ap.record {
		ap.note(undo{kind: factSession, id: v.ID, before: &a.facts.Sessions[at], put: true})
	}
	if at >= 0 && a.facts.Sessions[at] == v {
		return
	}
	a.facts.Sessions = with(a.facts.Sessions, at, v)
	ap.touched = true
}

func (a *actor) dropSessions(ap *applied, which func(presence.Session) bool) {
	if slices.ContainsFunc(a.facts.Sessions, which) {
		a.facts.Sessions = emptyNil(slices.DeleteFunc(slices.Clone(a.facts.Sessions), which))
		ap.touched = true
	}
}

// putRegistration is the hot path: most registrations are refreshes.
func (s *shard) putRegistration(a *actor, v *presence.Registration, ap *applied) {
	regs := a.facts.Registrations
	at := slices.IndexFunc(regs, func(o presence.Registration) bool { return o.ID == v.ID })
	if at < 0 {
		ap.note(undo{kind: factRegistration, id: v.ID, put: true})
		a.facts.Registrations = append(a.facts.Registrations, *v)
		ap.evaluate = true
		return
	}
	old := &regs[at]
	refreshed := *old
	refreshed.Expires = v.Expires
	silent := refreshed == *v
	if !silent || ap.record {
		before := *old
		ap.note(undo{kind: factRegistration, id: v.ID, before: &before, put: true})
	}
	if silent && old.Expires.Equal(v.Expires) {
		return
	}
	*old = *v
	if silent {
		s.hasten(a, v.Expires)
		return
	}
	ap.evaluate = true
}

// quiet leaves a registration out for a while.
func (a *actor) quiet(op Quiet, ap *applied) {
	regs := a.facts.Registrations
	at := slices.IndexFunc(regs, func(o presence.Registration) bool { return o.ID == op.ID })
	if at < 0 || regs[at].QuietUntil.Equal(op.Until) {
		return
	}
	before := regs[at]
	ap.note(undo{kind: factRegistration, id: op.ID, before: &before, put: true})
	regs[at].QuietUntil = op.Until
	ap.evaluate = true
}

func (a *actor) dropRegistrations(ap *applied, which func(*presence.Registration) bool) {
	kept := a.facts.Registrations[:0]
	for i := range a.facts.Registrations {
		v := a.facts.Registrations[i]
		if !which(&v) {
			kept = append(kept, v)
			continue
		}
		ap.note(undo{kind: factRegistration, id: v.ID, before: &v})
		ap.evaluate = true
	}
	clear(a.facts.Registrations[len(kept):])
	a.facts.Registrations = emptyNil(kept)
}

func (s *shard) putLeg(a *actor, v presence.Leg, ap *applied, now time.Time) {
	v.Talked = v.Talked || v.State == presence.LegTalking || v.State == presence.LegHeld
	at := slices.IndexFunc(a.facts.Legs, func(o presence.Leg) bool { return o.ID == v.ID })
	if at >= 0 && a.facts.Legs[at].Call != v.Call { // the id is used anew: that leg has ended
		s.endLeg(a, v.ID, ap, now)
		at = -1
	}
	if at < 0 {
		if v.Since.IsZero() {
			v.Since = now
		}
		ap.note(undo{kind: factLeg, id: v.ID, put: true})
		a.facts.Legs = with(a.facts.Legs, at, v)
		ap.touched = true
		return
	}
	old := a.facts.Legs[at]
	v.Since = old.Since
	v.Talked = v.Talked || old.Talked
	v.Kind = cmp.Or(v.Kind, old.Kind)
	v.WrapUp = cmp.Or(v.WrapUp, old.WrapUp)
	refreshed := old
	refreshed.Expires = v.Expires
	silent := refreshed == v
	if !silent || ap.record {
		ap.note(undo{kind: factLeg, id: v.ID, before: &old, put: true})
	}
	if silent && old.Expires.Equal(v.Expires) {
		return
	}
	a.facts.Legs = with(a.facts.Legs, at, v)
	if silent {
		s.hasten(a, v.Expires)
		return
	}
	ap.touched = true
}

func (s *shard) endLeg(a *actor, id string, ap *applied, now time.Time) {
	at := slices.IndexFunc(a.facts.Legs, func(o presence.Leg) bool { return o.ID == id })
	if at < 0 {
		return
	}
	ended := a.facts.Legs[at]
	a.facts.Legs = without(a.facts.Legs, at)
	ap.touched = true
	if w := a.wrapUpAfter(ended, s.r.policy(a.domain), now); w != nil {
		a.facts.WrapUp = w // not noted: the call has ended whatever the store says
		ap.wrapUp = true
	}
}

// wrapUpAfter is the wrap-up that begins with the end of a leg, nil if none
// does. Of several legs of one call the last to end counts, whichever of them
// the agent talked in.
func (a *actor) wrapUpAfter(ended presence.Leg, p *presence.Policy, now time.Time) *presence.WrapUp {
	sameCall := func(o presence.Leg) bool { return o.Call == ended.Call }
	before := slices.IndexFunc(a.talked, sameCall)
	if ended.Call != "" && slices.ContainsFunc(a.facts.Legs, sameCall) {
		if before < 0 && ended.Talked && ended.Kind == presence.CallCampaign {
			a.talked = append(a.talked, ended)
		}
		return nil
	}
	w := status.WrapUpAfter(ended, a.facts.Legs, *p, now)
	if before >= 0 {
		if w == nil {
			w = status.WrapUpAfter(a.talked[before], a.facts.Legs, *p, now)
		}
		a.talked = emptyNil(slices.DeleteFunc(a.talked, sameCall))
	}
	return w
}

func (s *shard) putOffer(a *actor, v presence.Offer, ap *applied) {
	at := slices.IndexFunc(a.facts.Offers, func(o presence.Offer) bool { return o.ID == v.ID })
	if at < 0 {
		ap.note(undo{kind: factOffer, id: v.ID, put: true})
	} else {
		old := a.facts.Offers[at]
		ap.note(undo{kind: factOffer, id: v.ID, before: &old, put: true})
		if old == v {
			return
		}
	}
	a.facts.Offers = with(a.facts.Offers, at, v)
	ap.touched = true
}

func (s *shard) choose(a *actor, want presence.Selectable, c *Change, ap *applied, now time.Time) {
	by := status.By{Cause: cmp.Or(c.Cause, presence.CauseAgent), Actor: c.Actor, Reason: c.Reason}
	choice, err := status.Select(a.facts, *s.r.policy(a.domain), want, by, now)
	if err != nil { // found by check before
		return
	}
	before := a.facts.Selected
	ap.note(undo{kind: factSelected, before: &before, put: true})
	if !choice.Changed {
		return
	}
	a.facts.Selected = choice.Selection
	ap.touched = true
	if choice.EndsWrapUp {
		a.setWrapUp(nil, ap)
	}
}

func (a *actor) setWrapUp(w *presence.WrapUp, ap *applied) {
	ap.note(undo{kind: factWrapUp, before: a.facts.WrapUp, put: true})
	if a.facts.WrapUp == w {
		return
	}
	a.facts.WrapUp = w
	ap.touched = true
}

// setSettings makes next the agent's own settings, in place of the directory's.
func (a *actor) setSettings(next presence.Settings, ap *applied) {
	ap.note(undo{kind: factSettings, before: &ownSettings{a.options, a.base}, put: true})
	if sameSettings(&next, &a.facts.Settings) {
		return
	}
	a.options, a.base = &next, settingsSum(&a.agent.Settings)
	a.facts.Settings = next
	ap.touched = true
}

// hasten makes sure of a fact's end that came nearer.
func (s *shard) hasten(a *actor, end time.Time) {
	if next := earlier(a.next, end); !next.Equal(a.next) {
		a.next = next
		s.schedule(a)
	}
}

// with is list with v at that place, or appended if at is negative.
func with[T any](list []T, at int, v T) []T {
	next := make([]T, len(list), len(list)+1)
	copy(next, list)
	if at < 0 {
		return append(next, v)
	}
	next[at] = v
	return next
}

// without is list without the element at that place.
func without[T any](list []T, at int) []T {
	if len(list) == 1 {
		return nil
	}
	next := make([]T, 0, len(list)-1)
	return append(append(next, list[:at]...), list[at+1:]...)
}

// emptyNil lets go of the memory of a list that has become empty.
func emptyNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// keepNumberIDs gives forwarding numbers that come without an id the id they
// had.
func keepNumberIDs(next, old []presence.Number) {
	for i := range next {
		if !next[i].ID.IsZero() {
			continue
		}
		for j := range old {
			if old[j].Number == next[i].Number {
				next[i].ID = old[j].ID
			}
		}
	}
}

func sameSettings(a, b *presence.Settings) bool {
	return a.Fallback == b.Fallback && a.AfterHours == b.AfterHours && a.Hours.Equal(b.Hours) && a.Ringing.Same(&b.Ringing) && sameOptions(&a.Options, &b.Options) &&
		sameSet(a.Saved, b.Saved) && sameSet(a.Before, b.Before)
}

// sameSet compares sets that need not be there.
func sameSet(a, b *presence.Options) bool {
	return a == b || a != nil && b != nil && sameOptions(a, b)
}

func sameOptions(a, b *presence.Options) bool {
	return a.Webphone == b.Webphone && a.SIPPhone == b.SIPPhone && a.Mobile == b.Mobile &&
		presence.SameNumbers(a.Numbers, b.Numbers)
}
