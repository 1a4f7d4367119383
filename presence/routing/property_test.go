package routing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lamplight/presence"
	"lamplight/presence/schedule"
)

// draw makes an agent in any state and a policy.
func draw(t *rapid.T) (presence.Facts, presence.Policy) {
	var f presence.Facts
	yes := func(label string) bool { return rapid.Bool().Draw(t, label) }
	for i := range rapid.IntRange(0, 2).Draw(t, "sessions") {
		f.Sessions = append(f.Sessions, presence.Session{
			ID: fmt.Sprint("s", i), Device: webphone, MicProven: yes("proven"), Closed: t0,
			State: rapid.SampledFrom([]presence.SessionState{presence.SessionAlive, presence.SessionSuspect, presence.SessionClosed}).Draw(t, "state"),
			Mic:   rapid.SampledFrom([]presence.Mic{presence.MicGranted, presence.MicMuted, presence.MicDenied}).Draw(t, "mic"),
		})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "registrations") {
		f.Registrations = append(f.Registrations, presence.Registration{
			ID: fmt.Sprint("b", i), Device: dev(byte(2 + i)), Q: rapid.IntRange(0, 1000).Draw(t, "q"),
			Kind:  rapid.SampledFrom([]presence.DeviceKind{presence.KindDesk, presence.KindSoft, presence.KindMobile}).Draw(t, "kind"),
			Alive: yes("alive"), Push: yes("push"), FlowOnly: yes("flow only"), Contact: "sip:x@192.0.2.1",
			QuietUntil: t0.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "quiet"))),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "legs") {
		leg(
			rapid.SampledFrom([]presence.Direction{presence.Inbound, presence.Outbound}).Draw(t, "direction"),
			rapid.SampledFrom([]presence.LegState{presence.LegRinging, presence.LegTalking, presence.LegHeld}).Draw(t, "leg"),
		)(&f)
	}
	if yes("offer") {
		offer("o")(&f)
	}
	if rapid.IntRange(0, 3).Draw(t, "wrap-up") == 0 {
		wrapUp(&f)
	}
	selected(rapid.SampledFrom([]presence.Selectable{
		"", presence.SelectAvailable, presence.SelectDND, presence.SelectCustom("Lunch"),
		presence.SelectCustom("Back Office"), presence.SelectCustom("Campaign"),
	}).Draw(t, "selected"))(&f)
	f.Settings.Options = presence.Options{Webphone: yes("webphone"), SIPPhone: yes("sip"), Mobile: yes("mobile on")}
	for i := range rapid.IntRange(0, 2).Draw(t, "numbers") {
		f.Settings.Options.Numbers = append(f.Settings.Options.Numbers, presence.Number{
			ID: dev(byte(20 + i)), Number: fmt.Sprint(i), Enabled: yes("on"), Closed: yes("hours"), Group: yes("group"), Confirm: yes("confirm"),
			Delay: time.Duration(rapid.IntRange(0, 2).Draw(t, "delay")) * time.Second,
		})
	}
	p := house(func(p *presence.Policy) {
		open := hours("mon 09:30-11:00", "12-25 closed Christmas Day")
		inBerlin(rapid.SampledFrom([]*schedule.Schedule{nil, open, hours("mon 11:00-12:00")}).Draw(t, "domain's hours"))(p)
		f.Settings.Hours = rapid.SampledFrom([]*schedule.Schedule{nil, open, hours("daily closed")}).Draw(t, "own hours")
		for i := range f.Settings.Options.Numbers {
			f.Settings.Options.Numbers[i].Hours = p.Hours
		}
		p.BusyWhileRinging = yes("busy while ringing")
		if yes("fallback") {
			p.Fallback = "sip:voicemail@example.test"
		}
	})
	return f, p
}

func drawCall(t *rapid.T) Call {
	return Call{
		ID:    rapid.SampledFrom([]string{"", "o", "x"}).Draw(t, "call id"),
		Kind:  rapid.SampledFrom([]presence.CallKind{presence.CallRegular, presence.CallCampaign, presence.CallInternal, ""}).Draw(t, "call kind"),
		Group: rapid.SampledFrom([]string{"", "sales"}).Draw(t, "by group"), Redirect: rapid.Bool().Draw(t, "redirect"), At: t0,
	}
}

func TestDecisionsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := draw(t)
		s, c := snapshot(f, p), drawCall(t)
		d := Decide(s, p, c)
		ringing := checkTargets(t, s, c, d)
		switch {
		case !d.Allow && (d.Code < 400 || d.Text == "" || len(d.Steps) > 0):
			t.Fatalf("a refusal without code or text, or with targets: %+v", d)
		case d.Allow && len(d.Steps) == 0:
			t.Fatalf("allowed, but rings nothing: %+v", d)
		case d.Code == 603:
			t.Fatal("603 is never used")
		case s.Engaged && ringing > 0, !s.Base && ringing > 0:
			t.Fatalf("rings an agent who is engaged or in wrap-up: %+v", d)
		}
		for _, x := range d.Devices {
			if x.Reason == "" || x.ID == "" {
				t.Fatalf("considered without a reason: %+v", x)
			}
		}
		// A plain call is admitted exactly where the predicate says so.
		if closed(s, &p, &c) != "" && ringing > 0 {
			t.Fatalf("rings outside of working hours: %+v", d)
		}
		if c.Group == "" && !c.Redirect && !p.BusyWhileRinging && closed(s, &p, &c) == "" {
			switch {
			case c.Kind != presence.CallCampaign && (ringing > 0) != s.Regular:
				t.Fatalf("regular is %v, the decision %+v", s.Regular, d)
			case c.Kind == presence.CallCampaign && ringing > 0 && !s.Campaign, c.Kind == presence.CallCampaign && ringing == 0 && s.Campaign && !s.Offered:
				t.Fatalf("campaign is %v, the decision %+v", s.Campaign, d)
			}
		}
	})
}

// checkTargets holds each target to its device and counts them.
func checkTargets(t *rapid.T, s *presence.Snapshot, c Call, d Decision) int {
	taken := map[string]bool{}
	for _, x := range d.Devices {
		if x.Taken {
			taken[x.ID] = true
		}
	}
	devices := map[string]presence.DeviceState{}
	for _, x := range s.Devices {
		devices[x.ID] = x
	}
	n := 0
	for i, step := range d.Steps {
		if i > 0 && step.After <= d.Steps[i-1].After {
			t.Fatalf("steps out of order: %+v", d.Steps)
		}
		for _, target := range step.Targets {
			if target.Kind == KindFallback {
				if !d.Fallback || len(d.Steps) != 1 || len(step.Targets) != 1 {
					t.Fatalf("fallback beside devices: %+v", d)
				}
				continue
			}
			n++
			x, known := devices[target.ID]
			if !known || !x.Enabled || !x.Reachable || !taken[target.ID] || x.Delay != step.After {
				t.Fatalf("target %+v of device %+v", target, x)
			}
			if c.Redirect && (x.FlowOnly || x.Wake || x.Confirm || x.Kind == presence.KindWebphone) {
				t.Fatalf("redirected to %+v", x)
			}
			if c.Kind == presence.CallCampaign && x.Kind != presence.KindWebphone {
				t.Fatalf("a campaign call rings %+v", x)
			}
			if c.Group != "" && x.Kind == presence.KindNumber && !x.Group {
				t.Fatalf("a group call rings %+v", x)
			}
		}
	}
	if n != len(taken) {
		t.Fatalf("%d targets, %d taken", n, len(taken))
	}
	return n
}

// TestDecisionsReplay: the same inputs, read back from JSON where they are
// stored so, give the same bytes; and deciding changes no input.
func TestDecisionsReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := draw(t)
		c := drawCall(t)
		s := snapshot(f, p)
		before, _ := json.Marshal(s)
		first, err := json.Marshal(Decide(s, p, c))
		if err != nil {
			t.Fatal(err)
		}
		type inputs struct {
			Snapshot presence.Snapshot
			Policy   presence.Policy
			Call     Call
		}
		kept, _ := json.Marshal(inputs{*s, p, c})
		var again inputs
		if err := json.Unmarshal(kept, &again); err != nil {
			t.Fatal(err)
		}
		second, _ := json.Marshal(Decide(&again.Snapshot, again.Policy, again.Call))
		if !bytes.Equal(first, second) {
			t.Fatalf("first\n%s\nthen\n%s", first, second)
		}
		if after, _ := json.Marshal(s); !bytes.Equal(before, after) {
			t.Fatal("deciding changed the snapshot")
		}
	})
}

func TestOutboundDecisionsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := draw(t)
		p.Consult = rapid.SampledFrom([]presence.Consult{"", presence.ConsultNone, presence.ConsultAny}).Draw(t, "consult")
		s := snapshot(f, p)
		c := OutboundCall{
			Number: rapid.SampledFrom([]string{"112", "030", ""}).Draw(t, "number"), Colleague: rapid.Bool().Draw(t, "colleague"),
			Device: rapid.SampledFrom([]presence.DeviceID{{}, webphone, desk, mobile}).Draw(t, "from"), At: t0,
		}
		d := DecideOutbound(s, p, c)
		switch {
		case d.Text == "" || !d.Allow && d.Code < 400 || d.Allow && d.Code != 0:
			t.Fatalf("%+v", d)
		case c.Number == "112" && !d.Allow:
			t.Fatalf("an emergency call was refused: %+v", d)
		case c.Number != "112" && d.Allow && !s.Outbound && (p.Consult == presence.ConsultNone || !s.Engaged):
			t.Fatalf("let out against the status: %+v", d)
		case c.Device.IsZero() && s.Outbound && !d.Allow:
			t.Fatalf("refused against the status: %+v", d)
		}
	})
}
