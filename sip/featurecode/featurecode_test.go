package featurecode

import (
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/presence/status"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/store"
)

func TestCodeIsAnsweredWithoutMediaAndHungUp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		m := p.dial("*78")
		if m.Status != 200 || m.Get(message.ContentType) != "application/sdp" || !strings.Contains(string(m.Body), "m=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=inactive\r\n") ||
			!strings.Contains(m.Get(message.Warning), "Do Not Disturb is selected") {
			t.Fatalf("%s", m.Raw)
		}
		s := r.snapshot("1001")
		if s.Selected.Status != presence.SelectDND || s.Selected.Cause != presence.CauseFeatureCode || s.Selected.Actor != "device:1001" {
			t.Errorf("selected %+v", s.Selected)
		}
		bye := p.hungUp(m)
		if bye.URI != p.Contact("1001") || bye.FromTag() != m.ToTag() || bye.ToTag() != m.FromTag() || bye.CallID() != m.CallID() {
			t.Errorf("%s", bye.Raw)
		}
		if n := r.calls(); n != 0 {
			t.Errorf("%d calls are left", n)
		}
	})
}

func TestWhatCodesDo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		for _, c := range []struct {
			code string
			want presence.Selectable
		}{
			{"*78", "do_not_disturb"}, {"*78", "do_not_disturb"}, {"*79", "available"}, {"*71", "custom:Break"}, {"*79", "custom:Break"},
			{"*76", "do_not_disturb"}, {"*76", "available"}, {"*71", "custom:Break"}, {"*70", "available"},
		} {
			p.done(c.code)
			r.selected("1001", c.want)
		}
		p.done("*80")
		if r.snapshot("1001").Settings.Options.Any() {
			t.Error("all off leaves something on")
		}
		p.done("*81")
		if !r.snapshot("1001").Settings.Options.SIPPhone {
			t.Error("restored is not what was")
		}
		p.done("*72700")
		s := r.snapshot("1001")
		if f := status.Forwarded(&s.Settings, presence.ForwardAlways); !f.On || f.To != "700" {
			t.Errorf("forwarding %+v", f)
		}
		p.done("*73")
		if s := r.snapshot("1001"); !s.Settings.Options.Webphone || len(s.Settings.Options.Numbers) != 0 {
			t.Errorf("options %+v", s.Settings.Options)
		}
		r.do("1001", roster.PutRegistration{Registration: presence.Registration{ID: "r", Device: r.device["1001"], Kind: presence.KindDesk, Contact: "sip:x", Alive: true}})
		r.do("1001", roster.PutLeg{Leg: presence.Leg{ID: "l", Call: "c", Kind: presence.CallCampaign, State: presence.LegTalking}})
		p.done("*78") // also during a call
		r.do("1001", roster.EndLeg{ID: "l"})
		if r.snapshot("1001").WrapUp == nil {
			t.Fatal("no wrap-up")
		}
		p.done("*77")
		p.done("*77") // none is running: no harm
		if r.snapshot("1001").WrapUp != nil {
			t.Error("the wrap-up goes on")
		}
	})
}

func TestCodeAnsweredByARefusalThatSaysWhatWasDone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy(func(p *presence.Policy) { p.Codes.Refuse = true })
		p := r.phone("1001")
		for code, want := range map[string]string{
			"*78": "Do Not Disturb is selected", "*80": "Every device is off", "*72700": "Every call goes to 700", "*77": "No wrap-up is running",
		} {
			m := p.dial(code)
			if m.Status != 480 || !strings.Contains(m.Get(message.Reason), "SIP;cause=480;text=\""+want) {
				t.Errorf("%s: %d, %s", code, m.Status, m.Get(message.Reason))
			}
		}
		r.selected("1001", presence.SelectDND)
	})
}

func TestCodesThatAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, c := range []struct {
			user, code string
			status     int
			why        string
		}{
			{"1001", "*99", 404, "no such feature code"},
			{"1001", "#1", 404, "no such feature code"},
			{"1001", "*81", 403, "There is no earlier set"},
			{"1001", "*72abc", 403, "no number to forward to"},
			{"hot", "*78", 403, "Nobody is logged in at this phone"},
			{"hot", "*47", 403, "Nobody is logged in at this phone"},
			{"1001", "*461002*2468", 403, "This phone is not shared"},
			{"hot", "*461002*1111", 403, "The number or the PIN is not right"},
			{"hot", "*461002", 403, "The number or the PIN is not right"},
		} {
			m := r.phone(c.user).dial(c.code)
			if m.Status != c.status || !strings.Contains(m.Get(message.Reason), c.why) {
				t.Errorf("%s from %s: %d, %s; want %d, %s", c.code, c.user, m.Status, m.Get(message.Reason), c.status, c.why)
			}
		}
		p := r.phone("1002")
		m := p.Do(p.invite("1001", offer))
		if p.ack(m); m.Status != 500 {
			t.Errorf("an agent's number was taken for a code: %d", m.Status)
		}
	})
}

func TestHotDeskByCode(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("hot")
		m := p.dial("*461002*2468#")
		if m.Status != 200 || !strings.Contains(m.Get(message.Warning), "This phone is Agent 1002's") {
			t.Fatalf("%s", m.Raw)
		}
		p.hungUp(m)
		p.done("*78")
		r.selected("1002", presence.SelectDND)
		p.done("*47")
		if _, held := r.dir.Holder(r.device["hot"], time.Now()); held {
			t.Error("the desk is not free")
		}
		r.policy(func(p *presence.Policy) { p.Desk.NoPIN = true })
		p.done("*461001")
		p.done("*79")
		r.selected("1002", presence.SelectDND)
	})
}

// TestAnswerWaitsForTheCommit: a store that fails has the code answered 503, and
// nothing changed.
func TestAnswerWaitsForTheCommit(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		r.store.FailNext(1)
		if m := p.dial("*78"); m.Status != 503 || m.Get(message.RetryAfter) == "" {
			t.Errorf("answered %d", m.Status)
		}
		if got := r.snapshot("1001").Chosen.Status; got != presence.StatusAvailable {
			t.Errorf("%s is selected", got)
		}
		began := time.Now()
		m := p.dial("*78")
		if took := time.Since(began); m.Status != 200 || took < 2*time.Millisecond {
			t.Errorf("answered %d after %s; the commit takes 2 ms", m.Status, took)
		}
		es, err := r.store.Log(t.Context(), store.LogQuery{Kind: "selection", Newest: true, Limit: 1})
		if err != nil || len(es) != 1 || es[0].Cause != string(presence.CauseFeatureCode) {
			t.Errorf("log %+v, %v", es, err)
		}
		p.hungUp(m)
	})
}

func TestOneInviteIsCarriedOutOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		b := p.invite("*76", offer)
		via := p.Via(message.NewBranch())
		first := b.Via(via).Bytes()
		for range 5 {
			p.SendRaw(first) // as it comes again where the answer is late
		}
		m := p.Expect(siptest.Status(200))
		r.selected("1001", presence.SelectDND)
		// By another way: the same call under another branch.
		other := strings.Replace(string(first), via, p.Via(message.NewBranch()), 1)
		p.SendRaw([]byte(other))
		twice := p.Expect(siptest.Status(482))
		p.ack(twice)
		p.hungUp(m)
		r.selected("1001", presence.SelectDND)
	})
}

func TestAnswerIsRepeatedUntilItsACK(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		m := p.dial("*78")
		time.Sleep(4 * time.Second) // at 0.5, 1.5 and 3.5 s
		if n := p.Again(); n != 3 {
			t.Errorf("%d repetitions in 4 s, want 3", n)
		}
		p.hungUp(m)
		time.Sleep(time.Minute)
		if n := p.Again(); n != 3 {
			t.Errorf("%d repetitions, though the ACK came", n)
		}
	})
}

func TestPhoneThatNeverAcknowledgesIsHungUp(t *testing.T) {
	for _, over := range []string{"UDP", "TCP"} {
		bubble(t, func(t *testing.T, r *rig) {
			p := r.phone("1001")
			if over == "TCP" {
				p.Peer = siptest.NewStreamPeer(t, r.net, "192.0.2.77:5062", server)
			}
			began := time.Now()
			p.dial("*78")
			bye := p.Expect(siptest.Method("BYE"))
			if waited := time.Since(began).Round(time.Second); waited != 32*time.Second {
				t.Errorf("%s: BYE after %s", over, waited)
			}
			p.Respond(bye, 481)
			if n := r.calls(); n != 0 {
				t.Errorf("%d calls are left", n)
			}
		})
	}
}

