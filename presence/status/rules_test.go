package status

import (
	"strings"
	"testing"
	"time"

	"lamplight/presence"
)

// One test for each numbered rule of presence/RULES.md as far as it is a matter
// of status. Rules that are (also) held elsewhere:
//
//   - 5: asking at login is the page's; that the word outlives a restart, the
//     roster's and the store's.
//   - 6, 10, 13, 16, 17, 18, 21: what they mean for calls is held in
//     presence/routing.
//   - 7, 15: when a microphone or a session counts as lost, webrtc.
//   - 12: which PUBLISH counts as a selection, sip/events; feature codes, sip.
//   - 13: noticing a phone in local Do Not Disturb, whoever carries the call.
//   - 14: who may create custom statuses, web and the configuration.
//   - 17: that leases end and offers are counted, roster.
//   - 20: who may act for whom, web.

func check(t *testing.T, ev presence.Evaluation, team, own presence.Status) {
	t.Helper()
	if ev.Team.Status != team || ev.Own.Status != own {
		t.Errorf("team %v own %v, want %v and %v", ev.Team, ev.Own, team, own)
	}
}

func TestRule01_OutboundCallsOnlyWhenEveryOptionIsOff(t *testing.T) {
	f := agent()
	f.Settings.Options.Numbers = []presence.Number{{ID: dev(9), Number: "+4930", Enabled: true, Closed: true}}
	var why string
	f.Settings, why = AllOff(f.Settings)
	ev := Evaluate(f, house(), t0)
	check(t, ev, presence.StatusOutboundOnly, presence.StatusOutboundOnly)
	if why != "" || !ev.Outbound || ev.Regular || ev.Campaign || ev.Reachable || ev.Why != everyOptionOff {
		t.Errorf("why %q, %+v", why, ev)
	}
	if _, why = AllOff(f.Settings); why == "" {
		t.Error("turning all off twice says nothing")
	}
	if f.Settings, why = Restore(f.Settings); why != "" {
		t.Error(why)
	}
	o := f.Settings.Options
	if !o.Webphone || !o.SIPPhone || !o.Mobile || !o.Numbers[0].Enabled || f.Settings.Saved != nil {
		t.Errorf("restored %+v", f.Settings)
	}
	check(t, Evaluate(f, house(), t0), presence.StatusAvailable, presence.StatusAvailable)
	if _, why = Restore(f.Settings); why == "" {
		t.Error("restoring without a set says nothing")
	}

	// One option is enough, also a number outside its hours.
	for name, o := range map[string]presence.Options{
		"webphone": {Webphone: true}, "sip phone": {SIPPhone: true}, "mobile": {Mobile: true},
		"number": {Numbers: []presence.Number{{Number: "1", Enabled: true, Closed: true}}},
	} {
		if ev := Evaluate(agent(options(o)), house(), t0); ev.Team.Status != presence.StatusAvailable {
			t.Errorf("only %s on: %v", name, ev.Team)
		}
	}
}

func TestRule01_RestoreKeepsWhatChangedMeanwhile(t *testing.T) {
	s := presence.Settings{Options: presence.Options{Mobile: true, Numbers: []presence.Number{
		{ID: dev(1), Number: "1", Enabled: true}, {ID: dev(2), Number: "2", Enabled: true},
	}}}
	before := s.Options.Numbers[0]
	s, _ = AllOff(s)
	s.Options.Numbers = []presence.Number{
		{ID: dev(1), Number: "1 moved"}, {ID: dev(3), Number: "3"},
	}
	s, _ = Restore(s)
	n := s.Options.Numbers
	if len(n) != 2 || !n[0].Enabled || n[0].Number != "1 moved" || n[1].Enabled || !s.Options.Mobile || s.Options.Webphone {
		t.Errorf("restored %+v", s.Options)
	}
	if !before.Enabled {
		t.Error("turning off changed the settings it was given")
	}
	// Turning the last option off by hand keeps what was on, too.
	s = SetOptions(presence.Settings{Options: presence.Options{Mobile: true}}, presence.Options{})
	if s.Saved == nil || !s.Saved.Mobile {
		t.Errorf("saved %+v", s.Saved)
	}
	// Saving what is off already does not forget it.
	s.Options = presence.Options{}
	s = SetOptions(s, presence.Options{Numbers: []presence.Number{{Number: "1"}}})
	if s.Saved == nil || !s.Saved.Mobile {
		t.Errorf("saved %+v", s.Saved)
	}
	// Turning options on does not.
	s = SetOptions(presence.Settings{Options: presence.Options{Mobile: true}}, presence.Options{Webphone: true})
	if s.Saved != nil {
		t.Errorf("saved %+v", s.Saved)
	}
}

