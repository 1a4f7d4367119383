package status

import (
	"errors"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
)

// The numbered rules from 12 on; the first ones, and where the others are held,
// see rules_test.go.

func TestRule12_SelectingWhatIsSelectedChangesNothing(t *testing.T) {
	f := agent(selected(presence.SelectDND), wrapUp(t0.Add(time.Minute)))
	c, err := Select(f, house(), presence.SelectDND, By{Cause: presence.CausePhoneSync}, t0.Add(time.Second))
	if err != nil || c.Changed || c.EndsWrapUp || c.Selection != f.Selected {
		t.Errorf("%+v %v", c, err)
	}
	c, err = Select(agent(), house(), presence.SelectAvailable, By{}, t0)
	if err != nil || c.Changed {
		t.Errorf("never selected is Available: %+v %v", c, err)
	}
}

func TestRule13_SelectionInACallAndInWrapUp(t *testing.T) {
	f := agent(leg("a", presence.Inbound, presence.LegTalking))
	c, err := Select(f, house(), presence.SelectDND, By{Cause: presence.CauseAgent, Actor: "1001", Reason: "r"}, t0)
	if err != nil || !c.Changed || c.EndsWrapUp || c.Selection.Actor != "1001" || c.Selection.Reason != "r" || !c.Selection.At.Equal(t0) {
		t.Fatalf("%+v %v", c, err)
	}
	before := Evaluate(f, house(), t0)
	f.Selected = c.Selection
	after := Evaluate(f, house(), t0)
	check(t, after, presence.StatusOnACall, presence.StatusOnACall)
	if got, want := Explain(before, after), "still On a Call, because a call is going on; Do Not Disturb follows it"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	f.Legs = nil
	check(t, Evaluate(f, house(), t0), presence.StatusDND, presence.StatusDND)

	f = agent(wrapUp(t0.Add(time.Minute)))
	if c, _ = Select(f, house(), presence.SelectDND, By{}, t0); !c.EndsWrapUp {
		t.Error("a selection made in Wrap Up did not end it")
	}
	if c, _ = Select(f, house(), presence.SelectDND, By{}, t0.Add(time.Minute)); c.EndsWrapUp {
		t.Error("ended a wrap-up that was over")
	}
}

func TestRule13_PhoneInLocalDND(t *testing.T) {
	f := agent(func(f *presence.Facts) { f.Registrations[0].QuietUntil = t0.Add(5 * time.Minute) })
	ev := Evaluate(f, house(), t0)
	if d := device(ev, "b1"); d.Reachable || d.Why != quietDevice || !device(ev, "b2").Reachable || len(ev.Warnings) != 1 {
		t.Errorf("%+v warnings %q", ev.Devices, ev.Warnings)
	}
	if ev = Evaluate(f, house(), t0.Add(5*time.Minute)); !device(ev, "b1").Reachable || len(ev.Warnings) != 0 {
		t.Errorf("still left out: %+v", device(ev, "b1"))
	}
}

func TestRule14_CustomStatusRunsOut(t *testing.T) {
	p := house()
	sel := presence.Selection{Status: presence.SelectCustom("Campaign"), At: t0}
	for name, tc := range map[string]struct {
		after   time.Duration
		want    presence.Selectable
		at      time.Duration
		expired bool
	}{
		"holds":                       {time.Hour - 1, sel.Status, 0, false},
		"gives way to the next":       {time.Hour, presence.SelectCustom("Lunch"), time.Hour, true},
		"which has its own maximum":   {90*time.Minute - 1, presence.SelectCustom("Lunch"), time.Hour, true},
		"and gives way to Available":  {90 * time.Minute, presence.SelectAvailable, 90 * time.Minute, true},
		"long after, the same moment": {1000 * time.Hour, presence.SelectAvailable, 90 * time.Minute, true},
	} {
		got, expired := Expire(sel, p, t0.Add(tc.after))
		if got.Status != tc.want || expired != tc.expired || !got.At.Equal(t0.Add(tc.at)) {
			t.Errorf("%s: %+v expired %v", name, got, expired)
		}
		if expired && got.Cause != presence.CauseCustomExpired {
			t.Errorf("%s: cause %s", name, got.Cause)
		}
	}
	// Two statuses that return to each other do not hang the evaluation.
	p.Statuses = []presence.Custom{{Name: "A", Max: 1, Return: "B"}, {Name: "B", Max: 1, Return: "custom:A"}}
	if got, _ := Expire(presence.Selection{Status: presence.SelectCustom("A"), At: t0}, p, t0.Add(time.Hour)); got.Status != presence.SelectAvailable {
		t.Errorf("%+v", got)
	}
}

