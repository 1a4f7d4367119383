package routing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/status"
)

// t0 is the moment of all tests.
var t0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func dev(n byte) presence.DeviceID { return presence.DeviceID{ID: presence.ID{15: n}} }

// The devices of the typical agent.
var webphone, desk, mobile = dev(1), dev(2), dev(3)

// typical is logged in with a webphone, has a desk phone and a mobile that is
// awake, every option on, and is Available.
func typical(changes ...func(*presence.Facts)) presence.Facts {
	f := presence.Facts{
		Sessions: []presence.Session{{
			ID: "s1", Device: webphone, State: presence.SessionAlive, Mic: presence.MicGranted, MicProven: true,
		}},
		Registrations: []presence.Registration{
			{ID: "desk", Device: desk, Kind: presence.KindDesk, Contact: "sip:1001@192.0.2.1", Q: 700, Alive: true},
			{ID: "mobile", Device: mobile, Kind: presence.KindMobile, Contact: "sip:1001@192.0.2.2", Q: 1000, Alive: true, Push: true},
		},
		Settings: presence.Settings{Options: presence.Options{Webphone: true, SIPPhone: true, Mobile: true}},
	}
	for _, c := range changes {
		c(&f)
	}
	return f
}

func loggedOut(f *presence.Facts)  { f.Sessions = nil }
func noPhones(f *presence.Facts)   { f.Registrations = nil }
func optionsOff(f *presence.Facts) { f.Settings, _ = status.AllOff(f.Settings) }
func wrapUp(f *presence.Facts)     { f.WrapUp = &presence.WrapUp{Since: t0, Until: t0.Add(time.Minute)} }

func selected(s presence.Selectable) func(*presence.Facts) {
	return func(f *presence.Facts) { f.Selected = presence.Selection{Status: s, At: t0} }
}

func leg(d presence.Direction, s presence.LegState) func(*presence.Facts) {
	return func(f *presence.Facts) {
		n := fmt.Sprint(len(f.Legs))
		f.Legs = append(f.Legs, presence.Leg{Call: "c" + n, ID: "l" + n, CallID: "id" + n, Direction: d, State: s, Since: t0})
	}
}

// offerOf is an offer of a call whose Call-ID is not its only name.
func offerOf(callID, id string) func(*presence.Facts) {
	return func(f *presence.Facts) {
		f.Offers = append(f.Offers, presence.Offer{ID: id, CallID: callID, Group: "sales", Expires: t0.Add(20 * time.Second)})
	}
}

func offer(id string) func(*presence.Facts) {
	return func(f *presence.Facts) {
		f.Offers = append(f.Offers, presence.Offer{ID: id, Group: "sales", Expires: t0.Add(20 * time.Second)})
	}
}

func numbers(n ...presence.Number) func(*presence.Facts) {
	return func(f *presence.Facts) { f.Settings.Options.Numbers = n }
}

func house(changes ...func(*presence.Policy)) presence.Policy {
	p := presence.Policy{
		Emergency: []string{"112"}, FeatureCodes: []string{"*78"},
		Codes: presence.FeatureCodes{List: []presence.FeatureCode{{Code: "*79", Does: presence.FeatureDNDOff}, {Code: "*46", Does: presence.FeatureDeskLogin}}},
		Statuses: []presence.Custom{
			{Name: "Lunch"},
			{Name: "Meeting", Outbound: true},
			{Name: "Back Office", Regular: true},
			{Name: "Campaign", Campaign: true, Outbound: true},
		},
	}
	for _, c := range changes {
		c(&p)
	}
	return p
}

// snapshot is what the roster publishes of these facts.
func snapshot(f presence.Facts, p presence.Policy) *presence.Snapshot {
	return &presence.Snapshot{
		AOR: "1001@example.test", Number: "1001", Version: 7, At: t0,
		Selected: f.Selected, WrapUp: f.WrapUp, Settings: f.Settings,
		Sessions: f.Sessions, Legs: f.Legs, Offers: f.Offers,
		Evaluation: status.Evaluate(f, p, t0),
	}
}