func TestRule02_OwnWordIsStrongerThanOptionsOff(t *testing.T) {
	check(t, Evaluate(agent(optionsOff, selected(presence.SelectDND)), house(), t0), presence.StatusDND, presence.StatusDND)
	for name, want := range map[string]presence.Status{
		"Lunch": presence.StatusCustom, "Meeting": presence.StatusCustom, "Back Office": presence.StatusOutboundOnly,
	} {
		check(t, Evaluate(agent(optionsOff, selected(presence.SelectCustom(name))), house(), t0), want, want)
	}
}

func TestRule03_RingingIsNotOnACall(t *testing.T) {
	for name, tc := range map[string]struct {
		d       presence.Direction
		s       presence.LegState
		engaged bool
		lamp    string
	}{
		"inbound ringing":          {presence.Inbound, presence.LegRinging, false, "early"},
		"inbound, told as trying":  {presence.Inbound, presence.LegDialling, false, "early"},
		"outbound dialling":        {presence.Outbound, presence.LegDialling, true, "trying"},
		"outbound, far end rings":  {presence.Outbound, presence.LegRinging, true, "early"},
		"inbound talking":          {presence.Inbound, presence.LegTalking, true, "confirmed"},
		"outbound talking":         {presence.Outbound, presence.LegTalking, true, "confirmed"},
		"held":                     {presence.Inbound, presence.LegHeld, true, "confirmed"},
		"unknown state, inbound":   {presence.Inbound, "", false, "early"},
		"unknown state, outbound":  {presence.Outbound, "", true, "early"},
		"unknown direction, talks": {"", presence.LegTalking, true, "confirmed"},
	} {
		t.Run(name, func(t *testing.T) {
			ev := Evaluate(agent(leg("a", tc.d, tc.s)), house(), t0)
			if ev.Engaged != tc.engaged || ev.Offered == tc.engaged || ev.Watch.Dialogs[0].State != tc.lamp {
				t.Errorf("engaged %v offered %v lamp %+v", ev.Engaged, ev.Offered, ev.Watch.Dialogs)
			}
			if onCall := ev.Team.Status == presence.StatusOnACall; onCall != tc.engaged {
				t.Errorf("team %v", ev.Team)
			}
			if held := tc.s == presence.LegHeld; ev.Watch.Dialogs[0].Held != held {
				t.Errorf("held %v", ev.Watch.Dialogs[0].Held)
			}
		})
	}
}

func TestRule04_WebphoneOptionNeverChangesOffline(t *testing.T) {
	on := presence.Options{Webphone: true, SIPPhone: true}
	off := presence.Options{SIPPhone: true}
	for name, c := range map[string]change{
		"online": func(*presence.Facts) {}, "logged out": loggedOut, "nothing": func(f *presence.Facts) { loggedOut(f); noPhones(f) },
		"denied": micIs(presence.MicDenied), "suspect": suspect,
	} {
		a, b := Evaluate(agent(c, options(on)), house(), t0), Evaluate(agent(c, options(off)), house(), t0)
		if a.Team != b.Team || a.Own != b.Own || a.Online != b.Online {
			t.Errorf("%s: with the option %v/%v, without %v/%v", name, a.Team, a.Own, b.Team, b.Own)
		}
		if b.Campaign {
			t.Errorf("%s: a campaign call although the webphone option is off", name)
		}
	}
	ev := Evaluate(agent(options(off)), house(), t0)
	if d := device(ev, "s1"); d.Enabled || !d.Reachable || d.Why != webphoneOff {
		t.Errorf("webphone %+v", d)
	}
}

func TestRule05_OfflineWithDoNotDisturb(t *testing.T) {
	ev := Evaluate(agent(loggedOut, selected(presence.SelectDND)), house(), t0)
	check(t, ev, presence.StatusOffline, presence.StatusDND)
	if ev.Regular || ev.Campaign {
		t.Error("gets calls")
	}
}

func TestRule05_SelectedStatusAtLogin(t *testing.T) {
	dnd := presence.Selection{Status: presence.SelectDND}
	lunch := presence.Selection{Status: presence.SelectCustom("Lunch"), At: t0.Add(-time.Hour)}
	for name, tc := range map[string]struct {
		sel  presence.Selection
		keep presence.KeepSelected
		want presence.Selectable
		ask  bool
	}{
		"asked by default":      {dnd, "", presence.SelectDND, true},
		"ask":                   {dnd, presence.KeepAsk, presence.SelectDND, true},
		"keep":                  {dnd, presence.KeepStatus, presence.SelectDND, false},
		"available":             {dnd, presence.KeepAvailable, presence.SelectAvailable, false},
		"nothing to ask":        {presence.Selection{}, presence.KeepAsk, presence.SelectAvailable, false},
		"ran out while offline": {lunch, presence.KeepAsk, presence.SelectAvailable, false},
	} {
		p := house()
		p.KeepSelected = tc.keep
		if got, ask := AtLogin(tc.sel, p, t0); got != tc.want || ask != tc.ask {
			t.Errorf("%s: %q ask %v", name, got, ask)
		}
	}
}

