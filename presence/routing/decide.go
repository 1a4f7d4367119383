package routing

import (
	"cmp"
	"net/http"

	"lamplight/presence"
)

// SIP statuses of refusals (RFC 3261 §21.4). 603 is never used: it would stop a
// caller's other branches, which are not this agent's to decline.
const (
	codeForbidden   = http.StatusForbidden // 403, the same number in SIP
	codeNotFound    = http.StatusNotFound  // 404
	codeUnavailable = 480
	codeBusy        = 486
)

// Decide answers an inbound call to one agent. A nil snapshot, or one of an
// address of record that is no agent's, is an unknown agent: 404. Whether the
// asker may learn that is for who calls Decide to settle before it looks the
// agent up (see Stranger).
func Decide(s *presence.Snapshot, p presence.Policy, c Call) Decision {
	if s == nil || s.Bare {
		d := refuse(codeNotFound, "Unknown agent")
		if s != nil {
			d.Snapshot = s.Version
		}
		return d
	}
	if c.Replaces != "" { // no new call for the agent: where the old one is, it goes
		return permit(s, "takes the place of a call")
	}
	d := Decision{Rules: RulesVersion, Snapshot: s.Version}
	d.Devices = make([]Considered, 0, len(s.Devices)+3)
	if code, text := barred(s, &p, &c); code != 0 {
		d.Code, d.Text = code, text
		why := "not asked: " + text
		for i := range s.Devices {
			d.leaveOut(&s.Devices[i], why)
		}
		d.absent(s)
		return d.orFallback(s, &p, &c)
	}
	d.take(s, &c)
	d.ended(s, &c)
	d.absent(s)
	if len(d.Steps) == 0 {
		d.Code, d.Text = codeUnavailable, noTarget(s, &c)
		return d.orFallback(s, &p, &c)
	}
	d.Allow = true
	return d
}

// Stranger answers who is neither a trusted peer nor one of the domain's own:
// before any look-up, so that nobody can find out which agents there are.
func Stranger() Decision { return refuse(codeForbidden, "Not allowed to call this domain") }

func refuse(code int, text string) Decision {
	return Decision{Code: code, Text: text, Devices: []Considered{}, Rules: RulesVersion}
}

// barred says why the agent's state admits no such call, whatever the devices; 0
// if it does.
func barred(s *presence.Snapshot, p *presence.Policy, c *Call) (int, string) {
	if text := closed(s, p, c); text != "" {
		return codeUnavailable, text
	}
	switch {
	case s.Engaged:
		return codeBusy, "On a Call"
	case !s.Base:
		return codeUnavailable, "Wrap Up"
	case c.Kind == presence.CallCampaign && !s.RoutesCampaign,
		c.Kind != presence.CallCampaign && !s.RoutesRegular:
		return codeUnavailable, s.Chosen.Text()
	case s.RoutesRegular && !s.Settings.Options.Any():
		return codeUnavailable, "Outbound Calls Only"
	}
	// A direct call rings beside another, a group's or a campaign's does not; the
	// offer made for this very call is no obstacle to it.
	reserves := c.Group != "" || c.Kind == presence.CallCampaign
	if s.Offered && (reserves || p.BusyWhileRinging) && offeredAnother(s, c) {
		return codeBusy, "Another call is ringing"
	}
	return 0, ""
}

// offeredAnother reports whether the agent is being rung for another call than
// this one.
func offeredAnother(s *presence.Snapshot, c *Call) bool {
	for i := range s.Offers {
		o := &s.Offers[i]
		if (c.ID == "" || cmp.Or(o.CallID, o.ID) != c.ID) && (o.Expires.IsZero() || c.At.Before(o.Expires)) {
			return true
		}
	}
	for i := range s.Watch.Dialogs {
		if d := &s.Watch.Dialogs[i]; d.State == "early" && (c.ID == "" || d.CallID != c.ID) {
			return true
		}
	}
	return false
}

// noTarget is the text of a refusal for want of a device.
func noTarget(s *presence.Snapshot, c *Call) string {
	switch {
	case c.sleptOn():
		return "The mobile did not wake"
	case !s.Reachable && !s.Online:
		return "Offline, no device reachable"
	case !s.Reachable:
		return "No device reachable"
	case c.Kind == presence.CallCampaign:
		return "No webphone for a campaign call"
	case c.Redirect:
		return "No device that can be redirected to"
	}
	return "No device for this call"
}

// orFallback sends a refused call to the fallback, if one is configured.
func (d Decision) orFallback(s *presence.Snapshot, p *presence.Policy, c *Call) Decision {
	to := instead(s, p, c)
	if to == "" {
		return d
	}
	d.Allow, d.Fallback = true, true
	d.Steps = []Step{{Targets: []Target{{ID: "fallback", Kind: KindFallback, URI: dialled(to, s.AOR), Q: 1000}}}}
	return d
}