func TestRule14_RemovedCustomStatusCountsAsDoNotDisturb(t *testing.T) {
	ev := Evaluate(agent(selected(presence.SelectCustom("Gone"))), house(), t0)
	check(t, ev, presence.StatusDND, presence.StatusDND)
	if ev.Regular || ev.Campaign || len(ev.Warnings) != 1 || !strings.Contains(ev.Warnings[0], "Gone") {
		t.Errorf("%+v", ev)
	}
	if _, err := Select(agent(), house(), presence.SelectCustom("Gone"), By{}, t0); !errors.Is(err, ErrUnknown) {
		t.Errorf("selecting it: %v", err)
	}
}

func TestRule14_SelectionsAPageMayOffer(t *testing.T) {
	offered := Selectables(house())
	got := make([]string, 0, len(offered))
	for _, s := range offered {
		got = append(got, string(s.Value))
		if _, err := Select(agent(), house(), s.Value, By{}, t0); err != nil {
			t.Errorf("offered, but refused: %v", err)
		}
	}
	want := "available do_not_disturb custom:Lunch custom:Meeting custom:Back Office custom:Campaign"
	if strings.Join(got, " ") != want {
		t.Errorf("offered %q", got)
	}
}

func TestRule15_GraceHoldsTheLabelNotTheTarget(t *testing.T) {
	for name, tc := range map[string]struct {
		facts  presence.Facts
		policy presence.Policy
		after  time.Duration
		online bool
	}{
		"just closed":         {agent(noPhones, closedAt(t0)), house(), 0, true},
		"end of the default":  {agent(noPhones, closedAt(t0)), house(), 5*time.Second - 1, true},
		"after the default":   {agent(noPhones, closedAt(t0)), house(), 5 * time.Second, false},
		"longer":              {agent(noPhones, closedAt(t0)), house(func(p *presence.Policy) { p.Grace = 30 * time.Second }), 29 * time.Second, true},
		"none":                {agent(noPhones, closedAt(t0)), house(func(p *presence.Policy) { p.Grace = -1 }), 0, false},
		"suspect has no end":  {agent(noPhones, suspect), house(), time.Hour, true},
		"closed while denied": {agent(noPhones, micIs(presence.MicDenied), closedAt(t0)), house(), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			ev := Evaluate(tc.facts, tc.policy, t0.Add(tc.after))
			if ev.Online != tc.online || (ev.Team.Status == presence.StatusAvailable) != tc.online {
				t.Errorf("online %v, team %v", ev.Online, ev.Team)
			}
			if ev.Reachable || ev.Regular || ev.Campaign {
				t.Error("a webphone that is gone is a target")
			}
		})
	}
}

func TestRule15_ReasonsOfAWebphoneThatIsNoTarget(t *testing.T) {
	ev := Evaluate(agent(closedAt(t0)), house(), t0)
	if d := device(ev, "s1"); d.Reachable || d.Why != webphoneClosed || len(ev.Warnings) != 0 {
		t.Errorf("closed: %+v, warnings %q", d, ev.Warnings)
	}
	ev = Evaluate(agent(suspect), house(), t0)
	if d := device(ev, "s1"); d.Reachable || d.Why != webphoneSuspect || len(ev.Warnings) != 1 {
		t.Errorf("suspect: %+v, warnings %q", d, ev.Warnings)
	}
}

// TestReachableWhen holds the table of device kinds.
func TestReachableWhen(t *testing.T) {
	for name, tc := range map[string]struct {
		r               presence.Registration
		reachable, wake bool
	}{
		"desk, alive":              {presence.Registration{Kind: presence.KindDesk, Alive: true}, true, false},
		"desk, flow gone":          {presence.Registration{Kind: presence.KindDesk}, false, false},
		"desk, restored":           {presence.Registration{Kind: presence.KindDesk, Alive: true, Restored: true}, true, false},
		"desk, restored, no reply": {presence.Registration{Kind: presence.KindDesk, Restored: true}, false, false},
		"soft, push is not its":    {presence.Registration{Kind: presence.KindSoft, Push: true}, false, false},
		"mobile, alive":            {presence.Registration{Kind: presence.KindMobile, Alive: true, Push: true}, true, false},
		"mobile, asleep":           {presence.Registration{Kind: presence.KindMobile, Push: true}, true, true},
		"mobile, no token":         {presence.Registration{Kind: presence.KindMobile}, false, false},
		"mobile, quiet":            {presence.Registration{Kind: presence.KindMobile, Push: true, QuietUntil: t0.Add(1)}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			tc.r.ID = "x"
			ev := Evaluate(agent(loggedOut, func(f *presence.Facts) { f.Registrations = []presence.Registration{tc.r} }), house(), t0)
			d := device(ev, "x")
			if d.Reachable != tc.reachable || d.Wake != tc.wake || ev.Regular != tc.reachable || d.Restored != tc.r.Restored {
				t.Errorf("%+v, regular %v", d, ev.Regular)
			}
			// The own view goes by what is there, not by what rings.
			there := tc.r.Alive || tc.r.Push && tc.r.Kind == presence.KindMobile
			if (ev.Own.Status != presence.StatusOffline) != there || ev.Team.Status != presence.StatusOffline {
				t.Errorf("team %v own %v", ev.Team, ev.Own)
			}
		})
	}
}

