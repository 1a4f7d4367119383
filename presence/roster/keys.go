package roster

import (
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/status"
)

// What the keys of a phone mean depends on what is so when they are pressed, and
// is found out by the agent's one writer: two phones pressed at once cannot undo
// each other's half.

// unselect selects Available if the status is selected.
func (s *shard) unselect(a *actor, v presence.Selectable, c *Change, ap *applied, now time.Time) {
	if _, is := status.Selected(a.facts.Selected, *s.r.policy(a.domain), v, now); is {
		s.choose(a, presence.SelectAvailable, c, ap, now)
		return
	}
	before := a.facts.Selected
	ap.note(undo{kind: factSelected, before: &before, put: true})
}

// toggled is what Toggle selects.
func (s *shard) toggled(a *actor, v presence.Selectable, now time.Time) presence.Selectable {
	if _, is := status.Selected(a.facts.Selected, *s.r.policy(a.domain), v, now); is {
		return presence.SelectAvailable
	}
	return v
}

// forwarded are the settings with a forwarding as wished.
func (s *shard) forwarded(a *actor, f presence.Forwarding) (presence.Settings, error) {
	next, err := status.Forward(a.facts.Settings, f)
	if err == nil {
		err = directory.CompleteSettings(&next)
	}
	return next, err
}
