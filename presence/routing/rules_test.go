package routing

import (
	"testing"
	"time"

	"lamplight/presence"
)

// The numbered rules of presence/RULES.md as far as they are a matter of routing.
// The others are held in presence/status.

func decide(f presence.Facts, p presence.Policy, k presence.CallKind) Decision {
	return Decide(snapshot(f, p), p, Call{Kind: k, At: t0})
}

func TestRule01_OutboundCallsOnlyLetsCallsOut(t *testing.T) {
	s := snapshot(typical(optionsOff), house())
	for _, id := range []presence.DeviceID{webphone, desk, mobile, {}} {
		if d := DecideOutbound(s, house(), OutboundCall{Number: "1", Device: id, At: t0}); !d.Allow {
			t.Errorf("%v: %s", id, d.Text)
		}
	}
}

func TestRule02_TextIsTheAgentsOwnWord(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		kind       presence.CallKind
	}{
		{"Lunch", "Lunch", presence.CallRegular},
		{"Back Office", "Outbound Calls Only", presence.CallRegular},
		{"Campaign", "No device reachable", presence.CallCampaign},
	} {
		d := decide(typical(optionsOff, selected(presence.SelectCustom(tc.name))), house(), tc.kind)
		if d.Allow || d.Text != tc.text {
			t.Errorf("%s: %+v", tc.name, d)
		}
	}
}

func TestRule04_WebphoneOptionOnlyAddsATarget(t *testing.T) {
	f := typical()
	on := decide(f, house(), presence.CallRegular)
	f.Settings.Options.Webphone = false
	off := decide(f, house(), presence.CallRegular)
	if rings(on) != "0s:s1,desk,mobile" || rings(off) != "0s:desk,mobile" {
		t.Errorf("on %q, off %q", rings(on), rings(off))
	}
}

func TestRule05_OfflineDoNotDisturbRingsNothing(t *testing.T) {
	f := typical(loggedOut, selected(presence.SelectDND), numbers(presence.Number{Number: "1", Enabled: true}))
	if d := decide(f, house(), presence.CallRegular); d.Allow {
		t.Error(rings(d))
	}
}

func TestRule06_OfflineIsOnlineWithoutTheWebphone(t *testing.T) {
	f := typical(numbers(presence.Number{Number: "1", Enabled: true, Delay: time.Second}))
	on := rings(decide(f, house(), presence.CallRegular))
	loggedOut(&f)
	off := rings(decide(f, house(), presence.CallRegular))
	if on != "0s:s1,desk,mobile 1s:1" || off != "0s:desk,mobile 1s:1" {
		t.Errorf("online %q, offline %q", on, off)
	}
}

func TestRule07_SilentOrMutedRingsDeniedDoesNot(t *testing.T) {
	for m, want := range map[presence.Mic]bool{
		presence.MicGranted: true, presence.MicSilent: true, presence.MicMuted: true,
		presence.MicDenied: false, presence.MicMissing: false, presence.MicLost: false, presence.MicNotAsked: false,
	} {
		f := typical(noPhones, func(f *presence.Facts) { f.Sessions[0].Mic = m })
		for _, k := range []presence.CallKind{presence.CallRegular, presence.CallCampaign} {
			if d := decide(f, house(), k); d.Allow != want {
				t.Errorf("%s, %s call: allowed %v", m, k, d.Allow)
			}
		}
		s := snapshot(f, house())
		if d := DecideOutbound(s, house(), OutboundCall{Number: "1", Device: webphone}); d.Allow != want {
			t.Errorf("%s, outbound: allowed %v", m, d.Allow)
		}
	}
}

func TestRule08_EverySessionRings(t *testing.T) {
	f := typical(noPhones, func(f *presence.Facts) {
		two := f.Sessions[0]
		two.ID = "s2"
		f.Sessions = append(f.Sessions, two)
	})
	if got := rings(decide(f, house(), presence.CallRegular)); got != "0s:s1,s2" {
		t.Error(got)
	}
}

