package status

import (
	"fmt"
	"math/rand"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lamplight/presence"
)

// drawFacts makes any facts, also absurd ones; times lie around t0.
func drawFacts(t *rapid.T) presence.Facts {
	var f presence.Facts
	when := func(label string) time.Time {
		if rapid.IntRange(0, 5).Draw(t, label+" zero") == 0 {
			return time.Time{}
		}
		return t0.Add(time.Duration(rapid.IntRange(-20, 20).Draw(t, label)) * time.Second)
	}
	id := func(kind string, i int) string { return fmt.Sprintf("%s%d", kind, i) }
	for i := range rapid.IntRange(0, 3).Draw(t, "sessions") {
		f.Sessions = append(f.Sessions, presence.Session{
			ID: id("s", i), Device: dev(1),
			State: rapid.SampledFrom([]presence.SessionState{
				presence.SessionAlive, presence.SessionSuspect, presence.SessionClosed, "odd",
			}).Draw(t, "state"),
			Mic: rapid.SampledFrom([]presence.Mic{
				presence.MicGranted, presence.MicSilent, presence.MicMuted, presence.MicNotAsked,
				presence.MicDenied, presence.MicMissing, presence.MicLost, "",
			}).Draw(t, "mic"),
			MicProven: rapid.Bool().Draw(t, "proven"), Closed: when("closed"),
		})
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "registrations") {
		f.Registrations = append(f.Registrations, presence.Registration{
			ID: id("b", i), Device: dev(byte(2 + i)),
			Kind: rapid.SampledFrom([]presence.DeviceKind{
				presence.KindDesk, presence.KindSoft, presence.KindMobile,
			}).Draw(t, "kind"),
			Q:     rapid.IntRange(0, 1000).Draw(t, "q"),
			Alive: rapid.Bool().Draw(t, "alive"), Restored: rapid.Bool().Draw(t, "restored"),
			FlowOnly: rapid.Bool().Draw(t, "flow only"), Push: rapid.Bool().Draw(t, "push"),
			QuietUntil: when("quiet"), Expires: when("expires"),
		})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "legs") {
		f.Legs = append(f.Legs, presence.Leg{
			ID: id("l", i), Call: id("c", i), CallID: id("c", i),
			Direction: rapid.SampledFrom([]presence.Direction{presence.Inbound, presence.Outbound}).Draw(t, "direction"),
			State: rapid.SampledFrom([]presence.LegState{
				presence.LegRinging, presence.LegDialling, presence.LegTalking, presence.LegHeld, "odd",
			}).Draw(t, "leg state"),
			Since: when("since"), Expires: when("leg expires"),
		})
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "offers") {
		f.Offers = append(f.Offers, presence.Offer{ID: id("o", i), Expires: when("lease")})
	}
	if rapid.Bool().Draw(t, "wrap-up") {
		f.WrapUp = &presence.WrapUp{Call: "c0", Until: when("until")}
	}
	f.Selected = presence.Selection{
		At: when("selected at"),
		Status: rapid.SampledFrom([]presence.Selectable{
			"", presence.SelectAvailable, presence.SelectDND, presence.SelectCustom("Lunch"),
			presence.SelectCustom("Back Office"), presence.SelectCustom("Short"), presence.SelectCustom("Gone"), "odd",
		}).Draw(t, "selected"),
	}
	o := &f.Settings.Options
	o.Webphone = rapid.Bool().Draw(t, "webphone option")
	o.SIPPhone = rapid.Bool().Draw(t, "sip option")
	o.Mobile = rapid.Bool().Draw(t, "mobile option")
	for i := range rapid.IntRange(0, 2).Draw(t, "numbers") {
		o.Numbers = append(o.Numbers, presence.Number{
			ID: dev(byte(20 + i)), Number: id("+49", i), Enabled: rapid.Bool().Draw(t, "number on"),
			Closed: rapid.Bool().Draw(t, "closed hours"), Delay: time.Duration(rapid.IntRange(0, 30).Draw(t, "delay")) * time.Second,
		})
	}
	return f
}

func drawPolicy(t *rapid.T) presence.Policy {
	p := house()
	p.Statuses = append(p.Statuses, presence.Custom{Name: "Short", Regular: true, Max: 7 * time.Second, Return: "Lunch"})
	p.Grace = time.Duration(rapid.SampledFrom([]int{-1, 0, 3, 30}).Draw(t, "grace")) * time.Second
	p.LegMaxAge = time.Duration(rapid.SampledFrom([]int{0, 10}).Draw(t, "leg age")) * time.Second
	p.ShowOfflineReach = rapid.Bool().Draw(t, "show reach")
	if rapid.Bool().Draw(t, "any device") {
		p.OnlineBy = presence.OnlineByAnyDevice
	}
	return p
}

func TestOrderOfFactsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := drawFacts(t), drawPolicy(t)
		want := Evaluate(f, p, t0)
		r := rand.New(rand.NewSource(int64(rapid.Int32().Draw(t, "seed"))))
		r.Shuffle(len(f.Sessions), func(i, j int) { f.Sessions[i], f.Sessions[j] = f.Sessions[j], f.Sessions[i] })
		r.Shuffle(len(f.Registrations), func(i, j int) {
			f.Registrations[i], f.Registrations[j] = f.Registrations[j], f.Registrations[i]
		})
		r.Shuffle(len(f.Legs), func(i, j int) { f.Legs[i], f.Legs[j] = f.Legs[j], f.Legs[i] })
		r.Shuffle(len(f.Offers), func(i, j int) { f.Offers[i], f.Offers[j] = f.Offers[j], f.Offers[i] })
		n := f.Settings.Options.Numbers
		r.Shuffle(len(n), func(i, j int) { n[i], n[j] = n[j], n[i] })
		if got := Evaluate(f, p, t0); !reflect.DeepEqual(got, want) {
			t.Fatalf("another order gives\n%+v\nnot\n%+v", got, want)
		}
	})
}

