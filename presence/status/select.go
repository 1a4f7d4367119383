package status

import (
	"errors"
	"fmt"
	"time"

	"lamplight/presence"
)

// Errors matched by errors.Is.
var (
	// ErrUnknown: the domain has no status of that name.
	ErrUnknown = errors.New("no such status")
	// ErrNotSelectable: the status follows from facts and can be set by nobody
	// (rule 20).
	ErrNotSelectable = errors.New("status cannot be selected")
)

// By says who selects, and why.
type By struct {
	Cause  presence.Cause
	Actor  string
	Reason string
}

// Choice is what a selection does.
type Choice struct {
	// Selection is the one to keep from now on.
	Selection presence.Selection
	// Changed is false where the status was selected already: nothing happens,
	// also in Wrap Up (rule 12).
	Changed bool
	// EndsWrapUp: the selection ends the running wrap-up (rule 13).
	EndsWrapUp bool
}

// Select answers a request to select a status (rules 12, 13, 20). It may come in
// any state: while On a Call it is kept as the next status. Errors are ErrUnknown
// and ErrNotSelectable, with a text for people. What the request changes visibly,
// and why not, says Explain.
func Select(f presence.Facts, p presence.Policy, want presence.Selectable, by By, now time.Time) (Choice, error) {
	if err := selectable(&p, want); err != nil {
		return Choice{Selection: f.Selected}, err
	}
	c := clock{now: now}
	w := c.inForce(f.Selected, &p)
	if have := w.selection.Status; have == want || have == "" && want == presence.SelectAvailable {
		return Choice{Selection: w.selection, Changed: false}, nil
	}
	return Choice{
		Selection: presence.Selection{
			Status: want, At: now, Cause: by.Cause, Actor: by.Actor, Reason: by.Reason,
		},
		Changed:    true,
		EndsWrapUp: f.WrapUp != nil && !c.over(f.WrapUp.Until),
	}, nil
}

// selectable reports why a status cannot be selected.
func selectable(p *presence.Policy, want presence.Selectable) error {
	switch want {
	case presence.SelectAvailable, presence.SelectDND:
		return nil
	}
	if name, custom := want.Custom(); custom {
		if p.Custom(name) == nil {
			return fmt.Errorf("%w: the domain has no status %q", ErrUnknown, name)
		}
		return nil
	}
	l := presence.Label{Status: presence.Status(want)}
	switch l.Status {
	case presence.StatusOnACall, presence.StatusWrapUp, presence.StatusOutboundOnly, presence.StatusOffline:
		return fmt.Errorf("%w: %s follows from what happens and can be set by nobody", ErrNotSelectable, l.Text())
	}
	return fmt.Errorf("%w: %q", ErrUnknown, string(want))
}

// Expire returns the selection in force, and true if it is another than the one
// given because a custom status reached its maximum (rule 14); that one is then
// to be kept, with the cause custom-expired and the moment it happened.
func Expire(sel presence.Selection, p presence.Policy, now time.Time) (presence.Selection, bool) {
	c := clock{now: now}
	w := c.inForce(sel, &p)
	return w.selection, w.expired
}

// Selected is the selected status in force, and whether it is the one asked for.
// A custom status that the domain no longer has counts as Do Not Disturb.
func Selected(sel presence.Selection, p presence.Policy, v presence.Selectable, now time.Time) (have presence.Selectable, is bool) {
	c := clock{now: now}
	w := c.inForce(sel, &p)
	have = w.selection.Status
	switch {
	case have == "":
		have = presence.SelectAvailable
	case w.label.Status == presence.StatusDND:
		have = presence.SelectDND
	}
	return have, have == v
}

// AtLogin says what becomes of the selected status when the agent logs in (rule
// 5): the status to go on with, and whether the page asks to keep it. Until the
// answer comes the old one holds.
func AtLogin(sel presence.Selection, p presence.Policy, now time.Time) (next presence.Selectable, ask bool) {
	in, _ := Expire(sel, p, now)
	if in.Status == "" || in.Status == presence.SelectAvailable {
		return presence.SelectAvailable, false
	}
	switch p.KeepSelected {
	case presence.KeepStatus:
		return in.Status, false
	case presence.KeepAvailable:
		return presence.SelectAvailable, false
	}
	return in.Status, true
}

// Selection is one status a page may offer.
type Selection struct {
	Value  presence.Selectable  `json:"value"`
	Text   string               `json:"text"`
	Colour string               `json:"colour,omitempty"`
	Icon   string               `json:"icon,omitempty"`
	Class  presence.CustomClass `json:"class,omitempty"`
	// Max is how long it holds, Return what follows.
	Max    time.Duration       `json:"max,omitempty"`
	Return presence.Selectable `json:"return,omitempty"`
}

// Selectables lists the statuses a page may offer in this domain, in order:
// Available, Do Not Disturb, then the custom ones as configured. The list does
// not depend on the agent's state, since a selection may be made in any.
func Selectables(p presence.Policy) []Selection {
	l := make([]Selection, 0, 2+len(p.Statuses))
	l = append(l,
		Selection{Value: presence.SelectAvailable, Text: "Available"},
		Selection{Value: presence.SelectDND, Text: "Do Not Disturb"})
	for i := range p.Statuses {
		cu := &p.Statuses[i]
		s := Selection{
			Value: presence.SelectCustom(cu.Name), Text: cu.Name,
			Colour: cu.Colour, Icon: cu.Icon, Class: cu.Class, Max: cu.Max,
		}
		if cu.Max > 0 {
			s.Return = returnOf(cu)
		}
		l = append(l, s)
	}
	return l
}