func TestRule09_WrapUpBlocksEverythingAlsoOffline(t *testing.T) {
	for name, f := range map[string]presence.Facts{"online": typical(wrapUp), "offline": typical(loggedOut, wrapUp)} {
		for _, k := range []presence.CallKind{presence.CallRegular, presence.CallCampaign, presence.CallInternal} {
			if d := decide(f, house(), k); d.Allow || d.Text != "Wrap Up" {
				t.Errorf("%s, %s: %+v", name, k, d)
			}
		}
		if d := DecideOutbound(snapshot(f, house()), house(), OutboundCall{Number: "1", Device: desk}); d.Allow {
			t.Errorf("%s: outbound", name)
		}
	}
}

func TestRule10_Consultation(t *testing.T) {
	held := leg(presence.Inbound, presence.LegHeld)
	talking := leg(presence.Inbound, presence.LegTalking)
	consult := func(c presence.Consult) presence.Policy {
		return house(func(p *presence.Policy) { p.Consult = c })
	}
	for name, tc := range map[string]struct {
		facts     presence.Facts
		policy    presence.Policy
		colleague bool
		allow     bool
	}{
		"talking":                          {typical(talking), house(), true, false},
		"held, colleague":                  {typical(held), house(), true, true},
		"held, external":                   {typical(held), house(), false, false},
		"none":                             {typical(held), consult(presence.ConsultNone), true, false},
		"any, external":                    {typical(held), consult(presence.ConsultAny), false, true},
		"any, but talking":                 {typical(talking), consult(presence.ConsultAny), true, false},
		"already consulting":               {typical(held, talking), house(), true, false},
		"already dialling":                 {typical(held, leg(presence.Outbound, presence.LegDialling)), house(), true, false},
		"two held":                         {typical(held, held), house(), true, true},
		"held, another rings":              {typical(held, leg(presence.Inbound, presence.LegRinging)), house(), true, true},
		"held, status allows none, custom": {typical(held, selected(presence.SelectCustom("Lunch"))), house(), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := DecideOutbound(snapshot(tc.facts, tc.policy), tc.policy, OutboundCall{Number: "1002", Device: desk, Colleague: tc.colleague})
			if d.Allow != tc.allow || d.Text == "" {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestRule11_NothingReachableSaysWhy(t *testing.T) {
	f := typical(func(f *presence.Facts) {
		f.Settings.Options = presence.Options{SIPPhone: true}
		f.Registrations[0].Alive = false
	})
	d := decide(f, house(), presence.CallRegular)
	if d.Allow || d.Code != 480 || d.Text != "No device reachable" || reason(d, "desk") == "" || reason(d, "mobile") == "" {
		t.Errorf("%+v", d)
	}
}

func TestRule13_PhoneInLocalDNDIsLeftOutAlone(t *testing.T) {
	f := typical(func(f *presence.Facts) { f.Registrations[0].QuietUntil = t0.Add(time.Minute) })
	if got := rings(decide(f, house(), presence.CallRegular)); got != "0s:s1,mobile" {
		t.Error(got)
	}
}

func TestRule15_ClosedOrSuspectWebphoneIsNoTarget(t *testing.T) {
	for name, c := range map[string]func(*presence.Session){
		"closed":  func(s *presence.Session) { s.State, s.Closed = presence.SessionClosed, t0 },
		"suspect": func(s *presence.Session) { s.State = presence.SessionSuspect },
	} {
		f := typical(func(f *presence.Facts) { c(&f.Sessions[0]) })
		s := snapshot(f, house())
		if s.Evaluation.Team.Status != presence.StatusAvailable {
			t.Errorf("%s: label %v", name, s.Evaluation.Team)
		}
		if got := rings(decide(f, house(), presence.CallRegular)); got != "0s:desk,mobile" {
			t.Errorf("%s: %q", name, got)
		}
		if d := decide(f, house(), presence.CallCampaign); d.Allow {
			t.Errorf("%s: a campaign call rings %q", name, rings(d))
		}
	}
}

func TestRule16_EmergencyAndFeatureCodesAlways(t *testing.T) {
	for name, s := range map[string]*presence.Snapshot{
		"on a call": snapshot(typical(leg(presence.Inbound, presence.LegTalking)), house()),
		"wrap up":   snapshot(typical(wrapUp), house()),
		"lunch":     snapshot(typical(selected(presence.SelectCustom("Lunch"))), house()),
		"offline":   snapshot(typical(loggedOut, noPhones), house()),
		"unknown":   nil,
		"bare":      {Bare: true},
	} {
		for number, want := range map[string]bool{"112": true, "1 1-2": true, "tel:112": true, "urn:service:sos.fire": true, "+112": true, "000": true, "*78": true, "*79": true, "*461001*2468": true, "*790": false, "113": false, "1120": false, "": false} {
			p := house(func(p *presence.Policy) { p.Country, p.Consult = "AU", presence.ConsultNone })
			d := DecideOutbound(s, p, OutboundCall{Number: number, Device: desk})
			if d.Allow != want {
				t.Errorf("%s, %q: %+v", name, number, d)
			}
		}
	}
}

func TestRule17_OfferedAgentIsNotOfferedAgain(t *testing.T) {
	busy := house(func(p *presence.Policy) { p.BusyWhileRinging = true })
	ringing := leg(presence.Inbound, presence.LegRinging)
	group := Call{ID: "mine", Kind: presence.CallRegular, Group: "sales", At: t0}
	direct := Call{ID: "mine", Kind: presence.CallRegular, At: t0}
	campaign := Call{ID: "mine", Kind: presence.CallCampaign, At: t0}
	late := group
	late.At = t0.Add(20 * time.Second)
	for name, tc := range map[string]struct {
		facts  presence.Facts
		policy presence.Policy
		call   Call
		code   int
	}{
		"free":                       {typical(), house(), group, 0},
		"offered, group":             {typical(offer("other")), house(), group, 486},
		"offered, campaign":          {typical(offer("other")), house(), campaign, 486},
		"offered, direct":            {typical(offer("other")), house(), direct, 0},
		"offered, direct, domain":    {typical(offer("other")), busy, direct, 486},
		"ringing, group":             {typical(ringing), house(), group, 486},
		"ringing, direct":            {typical(ringing), house(), direct, 0},
		"ringing, direct, domain":    {typical(ringing), busy, direct, 486},
		"its own offer":              {typical(offer("mine")), house(), group, 0},
		"its own offer, by Call-ID":  {typical(offerOf("mine", "mine of 1")), house(), group, 0},
		"its own and another":        {typical(offer("mine"), offer("other")), house(), group, 486},
		"the other lease has ended":  {typical(offer("other")), house(), late, 0},
		"its own leg rings already":  {typical(ringing), house(), Call{ID: "id0", Kind: presence.CallRegular, Group: "sales", At: t0}, 0},
		"no id is nobody's own call": {typical(offer("")), house(), Call{Kind: presence.CallRegular, Group: "sales", At: t0}, 486},
	} {
		t.Run(name, func(t *testing.T) {
			if d := Decide(snapshot(tc.facts, tc.policy), tc.policy, tc.call); d.Code != tc.code || d.Allow != (tc.code == 0) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestRule17_GroupCallsNeedTheNumbersConsent(t *testing.T) {
	f := typical(loggedOut, noPhones, numbers(
		presence.Number{ID: dev(8), Number: "1", Enabled: true},
		presence.Number{ID: dev(9), Number: "2", Enabled: true, Group: true},
	))
	s := snapshot(f, house())
	if got := rings(Decide(s, house(), Call{Kind: presence.CallRegular, Group: "sales", At: t0})); got != "0s:"+dev(9).String() {
		t.Error(got)
	}
	f.Settings.Options.Numbers[1].Group = false
	d := Decide(snapshot(f, house()), house(), Call{Kind: presence.CallRegular, Group: "sales", At: t0})
	if d.Allow || d.Text != "No device for this call" {
		t.Errorf("%+v", d)
	}
}

func TestRule18_KeyPressIsAskedFor(t *testing.T) {
	f := typical(loggedOut, noPhones, numbers(presence.Number{Number: "1", Enabled: true, Confirm: true}))
	if d := decide(f, house(), presence.CallRegular); !d.Allow || !d.Steps[0].Targets[0].Confirm {
		t.Errorf("%+v", d)
	}
}

func TestRule21_DeskPhonesOnly(t *testing.T) {
	p := house(func(p *presence.Policy) { p.OnlineBy = presence.OnlineByAnyDevice })
	if d := decide(typical(loggedOut), p, presence.CallRegular); rings(d) != "0s:desk,mobile" {
		t.Errorf("%+v", d)
	}
	if d := decide(typical(loggedOut), p, presence.CallCampaign); d.Allow {
		t.Errorf("a campaign call without a webphone: %+v", d)
	}
}
