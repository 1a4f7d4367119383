package routing

import (
	"cmp"
	"strings"
	"time"

	"lamplight/presence"
)

// closed says that a regular call comes outside of working hours, and until when
// they are; empty where it does not. Colleagues may call each other at any time, and
// a campaign has hours of its own.
func closed(s *presence.Snapshot, p *presence.Policy, c *Call) string {
	if c.Kind == presence.CallCampaign || c.Kind == presence.CallInternal {
		return ""
	}
	open, why, _ := p.OpenFor(&s.Settings, c.Hours, c.At)
	return capital(open, why)
}

// GroupClosed says the same of a call to a group.
func GroupClosed(g *presence.Group, p *presence.Policy, kind presence.CallKind, at time.Time) string {
	if kind == presence.CallCampaign || kind == presence.CallInternal {
		return ""
	}
	open, why, _ := g.OpenFor(p, at)
	return capital(open, why)
}

func capital(open bool, why string) string {
	if open {
		return ""
	}
	return strings.ToUpper(why[:1]) + why[1:]
}

// instead is where a refused call goes; empty: nowhere.
func instead(s *presence.Snapshot, p *presence.Policy, c *Call) string {
	if c.Group != "" {
		return "" // the next member is
	}
	to := cmp.Or(s.Settings.Fallback, p.Fallback)
	if after := cmp.Or(s.Settings.AfterHours, p.AfterHours); after != "" && closed(s, p, c) != "" {
		return after
	}
	return to
}
