package status

import "lamplight/presence"

// Because says why the agent's own view shows what it shows, as the end of a
// sentence.
func Because(ev presence.Evaluation) string { return because(&ev, ev.Own) }

func because(ev *presence.Evaluation, l presence.Label) string {
	switch {
	case l.Status == presence.StatusOnACall:
		return "a call is going on"
	case l.Status == presence.StatusWrapUp:
		return "the wrap-up after the last call is running"
	case l.Status == presence.StatusOffline:
		return ev.OfflineWhy
	case l.Status == presence.StatusOutboundOnly && ev.Chosen.Status != presence.StatusOutboundOnly:
		return everyOptionOff
	}
	return "it is selected"
}

// Still is the answer to any command after which the own view is what it was
// (rule 19): "still Do Not Disturb, because it is selected".
func Still(ev presence.Evaluation) string {
	return "still " + ev.Own.Text() + ", because " + Because(ev)
}

// Explain is the answer to a selection (rule 19), given the evaluations before
// and after it: empty if both views now show what was asked for and did not
// before, else why not. "still Outbound Calls Only, because every forwarding
// option is off".
func Explain(before, after presence.Evaluation) string {
	if after.Own == after.Chosen {
		team := ""
		if after.Team != after.Own {
			team = "the team sees " + after.Team.Text() + ", because " + because(&after, after.Team)
		}
		if before.Own != after.Own {
			return team
		}
		if team != "" {
			team = "; " + team
		}
		return "already " + after.Own.Text() + team
	}
	word := "now "
	if before.Own == after.Own {
		word = "still "
	}
	s := word + after.Own.Text() + ", because " + Because(after)
	switch after.Own.Status {
	case presence.StatusOnACall, presence.StatusWrapUp:
		s += "; " + after.Chosen.Text() + " follows it"
	}
	return s
}
