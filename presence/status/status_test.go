package status

import (
	"testing"
	"time"

	"lamplight/presence"
)

// TestStatusTable holds every row of the table of statuses, and of the table of
// what watchers are told.
func TestStatusTable(t *testing.T) {
	const yes, no = true, false
	var (
		available = label(presence.StatusAvailable)
		dnd       = label(presence.StatusDND)
		onACall   = label(presence.StatusOnACall)
		wrapping  = label(presence.StatusWrapUp)
		outbound  = label(presence.StatusOutboundOnly)
		offline   = label(presence.StatusOffline)
	)
	type told struct {
		lamp     string // state of the first dialog, or "idle"
		busy     bool
		open     bool
		activity string
		note     string
	}
	for name, tc := range map[string]struct {
		facts             presence.Facts
		team, own         presence.Label
		regular, campaign bool
		out               bool
		told              told
	}{
		"available": {
			agent(), available, available, yes, yes, yes,
			told{"idle", no, yes, "", "Available"},
		},
		"available, webphone option off": {
			agent(options(presence.Options{SIPPhone: true})), available, available, yes, no, yes,
			told{"idle", no, yes, "", "Available"},
		},
		"available, ringing": {
			agent(leg("a", presence.Inbound, presence.LegRinging)), available, available, yes, yes, yes,
			told{"early", no, yes, "", "Available"},
		},
		"do not disturb": {
			agent(selected(presence.SelectDND)), dnd, dnd, no, no, yes,
			told{"idle", yes, no, "busy", "Do Not Disturb"},
		},
		"custom that routes nothing": {
			agent(selected(presence.SelectCustom("Lunch"))), custom("Lunch"), custom("Lunch"), no, no, no,
			told{"idle", yes, no, "meal", "Lunch"},
		},
		"custom that lets calls out": {
			agent(selected(presence.SelectCustom("Meeting"))), custom("Meeting"), custom("Meeting"), no, no, yes,
			told{"idle", yes, no, "meeting", "Meeting"},
		},
		"custom that routes regular calls": {
			agent(selected(presence.SelectCustom("Back Office"))), custom("Back Office"), custom("Back Office"), yes, no, yes,
			told{"idle", no, yes, "", "Back Office"},
		},
		"custom that routes campaign calls": {
			agent(selected(presence.SelectCustom("Campaign"))), custom("Campaign"), custom("Campaign"), no, yes, yes,
			told{"idle", yes, no, "", "Campaign"},
		},
		"on a call, dialling": {
			agent(leg("a", presence.Outbound, presence.LegDialling)), onACall, onACall, no, no, no,
			told{"trying", no, yes, "on-the-phone", "On a Call"},
		},
		"on a call, far end rings": {
			agent(leg("a", presence.Outbound, presence.LegRinging)), onACall, onACall, no, no, no,
			told{"early", no, yes, "on-the-phone", "On a Call"},
		},
		"on a call, talking": {
			agent(leg("a", presence.Inbound, presence.LegTalking)), onACall, onACall, no, no, no,
			told{"confirmed", no, yes, "on-the-phone", "On a Call"},
		},
		"on a call, held": {
			agent(leg("a", presence.Inbound, presence.LegHeld)), onACall, onACall, no, no, no,
			told{"confirmed", no, yes, "on-the-phone", "On a Call"},
		},
		"wrap up": {
			agent(wrapUp(t0.Add(20 * time.Second))), wrapping, wrapping, no, no, no,
			told{"idle", yes, no, "busy", "Wrap Up"},
		},
		"outbound calls only": {
			agent(optionsOff), outbound, outbound, no, no, yes,
			told{"idle", yes, no, "busy", "Outbound Calls Only"},
		},
		"outbound calls only, custom that routes": {
			agent(optionsOff, selected(presence.SelectCustom("Back Office"))), outbound, outbound, no, no, yes,
			told{"idle", yes, no, "busy", "Outbound Calls Only"},
		},
		"offline, nothing there": {
			agent(loggedOut, noPhones), offline, offline, no, no, yes,
			told{"idle", no, no, "", "Offline"},
		},
		"offline for the team, desk phone there": {
			agent(loggedOut), offline, available, yes, no, yes,
			told{"idle", no, no, "", "Offline"},
		},
		"offline for the team, ringing": {
			agent(loggedOut, leg("a", presence.Inbound, presence.LegRinging)), offline, available, yes, no, yes,
			told{"early", no, no, "", "Offline"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ev := Evaluate(tc.facts, house(), t0)
			if ev.Team != tc.team || ev.Own != tc.own {
				t.Errorf("team %v own %v, want %v and %v", ev.Team, ev.Own, tc.team, tc.own)
			}
			if ev.Regular != tc.regular || ev.Campaign != tc.campaign || ev.Outbound != tc.out {
				t.Errorf("regular %v campaign %v outbound %v, want %v %v %v",
					ev.Regular, ev.Campaign, ev.Outbound, tc.regular, tc.campaign, tc.out)
			}
			got := told{"idle", ev.Watch.Busy, ev.Watch.Open, ev.Watch.Activity, ev.Watch.Note}
			if len(ev.Watch.Dialogs) > 0 {
				got.lamp = ev.Watch.Dialogs[0].State
			}
			if got != tc.told {
				t.Errorf("watchers are told %+v, want %+v", got, tc.told)
			}
		})
	}
}

