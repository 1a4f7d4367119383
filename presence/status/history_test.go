package status

import (
	"slices"
	"testing"
	"time"

	"lamplight/presence"
)

// snapshot is what the roster would publish of an agent it meets for the first
// time.
func snapshot(f presence.Facts, p presence.Policy, now time.Time) *presence.Snapshot {
	return step(nil, f, p, now, presence.CauseLogin)
}

// step is what the roster would publish next.
func step(prev *presence.Snapshot, f presence.Facts, p presence.Policy, now time.Time, given presence.Cause) *presence.Snapshot {
	ev := Evaluate(f, p, now)
	s := &presence.Snapshot{
		At: now, Selected: f.Selected, WrapUp: f.WrapUp, Settings: f.Settings,
		Sessions: slices.Clone(f.Sessions), Legs: slices.Clone(f.Legs), Evaluation: ev,
	}
	s.Team, s.Own = Advance(prev, ev, f, p, now, given)
	return s
}

// TestRule22_CausesOfWhatHappensByItself walks an agent's day; each step is what
// the roster applies without saying why.
func TestRule22_CausesOfWhatHappensByItself(t *testing.T) {
	talk := leg("a", presence.Inbound, presence.LegTalking)
	in := t0.Add
	for name, tc := range map[string]struct {
		before, after presence.Facts
		policy        presence.Policy
		at            time.Time
		team, own     presence.Cause // empty: the view must not change
	}{
		"call starts":            {agent(), agent(talk), house(), t0, presence.CauseCallStart, presence.CauseCallStart},
		"call ends":              {agent(talk), agent(), house(), t0, presence.CauseCallEnd, presence.CauseCallEnd},
		"call ends, offline":     {agent(talk, loggedOut), agent(loggedOut), house(), t0, presence.CauseCallEnd, presence.CauseCallEnd},
		"call's end not told":    {agent(talk), agent(talk), house(), in(12 * time.Hour), presence.CauseFactExpired, presence.CauseFactExpired},
		"wrap-up starts":         {agent(talk), agent(wrapUp(time.Time{})), house(), t0, presence.CauseWrapUpStart, presence.CauseWrapUpStart},
		"wrap-up starts offline": {agent(talk, loggedOut), agent(loggedOut, wrapUp(time.Time{})), house(), t0, presence.CauseCallEnd, presence.CauseWrapUpStart},
		"wrap-up runs out": {
			agent(wrapUp(in(time.Minute))), agent(wrapUp(in(time.Minute))), house(), in(time.Minute),
			presence.CauseWrapUpExpired, presence.CauseWrapUpExpired,
		},
		"wrap-up finished": {agent(wrapUp(in(time.Minute))), agent(), house(), t0, presence.CauseWrapUpEnd, presence.CauseWrapUpEnd},
		"selected":         {agent(), agent(selected(presence.SelectDND)), house(), t0, presence.CauseAgent, presence.CauseAgent},
		"selected by a phone": {
			agent(), agent(selected(presence.SelectDND), func(f *presence.Facts) { f.Selected.Cause = presence.CausePhoneSync }),
			house(), t0, presence.CausePhoneSync, presence.CausePhoneSync,
		},
		"custom runs out": {
			agent(selected(presence.SelectCustom("Lunch"))), agent(selected(presence.SelectCustom("Lunch"))),
			house(), in(30 * time.Minute), presence.CauseCustomExpired, presence.CauseCustomExpired,
		},
		"options off":           {agent(), agent(optionsOff), house(), t0, presence.CauseOptionsOff, presence.CauseOptionsOff},
		"options on":            {agent(optionsOff), agent(), house(), t0, presence.CauseOptionsOn, presence.CauseOptionsOn},
		"webphone gone":         {agent(), agent(loggedOut), house(), t0, presence.CauseWebphoneGone, ""},
		"webphone gone, closed": {agent(closedAt(t0)), agent(closedAt(t0)), house(), in(5 * time.Second), presence.CauseWebphoneGone, ""},
		"login":                 {agent(loggedOut), agent(), house(), t0, presence.CauseLogin, ""},
		"microphone granted":    {agent(micIs(presence.MicNotAsked)), agent(), house(), t0, presence.CauseLogin, ""},
		"microphone regained":   {agent(micIs(presence.MicLost)), agent(), house(), t0, presence.CauseWebphoneBack, ""},
		"microphone denied":     {agent(), agent(micIs(presence.MicDenied)), house(), t0, presence.CauseMicDenied, ""},
		"registration expires": {
			agent(loggedOut), agent(loggedOut), house(onlineByAny), in(time.Hour), presence.CauseFactExpired, "",
		},
		"last device expires": {
			agent(micIs(presence.MicDenied)), agent(micIs(presence.MicDenied)), house(), in(2 * time.Hour), "", presence.CauseFactExpired,
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := t0.Add(-time.Minute)
			prev := snapshot(tc.before, tc.policy, start)
			next := step(prev, tc.after, tc.policy, tc.at, "")
			for _, v := range []struct {
				name     string
				was, is  presence.View
				expected presence.Cause
			}{{"team", prev.Team, next.Team, tc.team}, {"own", prev.Own, next.Own, tc.own}} {
				if v.expected == "" {
					if v.is != v.was {
						t.Errorf("%s view changed: %+v to %+v", v.name, v.was, v.is)
					}
					continue
				}
				if v.is.Cause != v.expected || !v.is.Since.Equal(tc.at) || v.is.Label == v.was.Label {
					t.Errorf("%s view %+v, want the cause %s", v.name, v.is, v.expected)
				}
			}
		})
	}
}

// TestRule22_GivenCauseCounts: who applies a change and says why is believed,
// also for an agent never seen before.
func TestRule22_GivenCauseCounts(t *testing.T) {
	prev := snapshot(agent(), house(), t0)
	if next := step(prev, agent(loggedOut), house(), t0, presence.CauseWebphoneQuiet); next.Team.Cause != presence.CauseWebphoneQuiet {
		t.Errorf("%+v", next.Team)
	}
	// Who did it is no cause where nothing was selected.
	if next := step(prev, agent(optionsOff), house(), t0, presence.CauseAgent); next.Team.Cause != presence.CauseOptionsOff {
		t.Errorf("%+v", next.Team)
	}
	wrapping := snapshot(agent(wrapUp(time.Time{})), house(), t0)
	if next := step(wrapping, agent(), house(), t0, presence.CauseSupervisor); next.Own.Cause != presence.CauseWrapUpEnd {
		t.Errorf("%+v", next.Own)
	}
	if next := step(wrapping, agent(selected(presence.SelectDND)), house(), t0, presence.CauseSupervisor); next.Own.Cause != presence.CauseSupervisor {
		t.Errorf("%+v", next.Own)
	}
	if s := step(nil, agent(), house(), t0, ""); s.Team.Cause != presence.CauseRestart || s.Own.Cause != presence.CauseRestart {
		t.Errorf("%+v %+v", s.Team, s.Own)
	}
	if s := step(nil, agent(), house(), t0, presence.CauseLogin); s.Own.Cause != presence.CauseLogin || !s.Own.Since.Equal(t0) {
		t.Errorf("%+v", s.Own)
	}
}