func TestRule15_FlapLeavesNoTrace(t *testing.T) {
	f := agent(noPhones)
	prev := snapshot(f, house(), t0.Add(-time.Hour))
	since := prev.Team.Since
	closedAt(t0)(&f)
	prev = step(prev, f, house(), t0, "")
	f.Sessions = []presence.Session{session1()}
	f.Sessions[0].ID = "s2"
	prev = step(prev, f, house(), t0.Add(4*time.Second), "")
	if !prev.Team.Since.Equal(since) || !prev.Own.Since.Equal(since) {
		t.Errorf("a reload reset the duration: team %+v own %+v", prev.Team, prev.Own)
	}
	// Longer than that it is Offline, from the end of the grace.
	closedAt(t0.Add(5 * time.Second))(&f)
	prev = step(prev, f, house(), t0.Add(5*time.Second), "")
	gone := prev.Next
	prev = step(prev, f, house(), gone, "")
	if prev.Team.Status != presence.StatusOffline || !prev.Team.Since.Equal(t0.Add(10*time.Second)) || prev.Team.Cause != presence.CauseWebphoneGone {
		t.Errorf("team %+v", prev.Team)
	}
}

func TestRule15_ViewsHaveTheirOwnDurations(t *testing.T) {
	f := agent()
	prev := snapshot(f, house(), t0.Add(-time.Hour))
	f.Sessions = nil
	next := step(prev, f, house(), t0, "")
	if !next.Team.Since.Equal(t0) || !next.Own.Since.Equal(prev.Own.Since) {
		t.Errorf("team %+v own %+v", next.Team, next.Own)
	}
}

func TestRule16_ListsArePolicy(t *testing.T) {
	p := presence.Policy{Emergency: []string{"112"}}.WithDefaults().WithDefaults()
	if len(p.Emergency) != 1 {
		t.Error("the list was lost; that it passes in every status is held in routing")
	}
}

func TestRule17_LeaseAlwaysEndsAndChangesNoStatus(t *testing.T) {
	f := agent(offer(t0.Add(20 * time.Second)))
	ev := Evaluate(f, house(), t0)
	check(t, ev, presence.StatusAvailable, presence.StatusAvailable)
	if !ev.Offered || !ev.Regular || len(ev.Watch.Dialogs) != 0 {
		t.Errorf("%+v", ev)
	}
	if ev = Evaluate(f, house(), t0.Add(20*time.Second)); ev.Offered {
		t.Error("the lease did not end")
	}
}

func TestRule18_NumbersByTheirOwnOptionAndHours(t *testing.T) {
	f := agent(loggedOut, noPhones, options(presence.Options{Numbers: []presence.Number{
		{ID: dev(1), Number: "1", Enabled: true, Delay: 9 * time.Second, Confirm: true, Group: true},
		{ID: dev(2), Number: "2"},
		{ID: dev(3), Number: "3", Enabled: true, Closed: true},
		{ID: dev(4), Enabled: true},
		{Number: "5", Enabled: true},
	}}))
	ev := Evaluate(f, house(), t0)
	check(t, ev, presence.StatusOffline, presence.StatusOffline)
	if d := device(ev, dev(1).String()); !d.Enabled || !d.Reachable || !d.Confirm || !d.Group || d.Delay != 9*time.Second || d.Contact != "1" {
		t.Errorf("%+v", d)
	}
	if d := device(ev, dev(2).String()); d.Enabled || d.Why != numberOff {
		t.Errorf("%+v", d)
	}
	if d := device(ev, dev(3).String()); d.Reachable || d.Why != "outside working hours" {
		t.Errorf("%+v", d)
	}
	if d := device(ev, dev(4).String()); d.Reachable || d.Why != numberEmpty {
		t.Errorf("%+v", d)
	}
	if d := device(ev, "5"); !d.Reachable {
		t.Errorf("%+v", d)
	}
	if !ev.Regular {
		t.Error("an enabled number is not enough for a regular call")
	}
}