func TestRule06_OfflineRoutesByTheSameSettings(t *testing.T) {
	ev := Evaluate(agent(loggedOut), house(), t0)
	check(t, ev, presence.StatusOffline, presence.StatusAvailable)
	if !ev.Regular || ev.Campaign || !device(ev, "b1").Enabled || !device(ev, "b2").Reachable {
		t.Errorf("%+v", ev)
	}
	f := agent(loggedOut, leg("a", presence.Inbound, presence.LegTalking))
	check(t, Evaluate(f, house(), t0), presence.StatusOnACall, presence.StatusOnACall)
	f.Legs = nil
	check(t, Evaluate(f, house(), t0), presence.StatusOffline, presence.StatusAvailable)
}

func TestRule07_Microphone(t *testing.T) {
	for m, tc := range map[presence.Mic]struct {
		usable, warned bool
		cause          presence.Cause
	}{
		presence.MicGranted:  {true, false, ""},
		presence.MicSilent:   {true, true, ""},
		presence.MicMuted:    {true, true, ""},
		presence.MicNotAsked: {false, true, presence.CauseMicPending},
		presence.MicDenied:   {false, true, presence.CauseMicDenied},
		presence.MicMissing:  {false, true, presence.CauseMicMissing},
		presence.MicLost:     {false, true, presence.CauseMicLost},
		"":                   {false, true, presence.CauseMicPending},
	} {
		t.Run("mic "+string(m), func(t *testing.T) {
			f := agent(noPhones, micIs(m))
			ev := Evaluate(f, house(), t0)
			if ev.Online != tc.usable || ev.Campaign != tc.usable || ev.Reachable != tc.usable || (len(ev.Warnings) > 0) != tc.warned {
				t.Errorf("online %v campaign %v reachable %v warnings %q", ev.Online, ev.Campaign, ev.Reachable, ev.Warnings)
			}
			if tc.usable {
				return
			}
			check(t, ev, presence.StatusOffline, presence.StatusOffline)
			if ev.OfflineWhy == noWebphone || !strings.Contains(ev.OfflineWhy, "microphone") || device(ev, "s1").Why != ev.OfflineWhy {
				t.Errorf("why %q, device %+v", ev.OfflineWhy, device(ev, "s1"))
			}
			// Taken away in mid-session: the cause says so.
			was := snapshot(agent(noPhones), house(), t0.Add(-time.Hour))
			team, own := Advance(was, ev, f, house(), t0, "")
			if team.Cause != tc.cause || own.Cause != tc.cause || !team.Since.Equal(t0) {
				t.Errorf("team %+v own %+v, want the cause %s", team, own, tc.cause)
			}
		})
	}
}

func TestRule07_PageWordAloneProvesNothing(t *testing.T) {
	f := agent(noPhones)
	f.Sessions[0].MicProven = false
	ev := Evaluate(f, house(), t0)
	check(t, ev, presence.StatusOffline, presence.StatusOffline)
	if ev.OfflineWhy == "" || ev.Campaign {
		t.Errorf("%+v", ev)
	}
}

func TestRule07_RunningCallIsNotCut(t *testing.T) {
	ev := Evaluate(agent(micIs(presence.MicLost), leg("a", presence.Inbound, presence.LegTalking)), house(), t0)
	check(t, ev, presence.StatusOnACall, presence.StatusOnACall)
	if ev.Online {
		t.Error("online without a microphone")
	}
}

func TestRule08_OneGoodSessionIsEnough(t *testing.T) {
	f := agent(noPhones, micIs(presence.MicDenied))
	good := session1()
	good.ID, good.Client = "s2", "desktop"
	f.Sessions = append(f.Sessions, good)
	ev := Evaluate(f, house(), t0)
	check(t, ev, presence.StatusAvailable, presence.StatusAvailable)
	if device(ev, "s1").Reachable || !device(ev, "s2").Reachable || !ev.Campaign || ev.OfflineWhy != "" {
		t.Errorf("%+v", ev.Devices)
	}
	f.Sessions[1].Mic = presence.MicMissing
	if ev = Evaluate(f, house(), t0); ev.Team.Status != presence.StatusOffline || !strings.Contains(ev.OfflineWhy, "denied") {
		t.Errorf("team %v, why %q; the reason the agent can mend by a click comes first", ev.Team, ev.OfflineWhy)
	}
}

