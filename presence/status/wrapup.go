package status

import (
	"time"

	"lamplight/presence"
)

// WrapUpAfter is the wrap-up that the end of a leg starts, or nil (rule 9): it
// takes a campaign call in which the agent talked, of which no other leg of the
// agent is left in rest. It replaces a wrap-up that is running. The campaign's
// own time comes before the domain's; WrapUpUnlimited gives a wrap-up without an
// end, WrapUpNone gives none.
func WrapUpAfter(ended presence.Leg, rest []presence.Leg, p presence.Policy, now time.Time) *presence.WrapUp {
	if ended.Kind != presence.CallCampaign || !ended.Talked {
		return nil
	}
	for i := range rest {
		if rest[i].ID != ended.ID && rest[i].Call == ended.Call && ended.Call != "" {
			return nil
		}
	}
	d := ended.WrapUp
	if d == 0 {
		d = p.WrapUp
	}
	if d == 0 {
		d = presence.DefaultWrapUp
	}
	w := &presence.WrapUp{Call: ended.Call, Since: now}
	switch {
	case d == presence.WrapUpUnlimited:
		return w
	case d < 0:
		return nil
	}
	w.Until = now.Add(d)
	return w
}