// TestPrecedence lays the conditions over one another, strongest first, for both
// views: taking the strongest away must show the next.
func TestPrecedence(t *testing.T) {
	call := leg("a", presence.Inbound, presence.LegTalking)
	wrap := wrapUp(t0.Add(time.Minute))
	dnd := selected(presence.SelectDND)
	lunch := selected(presence.SelectCustom("Lunch"))
	for name, tc := range map[string]struct {
		facts     presence.Facts
		team, own presence.Status
	}{
		"everything":                  {agent(call, loggedOut, noPhones, wrap, dnd, optionsOff), presence.StatusOnACall, presence.StatusOnACall},
		"no call":                     {agent(loggedOut, noPhones, wrap, dnd, optionsOff), presence.StatusOffline, presence.StatusWrapUp},
		"no call, no wrap-up":         {agent(loggedOut, noPhones, dnd, optionsOff), presence.StatusOffline, presence.StatusOffline},
		"desk phone":                  {agent(loggedOut, dnd, optionsOff), presence.StatusOffline, presence.StatusDND},
		"desk phone, custom":          {agent(loggedOut, lunch, optionsOff), presence.StatusOffline, presence.StatusCustom},
		"desk phone, available":       {agent(loggedOut, optionsOff), presence.StatusOffline, presence.StatusOutboundOnly},
		"online, wrap-up, DND, off":   {agent(wrap, dnd, optionsOff), presence.StatusWrapUp, presence.StatusWrapUp},
		"online, DND, off":            {agent(dnd, optionsOff), presence.StatusDND, presence.StatusDND},
		"online, custom without, off": {agent(lunch, optionsOff), presence.StatusCustom, presence.StatusCustom},
		"online, off":                 {agent(optionsOff), presence.StatusOutboundOnly, presence.StatusOutboundOnly},
		"online":                      {agent(), presence.StatusAvailable, presence.StatusAvailable},
	} {
		t.Run(name, func(t *testing.T) {
			ev := Evaluate(tc.facts, house(), t0)
			if ev.Team.Status != tc.team || ev.Own.Status != tc.own {
				t.Errorf("team %v own %v, want %v and %v", ev.Team, ev.Own, tc.team, tc.own)
			}
		})
	}
}

// TestExpiredFactsAreAbsent puts every fact at its end.
func TestExpiredFactsAreAbsent(t *testing.T) {
	past := t0
	for name, c := range map[string]change{
		"registration": func(f *presence.Facts) {
			*f = presence.Facts{Registrations: f.Registrations[:1], Settings: f.Settings}
			f.Registrations[0].Expires = past
		},
		"leg": func(f *presence.Facts) {
			*f = presence.Facts{Settings: f.Settings}
			leg("a", presence.Inbound, presence.LegTalking)(f)
			f.Legs[0].Expires = past
		},
		"leg by age": func(f *presence.Facts) {
			*f = presence.Facts{Settings: f.Settings}
			leg("a", presence.Inbound, presence.LegTalking)(f)
			f.Legs[0].Since = past.Add(-12 * time.Hour)
		},
		"offer": func(f *presence.Facts) {
			*f = presence.Facts{Settings: f.Settings}
			offer(past)(f)
		},
		"wrap-up": func(f *presence.Facts) {
			*f = presence.Facts{Settings: f.Settings}
			wrapUp(past)(f)
		},
		"closed session": func(f *presence.Facts) {
			*f = presence.Facts{Settings: f.Settings, Sessions: f.Sessions}
			closedAt(past.Add(-5 * time.Second))(f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := agent(c)
			ev := Evaluate(f, house(), t0)
			if ev.Own.Status != presence.StatusOffline || ev.Engaged || ev.Offered || !ev.Base || len(ev.Devices) != 0 || len(ev.Watch.Dialogs) != 0 {
				t.Errorf("the fact still counts: %+v", ev)
			}
			if !ev.Next.IsZero() {
				t.Errorf("next is %v, but nothing is left to end", ev.Next)
			}
			if before := Evaluate(f, house(), t0.Add(-time.Millisecond)); !before.Next.Equal(t0) {
				t.Errorf("next was %v, want the end of the fact", before.Next)
			}
		})
	}
}

