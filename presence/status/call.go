package status

import (
	"cmp"
	"slices"

	"lamplight/presence"
)

// calls reads legs and offers: Engaged, Offered and the dialogs for lamps.
func (c *clock) calls(f *presence.Facts, ev *presence.Evaluation) {
	for i := range f.Offers {
		if !c.over(f.Offers[i].Expires) {
			ev.Offered = true
		}
	}
	for i := range f.Legs {
		l := &f.Legs[i]
		if c.legOver(l) {
			continue
		}
		if Engages(l) {
			ev.Engaged = true
		} else {
			ev.Offered = true
		}
		if ev.Watch.Dialogs == nil {
			ev.Watch.Dialogs = make([]presence.DialogState, 0, len(f.Legs))
		}
		ev.Watch.Dialogs = append(ev.Watch.Dialogs, dialog(l))
	}
	if len(ev.Watch.Dialogs) > 1 {
		slices.SortFunc(ev.Watch.Dialogs, compareDialogs)
	}
}

// legOver reports whether a leg's publication, session timer or greatest age has
// run out: a lost BYE does not keep an agent on the phone for ever.
func (c *clock) legOver(l *presence.Leg) bool {
	if c.over(l.Expires) {
		return true
	}
	return !l.Since.IsZero() && c.over(l.Since.Add(c.legCap))
}

// Engages reports whether a leg makes its agent On a Call: dialling, talking or
// held, but not inbound ringing (rule 3). An unanswered outbound leg dials,
// whatever name its source gives that.
func Engages(l *presence.Leg) bool {
	switch l.State {
	case presence.LegTalking, presence.LegHeld:
		return true
	}
	return l.Direction == presence.Outbound
}

// dialog puts a leg in the terms of RFC 4235 §3.7.1 and §4.1.4.
func dialog(l *presence.Leg) presence.DialogState {
	d := presence.DialogState{
		ID: l.ID, Direction: "recipient",
		CallID: l.CallID, LocalTag: l.LocalTag, RemoteTag: l.RemoteTag,
		Remote: l.Remote, Name: l.RemoteName, Since: l.Since,
	}
	if l.Direction == presence.Outbound {
		d.Direction = "initiator"
	}
	switch l.State {
	case presence.LegTalking:
		d.State = "confirmed"
	case presence.LegHeld:
		d.State, d.Held = "confirmed", true
	case presence.LegDialling:
		d.State = "trying"
		if l.Direction != presence.Outbound {
			d.State = "early"
		}
	default:
		d.State = "early"
	}
	return d
}

// compareDialogs puts first what a lamp with room for one dialog shows: talking,
// held, dialling, ringing; the older first.
func compareDialogs(a, b presence.DialogState) int {
	if c := cmp.Compare(dialogRank(&a), dialogRank(&b)); c != 0 {
		return c
	}
	if c := a.Since.Compare(b.Since); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

func dialogRank(d *presence.DialogState) int {
	switch {
	case d.State == "confirmed" && !d.Held:
		return 0
	case d.State == "confirmed":
		return 1
	case d.Direction == "initiator":
		return 2
	}
	return 3
}