func TestPrecedenceIsTotal(t *testing.T) {
	known := map[presence.Status]bool{
		presence.StatusAvailable: true, presence.StatusDND: true, presence.StatusOnACall: true,
		presence.StatusWrapUp: true, presence.StatusOutboundOnly: true, presence.StatusOffline: true,
		presence.StatusCustom: true,
	}
	rapid.Check(t, func(t *rapid.T) {
		f, p := drawFacts(t), drawPolicy(t)
		ev := Evaluate(f, p, t0)
		for _, l := range []presence.Label{ev.Team, ev.Own, ev.Chosen} {
			if !known[l.Status] || l.Text() == "" || (l.Status == presence.StatusCustom) != (l.Custom != "") {
				t.Fatalf("label %+v", l)
			}
		}
		if (ev.Team.Status == presence.StatusOnACall) != ev.Engaged || (ev.Own.Status == presence.StatusOnACall) != ev.Engaged {
			t.Fatalf("engaged %v, team %v, own %v", ev.Engaged, ev.Team, ev.Own)
		}
		if !ev.Engaged && (ev.Team.Status == presence.StatusOffline) == ev.Online {
			t.Fatalf("online %v, team %v", ev.Online, ev.Team)
		}
		if (ev.Team.Status == presence.StatusOffline || ev.Own.Status == presence.StatusOffline) != (ev.OfflineWhy != "") {
			t.Fatalf("team %v own %v why %q", ev.Team, ev.Own, ev.OfflineWhy)
		}
		if ev.Own.Status == presence.StatusOffline && ev.Team.Status != presence.StatusOffline {
			t.Fatalf("own Offline, team %v", ev.Team)
		}
		if ev.Watch.Busy && ev.Watch.Open {
			t.Fatal("watchers are told busy and open")
		}
		if Because(ev) == "" || Still(ev) == "" {
			t.Fatal("no reason for the status")
		}
	})
}

func TestPredicatesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := Evaluate(drawFacts(t), drawPolicy(t), t0)
		reachable, webphone := false, false
		for _, d := range ev.Devices {
			target := d.Enabled && d.Reachable
			reachable = reachable || target
			webphone = webphone || target && d.Kind == presence.KindWebphone
			if target != (d.Why == "") {
				t.Fatalf("device %+v: a reason is due where, and only where, it would not ring", d)
			}
		}
		if ev.Reachable != reachable || reachable != (ev.Why == "") {
			t.Fatalf("reachable %v, why %q, devices %+v", ev.Reachable, ev.Why, ev.Devices)
		}
		if ev.Regular != (ev.Base && ev.RoutesRegular && reachable) || ev.Campaign != (ev.Base && ev.RoutesCampaign && webphone) ||
			ev.Outbound != (ev.Base && ev.AllowsOutbound) || ev.Base && ev.Engaged {
			t.Fatalf("%+v", ev)
		}
		if ev.Campaign && !ev.Online {
			t.Fatal("campaign calls although not online")
		}
	})
}

func TestDeniedMicrophoneAloneIsOffline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := presence.Facts{Settings: drawFacts(t).Settings}
		f.Sessions = []presence.Session{{
			ID: "s", State: rapid.SampledFrom([]presence.SessionState{
				presence.SessionAlive, presence.SessionSuspect, presence.SessionClosed,
			}).Draw(t, "state"),
			Mic: presence.MicDenied, MicProven: rapid.Bool().Draw(t, "proven"), Closed: t0,
		}}
		ev := Evaluate(f, drawPolicy(t), t0)
		if ev.Team.Status != presence.StatusOffline || ev.Own.Status != presence.StatusOffline || ev.Campaign {
			t.Fatalf("team %v own %v", ev.Team, ev.Own)
		}
	})
}

// TestNothingChangesBeforeNext: time alone changes an evaluation at Next, never
// before, and Next lies ahead.
func TestNothingChangesBeforeNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := drawFacts(t), drawPolicy(t)
		ev := Evaluate(f, p, t0)
		end := t0.Add(time.Minute)
		if !ev.Next.IsZero() {
			if !ev.Next.After(t0) {
				t.Fatalf("next is %v, now is %v", ev.Next, t0)
			}
			end = ev.Next
		}
		at := t0.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(t0))-1).Draw(t, "later")))
		if later := Evaluate(f, p, at); !reflect.DeepEqual(later, ev) {
			t.Fatalf("at %v, before next (%v), it is\n%+v\nand was\n%+v", at, ev.Next, later, ev)
		}
	})
}

// TestAllEndsAreReached follows Next to the last: it ends, so no timer spins.
func TestAllEndsAreReached(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := drawFacts(t), drawPolicy(t)
		now := t0
		for range 100 {
			ev := Evaluate(f, p, now)
			if ev.Next.IsZero() {
				return
			}
			now = ev.Next
		}
		t.Fatal("Next never ends")
	})
}

// TestViewsKeepTheirTime: a label that stays keeps since and cause, one that
// changes counts from now and says why.
func TestViewsKeepTheirTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		prev := step(nil, drawFacts(t), p, t0.Add(-time.Second), "")
		next := step(prev, drawFacts(t), p, t0, "")
		for _, v := range [][2]presence.View{{prev.Team, next.Team}, {prev.Own, next.Own}} {
			was, is := v[0], v[1]
			if was.Label == is.Label && is != was {
				t.Fatalf("%+v became %+v", was, is)
			}
			if was.Label != is.Label && (!is.Since.Equal(t0) || is.Cause == "") {
				t.Fatalf("%+v became %+v", was, is)
			}
		}
	})
}
