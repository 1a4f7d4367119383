package roster

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"lamplight/presence"
	"lamplight/store/sim"
)

// lagging is a moment at which the wall clock shows less time gone by than there was: what
// a clock that is set right slowly does.
func lagging(t time.Time, lag time.Duration) time.Time {
	later := t.Add(lag)
	// The layout of time.Time: seconds and nanoseconds of the wall, then the
	// monotonic reading.
	type clock struct {
		wall uint64
		mono int64
	}
	(*clock)(unsafe.Pointer(&later)).wall = (*clock)(unsafe.Pointer(&t)).wall
	return later
}

// What is due is what is over: else it would be taken out and put back for ever.
func TestTimersGoByTheWallClock(t *testing.T) {
	now := time.Now()
	due := now.Add(time.Second)
	late := lagging(now, 2*time.Second)
	if !late.After(due) || late.UTC().After(due) {
		t.Fatal("the clocks do not differ") // or time.Time has another layout
	}
	var h timers
	h.set(&actor{}, due)
	if h.pop(late) != nil {
		t.Error("taken out before it is over")
	}
	if h.pop(lagging(now.Add(time.Second), time.Second)) == nil {
		t.Error("not taken out")
	}
}

func TestGrace(t *testing.T) {
	for name, c := range map[string]struct {
		back  time.Duration // when the page is there again; 0: never
		label string        // after 20 s
		log   int           // status entries
	}{
		"page reload leaves no trace": {back: 3 * time.Second, label: "Available", log: 1},
		"closed for good":             {label: "Offline", log: 2},
		"too late":                    {back: 6 * time.Second, label: "Available", log: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, presence.Policy{}, 1, sim.Options{})
				defer b.close()
				since := b.do(presence.CauseLogin, webphone("tab")).Team.Since
				time.Sleep(time.Minute)
				s := b.do(presence.CauseWebphoneGone, closed("tab"))
				if s.Reachable {
					t.Error("a closed webphone is still a target")
				}
				if s.Team.Text() != "Available" {
					t.Errorf("the label did not wait: %s", s.Team.Text())
				}
				if c.back > 0 {
					time.Sleep(c.back)
					b.do(presence.CauseLogin, webphone("tab"))
				}
				time.Sleep(20 * time.Second)
				synctest.Wait()
				if got := b.team(); got != c.label {
					t.Errorf("label %s, want %s", got, c.label)
				}
				if got := len(b.log("status")); got != c.log {
					t.Errorf("%d status entries, want %d", got, c.log)
				}
				if c.log == 1 && !b.snapshot().Team.Since.Equal(since) {
					t.Error("the duration began anew")
				}
			})
		})
	}
}

// TestOneFactEnds lets each kind of fact end by itself.
func TestOneFactEnds(t *testing.T) {
	policy := presence.Policy{LegMaxAge: time.Hour, Statuses: []presence.Custom{
		{Name: "Break", Max: 15 * time.Minute, Return: "do_not_disturb"}}}
	for name, c := range map[string]struct {
		op    func() Op
		there func(*presence.Snapshot) bool
		after time.Duration
		cause presence.Cause // of the own view afterwards
	}{
		"registration": {
			op:    func() Op { return desk("r", time.Minute) },
			there: func(s *presence.Snapshot) bool { return len(s.Devices) == 2 }, // the webphone and it
			after: time.Minute,
		},
		"offer": {
			op: func() Op {
				return PutOffer{presence.Offer{ID: "o", Kind: presence.CallCampaign, Expires: time.Now().Add(20 * time.Second)}}
			},
			there: func(s *presence.Snapshot) bool { return s.Offered && len(s.Offers) == 1 },
			after: 20 * time.Second,
		},
		"leg with a publication's expiry": {
			op: func() Op {
				return PutLeg{presence.Leg{ID: "l", Direction: presence.Outbound, State: presence.LegDialling, Expires: time.Now().Add(90 * time.Second)}}
			},
			there: func(s *presence.Snapshot) bool { return s.Engaged && len(s.Legs) == 1 },
			after: 90 * time.Second, cause: presence.CauseFactExpired,
		},
		"leg whose end is never reported": {
			op: func() Op {
				return PutLeg{presence.Leg{ID: "l", Direction: presence.Outbound, State: presence.LegDialling}}
			},
			there: func(s *presence.Snapshot) bool { return s.Engaged },
			after: time.Hour, cause: presence.CauseFactExpired,
		},
		"custom status with a maximum": {
			op:    func() Op { return Select{presence.SelectCustom("Break")} },
			there: func(s *presence.Snapshot) bool { return s.Own.Custom == "Break" },
			after: 15 * time.Minute, cause: presence.CauseCustomExpired,
		},
		"device left out for a while": {
			op: func() Op {
				r := desk("r", 24*time.Hour)
				r.QuietUntil = time.Now().Add(5 * time.Minute)
				return r
			},
			there: func(s *presence.Snapshot) bool { return len(s.Devices) == 2 && !s.Devices[1].Reachable },
			after: 5 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, policy, 1, sim.Options{})
				defer b.close()
				b.do(presence.CauseLogin, webphone("tab"))
				if s := b.do("", c.op()); !c.there(s) {
					t.Fatalf("the fact does not show: %+v", s)
				}
				time.Sleep(c.after - time.Millisecond)
				synctest.Wait()
				if !c.there(b.snapshot()) {
					t.Error("it ended too early")
				}
				time.Sleep(time.Millisecond)
				synctest.Wait()
				s := b.snapshot()
				if c.there(s) {
					t.Error("it has not ended")
				}
				if c.cause != "" && s.Own.Cause != c.cause {
					t.Errorf("cause %q, want %q", s.Own.Cause, c.cause)
				}
			})
		})
	}
}

func TestCustomReturnsAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{Statuses: []presence.Custom{{Name: "Break", Max: time.Minute, Return: "do_not_disturb"}}}, 1, sim.Options{})
		defer b.close()
		b.do(presence.CauseLogin, webphone("tab"))
		b.do(presence.CauseAgent, Select{presence.SelectCustom("Break")})
		time.Sleep(time.Minute)
		synctest.Wait()
		b.want("Do Not Disturb", "Do Not Disturb", presence.CauseCustomExpired)
		if s := b.snapshot().Selected; s.Status != presence.SelectDND || s.Cause != presence.CauseCustomExpired {
			t.Errorf("selected %+v", s)
		}
	})
}

// TestRefreshMovesTheEnd: a refreshed fact lives on, one cut short ends sooner.
func TestRefreshMovesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		first := b.do("", desk("r", time.Minute))
		for range 5 {
			time.Sleep(30 * time.Second)
			if s := b.do("", desk("r", time.Minute)); s != first {
				t.Fatal("a refresh published a snapshot")
			}
		}
		b.do("", desk("r", 5*time.Second))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := len(b.snapshot().Devices); n != 0 {
			t.Errorf("%d devices after the shortened expiry", n)
		}
	})
}

func TestWrapUp(t *testing.T) {
	talk := func(b *bench, leg PutLeg) {
		leg.State = presence.LegRinging
		b.do(presence.CauseCallStart, leg)
		leg.State = presence.LegTalking
		b.do(presence.CauseCallStart, leg)
	}
	own := campaignLeg("l1", "c1", "")
	for name, c := range map[string]struct {
		policy presence.Policy
		act    func(*bench)
		want   string        // the label at the end of act
		length time.Duration // of the wrap-up, 0: none or without end
	}{
		"after a campaign call": {act: func(b *bench) { talk(b, own); b.do("", EndLeg{"l1"}) }, want: "Wrap Up", length: 30 * time.Second},
		"of the domain's length": {policy: presence.Policy{WrapUp: 90 * time.Second},
			act: func(b *bench) { talk(b, own); b.do("", EndLeg{"l1"}) }, want: "Wrap Up", length: 90 * time.Second},
		"of the campaign's length": {act: func(b *bench) {
			leg := own
			leg.WrapUp = 10 * time.Second
			talk(b, leg)
			b.do("", EndLeg{"l1"})
		}, want: "Wrap Up", length: 10 * time.Second},
		"none by policy": {policy: presence.Policy{WrapUp: presence.WrapUpNone},
			act: func(b *bench) { talk(b, own); b.do("", EndLeg{"l1"}) }, want: "Available"},
		"without end": {policy: presence.Policy{WrapUp: presence.WrapUpUnlimited},
			act: func(b *bench) { talk(b, own); b.do("", EndLeg{"l1"}); time.Sleep(time.Hour) }, want: "Wrap Up"},
		"not after a call nobody answered": {act: func(b *bench) {
			b.do("", campaignLeg("l1", "c1", presence.LegRinging))
			b.do("", EndLeg{"l1"})
		}, want: "Available"},
		"not after a regular call": {act: func(b *bench) {
			leg := own
			leg.Kind = presence.CallRegular
			talk(b, leg)
			b.do("", EndLeg{"l1"})
		}, want: "Available"},
		"not while another leg of the call goes on": {act: func(b *bench) {
			talk(b, own)
			b.do("", campaignLeg("l2", "c1", presence.LegRinging))
			b.do("", EndLeg{"l1"})
		}, want: "Available"},
		"when the last leg of the call ends": {act: func(b *bench) {
			talk(b, own)
			b.do("", campaignLeg("l2", "c1", presence.LegRinging))
			b.do("", EndLeg{"l1"})
			b.do("", EndLeg{"l2"})
		}, want: "Wrap Up", length: 30 * time.Second},
		"after a held call": {act: func(b *bench) {
			b.do("", campaignLeg("l1", "c1", presence.LegHeld))
			b.do("", EndLeg{"l1"})
		}, want: "Wrap Up", length: 30 * time.Second},
		"when the call's end is never reported": {policy: presence.Policy{LegMaxAge: time.Minute},
			act:  func(b *bench) { talk(b, own); time.Sleep(time.Minute); synctest.Wait() },
			want: "Wrap Up", length: 30 * time.Second},
		"finished by hand": {act: func(b *bench) {
			talk(b, own)
			b.do("", EndLeg{"l1"})
			b.do(presence.CauseWrapUpEnd, FinishWrapUp{})
		}, want: "Available"},
		"ended by a selection": {act: func(b *bench) {
			talk(b, own)
			b.do("", EndLeg{"l1"})
			b.do(presence.CauseAgent, Select{presence.SelectDND})
		}, want: "Do Not Disturb"},
		"not ended by selecting what is selected": {act: func(b *bench) {
			talk(b, own)
			b.do("", EndLeg{"l1"})
			b.do(presence.CauseAgent, Select{presence.SelectAvailable})
		}, want: "Wrap Up", length: 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, c.policy, 1, sim.Options{})
				defer b.close()
				b.do(presence.CauseLogin, webphone("tab"))
				c.act(b)
				if got := b.team(); got != c.want {
					t.Fatalf("label %s, want %s", got, c.want)
				}
				if c.length == 0 {
					return
				}
				time.Sleep(c.length - time.Nanosecond)
				synctest.Wait()
				if got := b.team(); got != "Wrap Up" {
					t.Errorf("just before its end the label is %s", got)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if got := b.team(); got != "Available" {
					t.Errorf("after its end the label is %s", got)
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		bare := b.roster.Bare(b.domain, "slot1@demo.test")
		for name, c := range map[string]struct {
			agent presence.AgentID
			op    Op
			want  error
		}{
			"unknown custom status":      {b.agents[0], Select{presence.SelectCustom("Siesta")}, ErrRefused},
			"a status that nobody sets":  {b.agents[0], Select{"offline"}, ErrRefused},
			"session without id":         {b.agents[0], PutSession{}, ErrRefused},
			"offer without end":          {b.agents[0], PutOffer{presence.Offer{ID: "o"}}, ErrRefused},
			"nothing to restore":         {b.agents[0], RestoreOptions{}, ErrRefused},
			"bad forwarding number":      {b.agents[0], SetOptions{presence.Options{Numbers: []presence.Number{{Number: "o o"}}}}, ErrRefused},
			"selection of a bare one":    {bare, Select{presence.SelectDND}, ErrRefused},
			"agent nobody knows":         {presence.AgentID{ID: presence.NewID()}, Logout{}, ErrUnknown},
			"bare address nobody opened": {presence.BareAgentID(b.domain, "slot2@demo.test"), EndLeg{"l"}, ErrUnknown},
		} {
			before, _ := b.roster.Snapshot(c.agent)
			ops := []Op{c.op}
			if c.agent == b.agents[0] { // after one that would be fine
				ops = []Op{webphone("tab"), c.op}
			}
			s, err := b.roster.Do(t.Context(), c.agent, Change{Ops: ops})
			if !errors.Is(err, c.want) || s != nil {
				t.Errorf("%s: got %v, %v; want %v", name, s, err, c.want)
			}
			if after, _ := b.roster.Snapshot(c.agent); after != before {
				t.Errorf("%s: part of a refused change was applied", name)
			}
		}
	})
}

func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		b.do(presence.CauseLogin, webphone("tab"))
		b.do(presence.CauseAgent, SetOptions{presence.Options{Webphone: true, Numbers: []presence.Number{{Number: "+4912345", Enabled: true}}}})
		number := b.snapshot().Settings.Options.Numbers[0].ID
		if number.IsZero() {
			t.Error("the number has no id")
		}
		b.do("", AllOptionsOff{})
		b.want("Outbound Calls Only", "Outbound Calls Only", presence.CauseOptionsOff)
		b.restart(false)
		b.do(presence.CauseLogin, webphone("tab"))
		b.want("Outbound Calls Only", "Outbound Calls Only", presence.CauseOptionsOff)
		b.do("", RestoreOptions{})
		b.want("Available", "Available", presence.CauseOptionsOn)
		if o := b.snapshot().Settings.Options; !o.Webphone || o.Mobile || len(o.Numbers) != 1 || !o.Numbers[0].Enabled || o.Numbers[0].ID != number {
			t.Errorf("restored %+v", o)
		}
		if n := len(b.log("options")); n != 3 {
			t.Errorf("%d options entries, want 3", n)
		}
	})
}
