package status

import "lamplight/presence"

// teamLabel is what colleagues, supervisors and lamps are shown. Precedence, the
// first that holds: On a Call, Offline, Wrap Up, what the agent chose if it
// routes no regular calls, Outbound Calls Only, what the agent chose.
func teamLabel(ev *presence.Evaluation, wrapUp, options bool) presence.Label {
	switch {
	case ev.Engaged:
		return presence.Label{Status: presence.StatusOnACall}
	case !ev.Online:
		return presence.Label{Status: presence.StatusOffline}
	case wrapUp:
		return presence.Label{Status: presence.StatusWrapUp}
	}
	return idleLabel(ev, options)
}

// ownLabel is what the agent is shown: Wrap Up is stronger than Offline, and
// Offline needs that no device of the agent is there at all.
func ownLabel(ev *presence.Evaluation, wrapUp, options, device bool) presence.Label {
	switch {
	case ev.Engaged:
		return presence.Label{Status: presence.StatusOnACall}
	case wrapUp:
		return presence.Label{Status: presence.StatusWrapUp}
	case !ev.Online && !device:
		return presence.Label{Status: presence.StatusOffline}
	}
	return idleLabel(ev, options)
}

// idleLabel is the part both views share. The agent's own "not now" is stronger
// than switched-off options (rule 2).
func idleLabel(ev *presence.Evaluation, options bool) presence.Label {
	if ev.RoutesRegular && !options {
		return presence.Label{Status: presence.StatusOutboundOnly}
	}
	return ev.Chosen
}
