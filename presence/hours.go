package presence

import (
	"slices"
	"time"

	"lamplight/presence/schedule"
)

// OpenFor says whether an agent with these settings works at this moment: by their
// own hours where they have any, else by those of between (a group that is called,
// nil: none) and the domain. Days that any of them names count for it first.
func (p *Policy) OpenFor(s *Settings, between *schedule.Schedule, at time.Time) (open bool, why string, next time.Time) {
	c := schedule.Of(p.Zone, s.Hours, between, p.Hours)
	return c.Open(at)
}

// OpenFor says whether a group is called at this moment, by its own hours or, where it
// has none, the domain's.
func (g *Group) OpenFor(p *Policy, at time.Time) (open bool, why string, next time.Time) {
	c := schedule.Of(p.Zone, g.Hours, p.Hours)
	return c.Open(at)
}

// OpenFor says whether a forwarding number is within its hours; the domain's do not
// concern it.
func (n *Number) OpenFor(p *Policy, at time.Time) (open bool, why string, next time.Time) {
	if n.Closed {
		return false, "outside working hours", time.Time{}
	}
	c := schedule.Of(p.Zone, n.Hours)
	return c.Open(at)
}

// Same reports whether nothing about two forwarding numbers differs.
func (n Number) Same(o Number) bool {
	same := n.Hours.Equal(o.Hours)
	n.Hours, o.Hours = nil, nil
	return same && n == o
}

// SameNumbers compares lists of them.
func SameNumbers(a, b []Number) bool { return slices.EqualFunc(a, b, Number.Same) }