func TestRule09_WrapUpAfterCampaignCalls(t *testing.T) {
	camp := presence.Leg{Call: "c1", ID: "l1", Kind: presence.CallCampaign, Talked: true}
	with := func(f func(*presence.Leg)) presence.Leg { l := camp; f(&l); return l }
	pol := func(d time.Duration) presence.Policy { return presence.Policy{WrapUp: d} }
	for name, tc := range map[string]struct {
		leg   presence.Leg
		rest  []presence.Leg
		pol   presence.Policy
		runs  bool
		until time.Time
	}{
		"default":              {camp, nil, pol(0), true, t0.Add(30 * time.Second)},
		"domain's":             {camp, nil, pol(5 * time.Second), true, t0.Add(5 * time.Second)},
		"campaign's":           {with(func(l *presence.Leg) { l.WrapUp = time.Minute }), nil, pol(5 * time.Second), true, t0.Add(time.Minute)},
		"campaign has none":    {with(func(l *presence.Leg) { l.WrapUp = presence.WrapUpNone }), nil, pol(0), false, time.Time{}},
		"domain has none":      {camp, nil, pol(presence.WrapUpNone), false, time.Time{}},
		"no limit":             {camp, nil, pol(presence.WrapUpUnlimited), true, time.Time{}},
		"regular call":         {with(func(l *presence.Leg) { l.Kind = presence.CallRegular }), nil, pol(0), false, time.Time{}},
		"internal call":        {with(func(l *presence.Leg) { l.Kind = presence.CallInternal }), nil, pol(0), false, time.Time{}},
		"never answered":       {with(func(l *presence.Leg) { l.Talked = false }), nil, pol(0), false, time.Time{}},
		"another leg is left":  {camp, []presence.Leg{{Call: "c1", ID: "l2"}}, pol(0), false, time.Time{}},
		"another call is left": {camp, []presence.Leg{{Call: "c2", ID: "l2"}, camp}, pol(0), true, t0.Add(30 * time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			w := WrapUpAfter(tc.leg, tc.rest, tc.pol, t0)
			if (w != nil) != tc.runs {
				t.Fatalf("wrap-up %+v", w)
			}
			if w != nil && (!w.Until.Equal(tc.until) || w.Call != "c1" || !w.Since.Equal(t0)) {
				t.Errorf("wrap-up %+v, want until %v", w, tc.until)
			}
		})
	}
}

func TestRule09_WrapUpBlocksEverything(t *testing.T) {
	for name, c := range map[string]change{"online": func(*presence.Facts) {}, "team sees Offline": loggedOut} {
		f := agent(c, wrapUp(time.Time{}))
		ev := Evaluate(f, house(), t0)
		if ev.Regular || ev.Campaign || ev.Outbound || ev.Base || ev.Own.Status != presence.StatusWrapUp {
			t.Errorf("%s: %+v", name, ev)
		}
		if far := Evaluate(agent(c, wrapUp(time.Time{}), func(f *presence.Facts) { f.Registrations[0].Expires = time.Time{} }), house(), t0.Add(90*time.Minute)); far.Own.Status != presence.StatusWrapUp {
			t.Errorf("%s: an unlimited wrap-up ended by itself", name)
		}
	}
	// Losing and regaining the webphone: the same wrap-up, the same end.
	f := agent(wrapUp(t0.Add(20 * time.Second)))
	prev := snapshot(f, house(), t0)
	since := prev.Own.Since
	back := f.Sessions
	f.Sessions = nil
	prev = step(prev, f, house(), t0.Add(time.Second), "")
	check(t, prev.Evaluation, presence.StatusOffline, presence.StatusWrapUp)
	f.Sessions = back
	prev = step(prev, f, house(), t0.Add(2*time.Second), "")
	check(t, prev.Evaluation, presence.StatusWrapUp, presence.StatusWrapUp)
	if !prev.Own.Since.Equal(since) || !prev.Next.Equal(t0.Add(20*time.Second)) {
		t.Errorf("own since %v, next %v", prev.Own.Since, prev.Next)
	}
}

func TestRule10_NoOutboundOnACall(t *testing.T) {
	if ev := Evaluate(agent(leg("a", presence.Inbound, presence.LegHeld)), house(), t0); ev.Outbound {
		t.Error("outbound while On a Call; consultation is routing's to allow")
	}
}

func TestRule11_AvailableButNothingReachable(t *testing.T) {
	f := agent(options(presence.Options{SIPPhone: true}), func(f *presence.Facts) { f.Registrations[0].Alive = false })
	ev := Evaluate(f, house(), t0)
	check(t, ev, presence.StatusAvailable, presence.StatusAvailable)
	if ev.Reachable || ev.Regular || !strings.Contains(ev.Why, "desk phone: "+deadFlow) || strings.Contains(ev.Why, "mobile") {
		t.Errorf("reachable %v why %q", ev.Reachable, ev.Why)
	}
	f.Registrations = nil
	if ev = Evaluate(f, house(), t0); ev.Why != nothingRegistered {
		t.Errorf("why %q", ev.Why)
	}
}
