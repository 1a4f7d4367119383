package status

import (
	"time"

	"lamplight/presence"
)

// word is the selected status in force, resolved against the domain's policy.
type word struct {
	selection                   presence.Selection
	label                       presence.Label
	regular, campaign, outbound bool
	activity                    string // RPID (RFC 4480 §3.2) of a custom status
	expired                     bool   // a custom status ran out on the way
	warning                     string
}

// maxReturns bounds how many custom statuses may give way to one another in one
// evaluation; a domain that chains more is taken to mean Available.
const maxReturns = 8

// inForce resolves the selection: a custom status past its maximum has given way
// to the one it returns to (rule 14). One that the domain no longer has counts as
// Do Not Disturb, since its agent had said something other than "Available" and
// must not be rung on a guess.
func (c *clock) inForce(sel presence.Selection, p *presence.Policy) word {
	w := word{selection: sel}
	for range maxReturns {
		name, custom := w.selection.Status.Custom()
		if !custom {
			return w.plain()
		}
		cu := p.Custom(name)
		if cu == nil {
			w.label = presence.Label{Status: presence.StatusDND}
			w.outbound = true
			w.warning = "the status " + name + " no longer exists; it counts as Do Not Disturb until another is selected"
			return w
		}
		var end time.Time
		if cu.Max > 0 && !w.selection.At.IsZero() {
			end = w.selection.At.Add(cu.Max)
		}
		if !c.over(end) {
			w.label = presence.Label{Status: presence.StatusCustom, Custom: cu.Name}
			w.regular, w.campaign, w.outbound = cu.Regular, cu.Campaign, cu.Outbound
			w.activity = cu.Activity
			return w
		}
		w.expired = true
		w.selection = presence.Selection{Status: returnOf(cu), At: end, Cause: presence.CauseCustomExpired}
	}
	w.selection.Status = presence.SelectAvailable
	return w.plain()
}

// plain resolves the two statuses every domain has; what was never selected is
// Available.
func (w word) plain() word {
	if w.selection.Status == presence.SelectDND {
		w.label = presence.Label{Status: presence.StatusDND}
		w.outbound = true
		return w
	}
	w.label = presence.Label{Status: presence.StatusAvailable}
	w.regular, w.campaign, w.outbound = true, true, true
	return w
}

// returnOf reads Custom.Return, which names a status the way people write it in
// configuration: with or without the prefix of custom ones.
func returnOf(cu *presence.Custom) presence.Selectable {
	s := presence.Selectable(cu.Return)
	if _, custom := s.Custom(); custom || s == presence.SelectAvailable || s == presence.SelectDND {
		return s
	}
	if s == "" {
		return presence.SelectAvailable
	}
	return presence.SelectCustom(cu.Return)
}