func TestRule19_CommandsThatChangeNothingSayWhy(t *testing.T) {
	off := agent(optionsOff)
	for name, tc := range map[string]struct {
		facts presence.Facts
		want  presence.Selectable
		text  string
	}{
		"available, options off":    {agent(optionsOff, selected(presence.SelectDND)), presence.SelectAvailable, "now Outbound Calls Only, because every forwarding option is off"},
		"custom, options off":       {off, presence.SelectCustom("Back Office"), "still Outbound Calls Only, because every forwarding option is off"},
		"already":                   {agent(selected(presence.SelectDND)), presence.SelectDND, "already Do Not Disturb"},
		"same word, options off":    {off, presence.SelectAvailable, "still Outbound Calls Only, because every forwarding option is off"},
		"offline":                   {agent(loggedOut, noPhones), presence.SelectDND, "still Offline, because no webphone is logged in"},
		"same in wrap-up":           {agent(wrapUp(time.Time{})), presence.SelectAvailable, "still Wrap Up, because the wrap-up after the last call is running; Available follows it"},
		"team sees something else":  {agent(micIs(presence.MicDenied)), presence.SelectDND, "the team sees Offline, because the microphone is denied: allow it in the browser's settings for this page"},
		"already, and team differs": {agent(loggedOut), presence.SelectAvailable, "already Available; the team sees Offline, because no webphone is logged in"},
		"visible":                   {agent(), presence.SelectDND, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := tc.facts
			before := Evaluate(f, house(), t0)
			c, err := Select(f, house(), tc.want, By{}, t0)
			if err != nil {
				t.Fatal(err)
			}
			f.Selected = c.Selection
			if c.EndsWrapUp {
				f.WrapUp = nil
			}
			if got := Explain(before, Evaluate(f, house(), t0)); got != tc.text {
				t.Errorf("%q, want %q", got, tc.text)
			}
		})
	}
	if got := Still(Evaluate(agent(selected(presence.SelectDND)), house(), t0)); got != "still Do Not Disturb, because it is selected" {
		t.Errorf("%q", got)
	}
}

func TestRule20_NobodySetsWhatFollowsFromFacts(t *testing.T) {
	for _, s := range []presence.Status{
		presence.StatusOnACall, presence.StatusWrapUp, presence.StatusOutboundOnly, presence.StatusOffline,
	} {
		_, err := Select(agent(), house(), presence.Selectable(s), By{Cause: presence.CauseSupervisor}, t0)
		if !errors.Is(err, ErrNotSelectable) || !strings.Contains(err.Error(), label(s).Text()) {
			t.Errorf("%s: %v", s, err)
		}
	}
	if _, err := Select(agent(), house(), "nonsense", By{}, t0); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}

func TestRule21_OnlineByAnyDevice(t *testing.T) {
	p := house(onlineByAny)
	dead := func(f *presence.Facts) { f.Registrations[0].Alive = false }
	restored := func(f *presence.Facts) { f.Registrations[0].Restored = true }
	for name, tc := range map[string]struct {
		facts     presence.Facts
		policy    presence.Policy
		team, own presence.Status
	}{
		"default needs a webphone": {agent(loggedOut), house(), presence.StatusOffline, presence.StatusAvailable},
		"desk phone":               {agent(loggedOut), p, presence.StatusAvailable, presence.StatusAvailable},
		"its option is off":        {agent(loggedOut, options(presence.Options{Mobile: true})), p, presence.StatusAvailable, presence.StatusAvailable},
		"restored":                 {agent(loggedOut, restored), p, presence.StatusAvailable, presence.StatusAvailable},
		"push alone":               {agent(loggedOut, dead), p, presence.StatusOffline, presence.StatusAvailable},
		"denied microphone":        {agent(micIs(presence.MicDenied)), p, presence.StatusAvailable, presence.StatusAvailable},
		"nothing":                  {agent(loggedOut, noPhones), p, presence.StatusOffline, presence.StatusOffline},
	} {
		t.Run(name, func(t *testing.T) {
			ev := Evaluate(tc.facts, tc.policy, t0)
			check(t, ev, tc.team, tc.own)
			if ev.Campaign {
				t.Error("a campaign call without a webphone")
			}
		})
	}
	if ev := Evaluate(agent(loggedOut, noPhones), p, t0); ev.OfflineWhy != noDevice {
		t.Errorf("why %q", ev.OfflineWhy)
	}
}