func rings(d Decision) string {
	steps := make([]string, 0, len(d.Steps))
	for _, s := range d.Steps {
		ids := make([]string, 0, len(s.Targets))
		for _, t := range s.Targets {
			ids = append(ids, t.ID)
		}
		steps = append(steps, fmt.Sprintf("%v:%s", s.After, strings.Join(ids, ",")))
	}
	return strings.Join(steps, " ")
}

func reason(d Decision, id string) string {
	for _, c := range d.Devices {
		if c.ID == id {
			return c.Reason
		}
	}
	return ""
}

// TestStatusTable holds every row of the table of statuses for every kind of
// call: inbound the targets or the refusal, outbound from each device.
func TestStatusTable(t *testing.T) {
	const all = "0s:s1,desk,mobile"
	const wp = "0s:s1"
	for name, tc := range map[string]struct {
		facts                        presence.Facts
		regular, campaign, internal  string // targets, or "code text"
		fromWebphone, fromDesk, fMob string // "", or the refusal
	}{
		"available": {typical(), all, wp, all, "", "", ""},
		"available, webphone option off": {
			typical(func(f *presence.Facts) { f.Settings.Options.Webphone = false }),
			"0s:desk,mobile", "480 No webphone for a campaign call", "0s:desk,mobile", "", "", "",
		},
		"available, ringing": {
			typical(leg(presence.Inbound, presence.LegRinging)),
			all, "486 Another call is ringing", all, "", "", "",
		},
		"do not disturb": {
			typical(selected(presence.SelectDND)),
			"480 Do Not Disturb", "480 Do Not Disturb", "480 Do Not Disturb", "", "", "",
		},
		"custom without calls": {
			typical(selected(presence.SelectCustom("Lunch"))), "480 Lunch", "480 Lunch", "480 Lunch",
			"403 Lunch allows no outbound calls", "403 Lunch allows no outbound calls", "403 Lunch allows no outbound calls",
		},
		"custom, outbound only":  {typical(selected(presence.SelectCustom("Meeting"))), "480 Meeting", "480 Meeting", "480 Meeting", "", "", ""},
		"custom, campaign calls": {typical(selected(presence.SelectCustom("Campaign"))), "480 Campaign", wp, "480 Campaign", "", "", ""},
		"custom, regular calls": {
			typical(selected(presence.SelectCustom("Back Office"))), all, "480 Back Office", all,
			"403 Back Office allows no outbound calls", "403 Back Office allows no outbound calls", "403 Back Office allows no outbound calls",
		},
		"on a call, talking": {
			typical(leg(presence.Inbound, presence.LegTalking)),
			"486 On a Call", "486 On a Call", "486 On a Call", "403 On a Call", "403 On a Call", "403 On a Call",
		},
		"on a call, dialling": {
			typical(leg(presence.Outbound, presence.LegDialling)),
			"486 On a Call", "486 On a Call", "486 On a Call", "403 On a Call", "403 On a Call", "403 On a Call",
		},
		"wrap up": {
			typical(wrapUp),
			"480 Wrap Up", "480 Wrap Up", "480 Wrap Up", "403 Wrap Up", "403 Wrap Up", "403 Wrap Up",
		},
		"outbound calls only": {
			typical(optionsOff),
			"480 Outbound Calls Only", "480 Outbound Calls Only", "480 Outbound Calls Only", "", "", "",
		},
		"offline": {
			typical(loggedOut), "0s:desk,mobile", "480 No webphone for a campaign call", "0s:desk,mobile",
			"403 The device is not registered", "", "",
		},
		"offline, do not disturb": {
			typical(loggedOut, selected(presence.SelectDND)),
			"480 Do Not Disturb", "480 Do Not Disturb", "480 Do Not Disturb", "403 The device is not registered", "", "",
		},
		"offline, wrap up": {
			typical(loggedOut, wrapUp),
			"480 Wrap Up", "480 Wrap Up", "480 Wrap Up", "403 The device is not registered", "403 Wrap Up", "403 Wrap Up",
		},
		"offline by microphone": {
			typical(func(f *presence.Facts) { f.Sessions[0].Mic = presence.MicDenied }),
			"0s:desk,mobile", "480 No webphone for a campaign call", "0s:desk,mobile", "403 The webphone is not online", "", "",
		},
		"offline, nothing there": {
			typical(loggedOut, noPhones),
			"480 Offline, no device reachable", "480 Offline, no device reachable", "480 Offline, no device reachable",
			"403 The device is not registered", "403 The device is not registered", "403 The device is not registered",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot(tc.facts, house())
			for kind, want := range map[presence.CallKind]string{
				presence.CallRegular: tc.regular, presence.CallCampaign: tc.campaign, presence.CallInternal: tc.internal,
			} {
				d := Decide(s, house(), Call{Kind: kind, At: t0})
				got := rings(d)
				if !d.Allow {
					got = fmt.Sprint(d.Code, " ", d.Text)
				}
				if got != want || d.Allow == (d.Code != 0) {
					t.Errorf("%s: %q, want %q", kind, got, want)
				}
			}
			for id, want := range map[presence.DeviceID]string{webphone: tc.fromWebphone, desk: tc.fromDesk, mobile: tc.fMob} {
				d := DecideOutbound(s, house(), OutboundCall{Number: "0301234", Device: id, At: t0})
				got := ""
				if !d.Allow {
					got = fmt.Sprint(d.Code, " ", d.Text)
				}
				if got != want {
					t.Errorf("outbound from %v: %q, want %q", id, got, want)
				}
			}
		})
	}
}