// TestNext finds the earliest of several ends.
func TestNext(t *testing.T) {
	f := agent()
	for _, tc := range []struct {
		name string
		c    change
		in   time.Duration
	}{
		{"registration", func(*presence.Facts) {}, time.Hour},
		{"custom maximum", selected(presence.SelectCustom("Lunch")), 30 * time.Minute},
		{"quiet device", func(f *presence.Facts) { f.Registrations[0].QuietUntil = t0.Add(5 * time.Minute) }, 5 * time.Minute},
		{"leg age", func(f *presence.Facts) {
			leg("a", presence.Inbound, presence.LegTalking)(f)
			f.Legs[0].Since = t0.Add(-12*time.Hour + 2*time.Minute)
		}, 2 * time.Minute},
		{"publication", func(f *presence.Facts) { f.Legs[0].Expires = t0.Add(time.Minute) }, time.Minute},
		{"wrap-up", wrapUp(t0.Add(30 * time.Second)), 30 * time.Second},
		{"lease", offer(t0.Add(20 * time.Second)), 20 * time.Second},
		{"grace", closedAt(t0.Add(-time.Second)), 4 * time.Second},
	} {
		tc.c(&f)
		if ev := Evaluate(f, house(), t0); !ev.Next.Equal(t0.Add(tc.in)) {
			t.Errorf("with %s next is in %v, want %v", tc.name, ev.Next.Sub(t0), tc.in)
		}
	}
}

// TestLampOrder: the first dialog is what a lamp with room for one shows.
func TestLampOrder(t *testing.T) {
	f := agent(
		leg("ringing", presence.Inbound, presence.LegRinging),
		leg("held", presence.Inbound, presence.LegHeld),
		leg("dialling", presence.Outbound, presence.LegDialling),
		leg("younger", presence.Inbound, presence.LegTalking),
		leg("talking", presence.Outbound, presence.LegTalking),
	)
	f.Legs[3].Since = t0
	dialogs := Evaluate(f, house(), t0).Watch.Dialogs
	got := make([]string, 0, len(dialogs))
	for _, d := range dialogs {
		got = append(got, d.ID+" "+d.State+" "+d.Direction)
	}
	want := []string{
		"talking confirmed initiator", "younger confirmed recipient", "held confirmed recipient",
		"dialling trying initiator", "ringing early recipient",
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("dialogs %q, want %q", got, want)
		}
	}
}

// TestOfflineNote: only where the policy shows it, and only what would ring.
func TestOfflineNote(t *testing.T) {
	show := house(func(p *presence.Policy) { p.ShowOfflineReach = true })
	for name, tc := range map[string]struct {
		facts  presence.Facts
		policy presence.Policy
		want   string
	}{
		"hidden by default":    {agent(loggedOut), house(), "Offline"},
		"shown":                {agent(loggedOut), show, "Offline, reachable: desk phone, mobile"},
		"disabled left out":    {agent(loggedOut, options(presence.Options{Mobile: true})), show, "Offline, reachable: mobile"},
		"nothing there":        {agent(loggedOut, noPhones), show, "Offline"},
		"do not disturb":       {agent(loggedOut, selected(presence.SelectDND)), show, "Offline"},
		"wrap-up blocks calls": {agent(loggedOut, wrapUp(t0.Add(time.Minute))), show, "Offline"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Evaluate(tc.facts, tc.policy, t0).Watch.Note; got != tc.want {
				t.Errorf("note %q, want %q", got, tc.want)
			}
		})
	}
}
