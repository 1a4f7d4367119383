package phonestate

import (
	"slices"
	"strings"

	"lamplight/presence"
	"lamplight/sip/events/pidf"
)

func valueOf(d *pidf.Document) value {
	return value{Open: d.Open, Closed: d.Closed, Activities: d.Activities, Note: d.Note}
}

// wish is the status a phone's words mean in a domain; false: none.
//
//   - A note that is a custom status's name means that status.
//   - "dnd", "do-not-disturb" and "busy" mean Do Not Disturb, unless a custom
//     status of the domain has the activity and routes no calls either: who says
//     busy must not be rung.
//   - An activity that a custom status has means it, but not "away" of who is
//     closed: that is how a widespread softphone says Do Not Disturb.
//   - Closed with any other activity means Do Not Disturb: whoever says so does
//     not want to be rung.
//   - Open without an activity means Available.
//   - A call ("on-the-phone") is a fact, not a wish; closed alone is what phones
//     say when they go; anything else means nothing here.
func (v *value) wish(p *presence.Policy) (presence.Selectable, bool) {
	for i := range p.Statuses {
		if v.Note != "" && strings.EqualFold(p.Statuses[i].Name, v.Note) {
			return presence.SelectCustom(p.Statuses[i].Name), true
		}
	}
	if slices.Contains(v.Activities, "on-the-phone") {
		return "", false
	}
	for _, activity := range v.Activities {
		if v.Closed && activity == "away" {
			continue
		}
		for i := range p.Statuses {
			if c := &p.Statuses[i]; strings.EqualFold(c.Activity, activity) && (!c.Regular || !wantsPeace(activity)) {
				return presence.SelectCustom(p.Statuses[i].Name), true
			}
		}
	}
	for _, activity := range v.Activities {
		if v.Closed || wantsPeace(activity) {
			return presence.SelectDND, true
		}
	}
	return presence.SelectAvailable, v.Open && len(v.Activities) == 0
}

// wantsPeace reports whether the activity says by itself not to be rung.
func wantsPeace(activity string) bool {
	return activity == "dnd" || activity == "do-not-disturb" || activity == "busy"
}

// selects is the status that a change of a phone's words selects; false: none.
func selects(before, after *value, p *presence.Policy) (presence.Selectable, bool) {
	was, said := before.wish(p)
	is, says := after.wish(p)
	if !says || said && was == is {
		return "", false
	}
	// A phone that comes back says "open" by itself.
	return is, said || is != presence.SelectAvailable
}