func TestPhoneThatHangsUpFirst(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		m := p.dial("*78")
		c, _ := m.Contacts()
		bye := func() *message.Builder {
			return message.NewRequest("BYE", c[0].URI).Add(message.From, m.Get(message.From)).Add(message.To, m.Get(message.To)).
				Add(message.CallID, m.CallID()).Add(message.CSeq, "9 BYE").Add(message.MaxForwards, "70")
		}
		if got := p.Do(bye()); got.Status != 200 {
			t.Errorf("BYE answered %d", got.Status)
		}
		p.ExpectNone(siptest.Method("BYE"), time.Minute)
		if got := p.Do(bye()); got.Status != 481 {
			t.Errorf("a BYE without its call answered %d", got.Status)
		}
		if n := r.calls(); n != 0 {
			t.Errorf("%d calls are left", n)
		}
	})
}

func TestCancelTakesNothingBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		b := p.invite("*78", offer)
		branch := p.Send(b)
		cancel := message.NewRequest("CANCEL", b.URI())
		raw := string(b.Bytes())
		for _, name := range []string{"From", "To", "Call-ID"} {
			_, rest, _ := strings.Cut(raw, "\r\n"+name+": ")
			value, _, _ := strings.Cut(rest, "\r\n")
			cancel.Add(message.Name(name), value)
		}
		p.SendRaw(cancel.Add(message.CSeq, "1 CANCEL").Add(message.MaxForwards, "70").Via(p.Via(branch)).Bytes())
		p.ack(p.Expect(siptest.Status(487)))
		time.Sleep(time.Minute)
		r.selected("1001", presence.SelectDND)
		if n := r.calls(); n != 0 {
			t.Errorf("%d calls are left", n)
		}
	})
}

func TestOfferless(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		m := p.Do(p.invite("*78", ""))
		if m.Status != 200 || !strings.Contains(string(m.Body), "m=audio 9 RTP/AVP 0\r\na=inactive\r\n") {
			t.Fatalf("%s", m.Raw)
		}
		p.hungUp(m)
		bad := p.Do(p.invite("*79", "v=0\r\n"))
		if bad.Status != 488 {
			t.Errorf("a description without media answered %d", bad.Status)
		}
		p.ack(bad)
		r.selected("1001", presence.SelectDND)
		other := p.Do(p.invite("*79", "").Body("text/plain", []byte("hello")))
		if other.Status != 415 || other.Get(message.Accept) != "application/sdp" {
			t.Errorf("another type answered %d", other.Status)
		}
		p.ack(other)
	})
}

func TestCallsAreBounded(t *testing.T) {
	bubbleWith(t, Options{Calls: 2}, func(t *testing.T, r *rig) {
		p := r.phone("1001")
		open := []*message.Message{p.dial("*78"), p.dial("*79")}
		if m := p.dial("*78"); m.Status != 503 || m.Get(message.RetryAfter) == "" {
			t.Errorf("answered %d", m.Status)
		}
		for _, m := range open {
			p.hungUp(m)
		}
		p.done("*78")
	})
}

func TestByeGoesByTheRouteOfTheInvite(t *testing.T) {
	for hop, want := range map[string]string{"<sip:192.0.2.50;lr>": "", "<sip:192.0.2.50>": "sip:192.0.2.50"} {
		bubble(t, func(t *testing.T, r *rig) {
			p := r.phone("1001")
			b := p.invite("*78", offer).Add(message.RecordRoute, hop)
			m := p.Do(b)
			if m.Get(message.RecordRoute) != hop {
				t.Errorf("the 200 has lost the route: %s", m.Raw)
			}
			bye := p.hungUp(m)
			if want == "" && (bye.URI != p.Contact("1001") || bye.Get(message.Route) != hop) || want != "" && (bye.URI != want || bye.Get(message.Route) != "<"+p.Contact("1001")+">") {
				t.Errorf("%s", bye.Raw)
			}
		})
	}
}

// TestManyPhonesAtOnce: every code of every phone is answered and done.
func TestManyPhonesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		phones := []*phone{r.phone("1001"), r.phone("1002")}
		var all sync.WaitGroup
		for _, p := range phones {
			all.Go(func() {
				for i := range 20 {
					p.done([]string{"*78", "*79"}[i%2])
				}
			})
		}
		all.Wait()
		r.selected("1001", presence.SelectAvailable)
		r.selected("1002", presence.SelectAvailable)
	})
}
