// Package status says which status follows from an agent's facts, what changes
// it, and why it is what it is. The rules are those of presence/RULES.md.
//
// It is pure: the same facts, settings, policy and time give the same
// Evaluation, and the order in which facts arrived does not matter. A fact whose
// end has come counts as absent, so a late timer never shows what is over; the
// moment at which time alone may change the answer is Evaluation.Next.
//
// What is found where:
//
//   - Evaluate: facts to Evaluation.
//   - Advance: what the views' durations and causes become.
//   - Select, Selectables, Expire, AtLogin: the agent's own word.
//   - SetOptions, AllOff, Restore: the forwarding options.
//   - WrapUpAfter: what the end of a campaign call starts.
//   - Because, Still, Explain: the answer to "why does nothing change?".
package status

import (
	"time"

	"lamplight/presence"
)

// Evaluate applies the rules of the house to one agent. The policy may be raw
// or completed by WithDefaults. Slices of the result are its own; f is not
// changed.
func Evaluate(f presence.Facts, p presence.Policy, now time.Time) presence.Evaluation {
	c := clock{now: now, grace: p.LabelGrace(), legCap: p.LegCap()}
	var ev presence.Evaluation

	word := c.inForce(f.Selected, &p)
	ev.Chosen = word.label
	ev.RoutesRegular, ev.RoutesCampaign, ev.AllowsOutbound = word.regular, word.campaign, word.outbound
	if word.warning != "" {
		ev.Warnings = append(ev.Warnings, word.warning)
	}

	online := c.devices(&f, &p, &ev)
	c.calls(&f, &ev)
	wrapUp := f.WrapUp != nil && !c.over(f.WrapUp.Until)

	ev.Online = online.label
	ev.Base = !ev.Engaged && !wrapUp
	ev.Regular = ev.Base && ev.RoutesRegular && ev.Reachable
	ev.Campaign = ev.Base && ev.RoutesCampaign && online.webphoneRings
	ev.Outbound = ev.Base && ev.AllowsOutbound

	ev.Team = teamLabel(&ev, wrapUp, f.Settings.Options.Any())
	ev.Own = ownLabel(&ev, wrapUp, f.Settings.Options.Any(), online.device)
	if ev.Team.Status == presence.StatusOffline || ev.Own.Status == presence.StatusOffline {
		ev.OfflineWhy = online.why
	}
	watch(&ev, word.activity, p.ShowOfflineReach)
	ev.Next = c.next
	return ev
}

// clock is the moment of an evaluation, and gathers when time alone may change
// it.
type clock struct {
	now           time.Time
	next          time.Time
	grace, legCap time.Duration
}

// over reports whether the end has come; one that is still ahead is noted. The
// zero time never comes.
func (c *clock) over(end time.Time) bool {
	if end.IsZero() {
		return false
	}
	if !c.now.Before(end) {
		return true
	}
	if c.next.IsZero() || end.Before(c.next) {
		c.next = end
	}
	return false
}
