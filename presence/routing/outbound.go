package routing

import (
	"time"

	"lamplight/presence"
)

// OutboundCall is an agent's own call asking to be let out.
type OutboundCall struct {
	ID     string `json:"id,omitempty"` // the SIP Call-ID where there is one
	Number string `json:"number"`
	// Device the call comes from, as its credential says; zero if the asker does
	// not say, and the status alone decides.
	Device presence.DeviceID `json:"device"`
	// Colleague: the callee is an agent of the same domain.
	Colleague bool `json:"colleague,omitempty"`
	// Pickup is the Call-ID of the call that it takes from where it rings;
	// Transfer that of the one that it comes from.
	Pickup   string    `json:"pickup,omitempty"`
	Transfer string    `json:"transfer,omitempty"`
	At       time.Time `json:"at"`
	// Shown is what a call to the outside says of the caller.
	Shown string `json:"shown,omitempty"`
}

// DecideOutbound answers an agent's own call: Allow or a refusal. An allowed one
// has no steps: where it goes is a matter of the dial plan.
func DecideOutbound(s *presence.Snapshot, p presence.Policy, c OutboundCall) Decision {
	// Rule 16, before anything else: whoever the caller is.
	_, _, code := p.Codes.Find(plainNumber(c.Number))
	if _, help := p.EmergencyNumber(c.Number); help || code || exempt(p.FeatureCodes, c.Number) {
		return permit(s, "always allowed")
	}
	if s == nil || s.Bare {
		return refuse(codeForbidden, "Unknown agent")
	}
	switch { // as if by a feature code, and what another party of the call decided
	case c.Pickup != "":
		return permit(s, "a pickup")
	case c.Transfer != "":
		return permit(s, "a transfer")
	}
	d := refuse(codeForbidden, "")
	d.Snapshot = s.Version
	if text := unusable(s, c.Device); text != "" {
		d.Text = text
		return d
	}
	switch {
	case s.Engaged:
		if d.Text = consult(s, &p, &c); d.Text != "" {
			return d
		}
		return permit(s, "a consultation during a call")
	case !s.Base:
		d.Text = "Wrap Up"
		return d
	case !s.AllowsOutbound:
		d.Text = s.Chosen.Text() + " allows no outbound calls"
		return d
	}
	return permit(s, "the status allows outbound calls")
}

// permit lets the call out; the reason is kept in Text.
func permit(s *presence.Snapshot, text string) Decision {
	d := Decision{Allow: true, Text: text, Devices: []Considered{}, Rules: RulesVersion}
	if s != nil {
		d.Snapshot = s.Version
	}
	return d
}

// unusable says why an agent's device may not call. A webphone has to be online;
// a SIP phone or mobile has to be registered, and proves by calling that it is
// alive. Forwarding options rule what rings, not what may call.
func unusable(s *presence.Snapshot, id presence.DeviceID) string {
	if id.IsZero() {
		return ""
	}
	text := "The device is not registered"
	for i := range s.Devices {
		dev := &s.Devices[i]
		if dev.Device != id {
			continue
		}
		if dev.Kind != presence.KindWebphone {
			return ""
		}
		if webphoneUsable(s, dev.ID) {
			return ""
		}
		text = "The webphone is not online"
	}
	return text
}

// webphoneUsable reports whether that session's agent can be heard through it.
func webphoneUsable(s *presence.Snapshot, session string) bool {
	for i := range s.Sessions {
		if w := &s.Sessions[i]; w.ID == session {
			return w.State != presence.SessionClosed && w.Usable()
		}
	}
	return false
}

// consult says why no further call may be made during a call (rule 10); empty if
// one may. A consultation needs a held call and nothing else going on.
func consult(s *presence.Snapshot, p *presence.Policy, c *OutboundCall) string {
	held := false
	for i := range s.Watch.Dialogs {
		d := &s.Watch.Dialogs[i]
		switch {
		case d.Held:
			held = true
		case d.State == "confirmed" || d.Direction == "initiator":
			return "On a Call"
		}
	}
	switch {
	case !held || p.Consult == presence.ConsultNone:
		return "On a Call"
	case p.Consult == presence.ConsultAny || c.Colleague:
		return ""
	}
	return "On a Call: only colleagues can be consulted"
}

// exempt reports whether the number is in the list, however either is written.
func exempt(list []string, number string) bool {
	if len(list) == 0 || number == "" {
		return false
	}
	number = plainNumber(number)
	for _, e := range list {
		if plainNumber(e) == number {
			return true
		}
	}
	return false
}