func TestUnknownAgentAndStranger(t *testing.T) {
	for name, tc := range map[string]struct {
		d    Decision
		code int
	}{
		"unknown":       {Decide(nil, house(), Call{}), 404},
		"bare":          {Decide(&presence.Snapshot{Bare: true, Version: 3}, house(), Call{}), 404},
		"stranger":      {Stranger(), 403},
		"outbound":      {DecideOutbound(nil, house(), OutboundCall{Number: "1"}), 403},
		"outbound bare": {DecideOutbound(&presence.Snapshot{Bare: true}, house(), OutboundCall{Number: "1"}), 403},
	} {
		if tc.d.Allow || tc.d.Code != tc.code || tc.d.Text == "" || tc.d.Devices == nil || tc.d.Rules != RulesVersion {
			t.Errorf("%s: %+v", name, tc.d)
		}
	}
}

// TestEveryDeviceHasAReason, also the ones there are none of.
func TestEveryDeviceHasAReason(t *testing.T) {
	f := typical(loggedOut, func(f *presence.Facts) {
		f.Settings.Options.Mobile = false
		f.Registrations[0].Restored = true
		f.Registrations = append(f.Registrations, presence.Registration{ID: "dead", Kind: presence.KindSoft})
	}, numbers(presence.Number{ID: dev(9), Number: "030", Enabled: true, Delay: 15 * time.Second}))
	d := Decide(snapshot(f, house()), house(), Call{Kind: presence.CallRegular, At: t0})
	for id, want := range map[string]string{
		"webphone":      "no webphone is logged in",
		"desk":          "rings; not heard since the restart",
		"dead":          "its connection is gone or it does not answer",
		"mobile":        "the mobile option is off",
		dev(9).String(): "rings after 15s",
	} {
		if got := reason(d, id); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	d = Decide(snapshot(presence.Facts{}, house()), house(), Call{Kind: presence.CallRegular, At: t0})
	if len(d.Devices) != 3 {
		t.Errorf("%+v", d.Devices)
	}
	d = Decide(snapshot(typical(wrapUp), house()), house(), Call{Kind: presence.CallRegular, At: t0})
	for _, c := range d.Devices {
		if c.Taken || c.Reason != "not asked: Wrap Up" {
			t.Errorf("%+v", c)
		}
	}
}

func TestSteps(t *testing.T) {
	f := typical(numbers(
		presence.Number{ID: dev(9), Number: "+49 (30) 12-34", Enabled: true, Delay: 30 * time.Second},
		presence.Number{ID: dev(8), Number: "sip:box@example.test", Enabled: true, Delay: 10 * time.Second},
		presence.Number{ID: dev(7), Number: "030", Enabled: true},
		presence.Number{ID: dev(6), Number: "031", Enabled: true, Delay: 10 * time.Second},
		presence.Number{ID: dev(5), Number: "032"},
	))
	d := Decide(snapshot(f, house()), house(), Call{Kind: presence.CallRegular, At: t0})
	want := fmt.Sprintf("0s:s1,desk,mobile,%v 10s:%v,%v 30s:%v", dev(7), dev(6), dev(8), dev(9))
	if got := rings(d); got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	lowest := 1001
	for _, s := range d.Steps {
		below := lowest
		for _, target := range s.Targets {
			if target.Q >= below || target.Q <= 0 {
				t.Errorf("q %d of %s is not below the step before (%d)", target.Q, target.ID, below)
			}
			lowest = min(lowest, target.Q)
		}
	}
	if q := d.Steps[0].Targets[1].Q; q != 700 {
		t.Errorf("the q a phone registered became %d", q)
	}
	if u := d.Steps[2].Targets[0].URI; u != "sip:+49301234@example.test;user=phone" {
		t.Errorf("number: %q", u)
	}
	if u := d.Steps[1].Targets[1].URI; u != "sip:box@example.test" {
		t.Errorf("URI: %q", u)
	}
}

// TestRedirect leaves out what the asker cannot reach by itself.
func TestRedirect(t *testing.T) {
	f := typical(func(f *presence.Facts) {
		f.Registrations[1].Alive = false
		f.Registrations = append(f.Registrations, presence.Registration{
			ID: "soft", Kind: presence.KindSoft, Contact: "sip:x@y.invalid", Alive: true, FlowOnly: true,
		})
	}, numbers(
		presence.Number{ID: dev(9), Number: "030", Enabled: true},
		presence.Number{ID: dev(8), Number: "031", Enabled: true, Confirm: true},
	))
	call := Call{Kind: presence.CallRegular, At: t0}
	s := snapshot(f, house())
	d := Decide(s, house(), call)
	if got := rings(d); !strings.HasPrefix(got, "0s:s1,desk,soft,mobile,") || reason(d, "mobile") != "is woken by a push, then rings" {
		t.Fatalf("%q, %+v", got, d.Devices)
	}
	call.Redirect = true
	d = Decide(s, house(), call)
	if got := rings(d); got != "0s:desk,"+dev(9).String() {
		t.Fatalf("%q", got)
	}
	for id, want := range map[string]string{
		"s1": "redirected", "soft": "redirected", "mobile": "wake", dev(8).String(): "key press",
	} {
		if !strings.Contains(reason(d, id), want) {
			t.Errorf("%s: %q", id, reason(d, id))
		}
	}
	d = Decide(snapshot(typical(noPhones), house()), house(), call)
	if d.Allow || d.Code != 480 || d.Text != "No device that can be redirected to" {
		t.Errorf("%+v", d)
	}
	call.Kind = presence.CallCampaign
	if d = Decide(s, house(), call); d.Allow {
		t.Errorf("a campaign call was redirected: %q", rings(d))
	}
}

func TestFallbackInsteadOfARefusal(t *testing.T) {
	domain := house(func(p *presence.Policy) { p.Fallback = "sip:voicemail@example.test" })
	own := func(f *presence.Facts) { f.Settings.Fallback = "sip:colleague@example.test" }
	number := func(f *presence.Facts) { f.Settings.Fallback = "0 30-12" }
	call := Call{Kind: presence.CallRegular, At: t0}
	for name, tc := range map[string]struct {
		facts presence.Facts
		uri   string
		code  int
	}{
		"busy, domain's":            {typical(leg(presence.Inbound, presence.LegTalking)), "sip:voicemail@example.test", 486},
		"do not disturb, own":       {typical(selected(presence.SelectDND), own), "sip:colleague@example.test", 480},
		"a number":                  {typical(selected(presence.SelectDND), number), "sip:03012@example.test;user=phone", 480},
		"nothing reachable, domain": {typical(loggedOut, noPhones), "sip:voicemail@example.test", 480},
	} {
		d := Decide(snapshot(tc.facts, domain), domain, call)
		if !d.Allow || !d.Fallback || len(d.Steps) != 1 || d.Steps[0].Targets[0].URI != tc.uri || d.Code != tc.code || d.Text == "" {
			t.Errorf("%s: %+v", name, d)
		}
		for _, c := range d.Devices {
			if c.Taken {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
	if d := Decide(snapshot(typical(), domain), domain, call); d.Fallback {
		t.Errorf("%+v", d)
	}
	if d := Decide(nil, domain, call); d.Allow {
		t.Errorf("%+v", d)
	}
}
