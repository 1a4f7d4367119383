package notifier

import (
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

func TestRefreshKeepsTheDialog(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		first := p.version(p.live())
		writes := r.store.Stats()
		for range 5 {
			time.Sleep(100 * time.Second)
			m := p.live()
			p.wantSub(m, "active;expires=600")
			if v := p.version(m); v != first+1 {
				t.Fatalf("version %d after %d", v, first)
			}
			first++
		}
		if now := r.store.Stats(); now != writes {
			t.Errorf("five refreshes within the padded expiry cost writes: %+v, then %+v", writes, now)
		}
		if r.count() != 1 || r.rows() != 1 {
			t.Errorf("%d subscriptions, %d rows", r.count(), r.rows())
		}
		time.Sleep(590 * time.Second)
		p.live()
		if now := r.store.Stats(); now == writes {
			t.Error("a refresh beyond the padded expiry wrote nothing")
		}
	})
}

func TestUnsubscribe(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		p.expiry = "0"
		m := p.live()
		p.wantSub(m, "terminated;reason=timeout")
		p.wantState(m, "Offline")
		if r.count() != 0 || r.rows() != 0 || r.n.people.find(r.agents["101"]) != nil {
			t.Error("something is left of the subscription")
		}
		r.set("101", "ringing")
		p.quiet(5 * time.Second)
		p.wantStatus(p.subscribe(), 481)
	})
}

func TestFetchLeavesNothing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.expiry = "0"
		ok := p.subscribe()
		p.wantStatus(ok, 200)
		if ok.Get(message.Expires) != "0" {
			t.Errorf("Expires %q", ok.Get(message.Expires))
		}
		m := p.notified(200)
		p.wantSub(m, "terminated;reason=timeout")
		p.wantState(m, "Offline")
		if r.count() != 0 || r.rows() != 0 {
			t.Error("a fetch left something behind")
		}
	})
}

func TestExpiryTellsTheWatcher(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		p.quiet(600 * time.Second) // and the grace of those who refresh late
		m := p.await(20 * time.Second)
		p.wantSub(m, "terminated;reason=timeout")
		time.Sleep(time.Second)
		if r.count() != 0 || r.rows() != 0 {
			t.Error("something is left after expiry")
		}
		p.wantStatus(p.subscribe(), 481)
	})
}

// await is notified with a time of its own.
func (p *phone) await(d time.Duration) *message.Message {
	p.t.Helper()
	old := p.Timeout
	p.Timeout = d
	defer func() { p.Timeout = old }()
	return p.notified(200)
}

func TestDefaultAndLongestExpiry(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		for asked, granted := range map[string]string{"": "3600", "100000": "3600", "61": "61"} {
			p := r.phone("192.0.2.10:0", "201", "sip:101@ex.test")
			p.expiry = asked
			m := p.subscribe()
			p.wantStatus(m, 200)
			if got := m.Get(message.Expires); got != granted {
				t.Errorf("asked %q, granted %q, want %q", asked, got, granted)
			}
			p.wantSub(p.notified(200), "active;expires="+granted)
			p.Close()
		}
	})
}

func TestUnknownDialogEndsTheSubscriptionAtOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.wantStatus(p.subscribe(), 200)
		p.notified(481)
		r.set("101", "ringing")
		p.quiet(time.Minute)
		if r.count() != 0 || r.rows() != 0 {
			t.Error("the subscription lives on after 481")
		}
		p.wantStatus(p.subscribe(), 481)
	})
}

func TestOneUnansweredNotifyDoesNotEndTheSubscription(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		r.set("101", "ringing")
		p.Expect(siptest.Method("NOTIFY")) // and never an answer
		r.set("101", "talking")
		time.Sleep(31 * time.Second)
		r.set("101", "idle again") // one in flight: none of these queue up
		m := p.notified(200)
		p.wantState(m, "idle again")
		p.quiet(time.Minute)
		if r.count() != 1 {
			t.Error("the subscription ended")
		}
	})
}

func TestSilenceEndsTheSubscriptionAfterSeveralNotifies(t *testing.T) {
	bubble(t, func(o *Options) { o.MaxFailures = 3 }, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.expiry, p.Timeout = "3600", time.Minute
		p.live()
		r.set("101", "ringing")
		for i := range 3 {
			p.Expect(siptest.Method("NOTIFY"))
			if r.count() != 1 {
				t.Fatalf("ended after %d failures", i)
			}
		}
		time.Sleep(33 * time.Second)
		if r.count() != 0 || r.rows() != 0 {
			t.Error("it lives on after three")
		}
		p.quiet(5 * time.Minute)
	})
}

func TestRefusalWithRetryAfterIsObeyed(t *testing.T) {
	for status, wait := range map[int]time.Duration{503: 17 * time.Second, 480: 17 * time.Second, 500: 4 * time.Second} {
		bubble(t, nil, func(t *testing.T, r *rig) {
			p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
			p.live()
			r.set("101", "ringing")
			var extra []message.Header
			if status != 500 {
				extra = header(message.RetryAfter, "17 (busy);duration=3")
			}
			p.notified(status, extra...)
			r.set("101", "talking")
			p.quiet(wait - 2*time.Second)
			p.wantState(p.await(4*time.Second), "talking")
		})
	}
}

func TestAtMostOneNotifyInFlightAndTheLastStateWins(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		r.set("101", "a")
		m := p.Expect(siptest.Method("NOTIFY"))
		for _, s := range []string{"b", "c", "d"} {
			r.set("101", s)
			p.quiet(200 * time.Millisecond)
		}
		p.Respond(m, 200)
		p.wantState(m, "a")
		p.wantState(p.notified(200), "d")
		p.quiet(5 * time.Second)
		// A state that came and went while one was in flight is not told.
		r.set("101", "e")
		m = p.Expect(siptest.Method("NOTIFY"))
		r.set("101", "f")
		r.set("101", "e")
		p.Respond(m, 200)
		p.quiet(5 * time.Second)
	})
}

func TestRefreshFromANewAddressMovesTheNotifies(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		r.set("101", "ringing")
		p.Expect(siptest.Method("NOTIFY")) // in flight to where the phone is about to leave
		q := *p
		q.Peer = siptest.NewPeer(t, r.net, "192.0.2.11:6000", server)
		m := q.live()
		q.wantState(m, "ringing")
		if m.URI != q.Contact("201") {
			t.Errorf("NOTIFY to %q, want the new contact", m.URI)
		}
		r.set("101", "talking")
		q.wantState(q.notified(200), "talking")
		p.quiet(time.Minute)
	})
}

func TestRecordRouteMakesTheRouteSet(t *testing.T) {
	for name, c := range map[string]struct {
		hops   []string
		target string
		routes []string
	}{
		"loose":  {[]string{"<sip:192.0.2.5;lr>, <sip:192.0.2.6;lr>"}, "sip:201@192.0.2.10:5060", []string{"<sip:192.0.2.5;lr>", "<sip:192.0.2.6;lr>"}},
		"strict": {[]string{"<sip:192.0.2.5>", "<sip:192.0.2.6;lr>"}, "sip:192.0.2.5", []string{"<sip:192.0.2.6;lr>", "<sip:201@192.0.2.10:5060>"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
				for _, h := range c.hops {
					p.extra = append(p.extra, message.Header{Name: message.RecordRoute, Value: h})
				}
				ok := p.subscribe()
				p.wantStatus(ok, 200)
				if len(ok.Values(message.RecordRoute)) != 2 {
					t.Error("the 200 does not repeat the Record-Route")
				}
				m := p.notified(200)
				if m.URI != c.target || strings.Join(m.Values(message.Route), "|") != strings.Join(c.routes, "|") {
					t.Errorf("NOTIFY %s with routes %q", m.URI, m.Values(message.Route))
				}
				p.extra = nil
				p.live()
			})
		})
	}
}

func TestEntityAndAliases(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:101@ex.test":                 "entity=sip:101@ex.test state=Offline",
		"sip:ann@ex.test;transport=udp":   "entity=sip:ann@ex.test state=Offline",
		"sip:101@also.test":               "entity=sip:101@also.test state=Offline",
		"sip:101@EX.test:5080;user=phone": "entity=sip:101@EX.test:5080 state=Offline",
		"sip:101@192.0.2.1":               "entity=sip:101@192.0.2.1 state=Offline",
		"sip:park-1@ex.test":              "entity=sip:park-1@ex.test state=nothing",
		"sip:%31%30%31@ex.test":           "entity=sip:%31%30%31@ex.test state=Offline",
	} {
		bubble(t, nil, func(t *testing.T, r *rig) {
			p := r.phone("192.0.2.10:5060", "201", uri)
			p.wantStatus(p.subscribe(), 200)
			if m := p.notified(200); !strings.HasSuffix(string(m.Body), want) {
				t.Errorf("%s: body %q, want %q", uri, m.Body, want)
			}
		})
	}
}

func TestAcceptChoosesTheType(t *testing.T) {
	for accept, want := range map[string]string{
		"": "application/lamp", "application/lamp-2": "application/lamp-2", "text/plain, application/LAMP-2;q=0.5": "application/lamp-2",
		"*/*": "application/lamp", "application/lamp-2, application/lamp": "application/lamp-2",
	} {
		bubble(t, nil, func(t *testing.T, r *rig) {
			p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
			if accept != "" {
				p.extra = header(message.Accept, accept)
			}
			if got := p.live().Get(message.ContentType); got != want {
				t.Errorf("Accept %q: %q, want %q", accept, got, want)
			}
		})
	}
}

func TestDeletedAgentEndsItsWatchers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:102@ex.test")
		p.live()
		r.roster.mu.Lock()
		delete(r.roster.snaps, r.agents["102"])
		r.roster.mu.Unlock()
		if err := r.dir.Apply(t.Context(), directory.Edit{Actor: "test", DeleteAgents: []presence.AgentID{r.agents["102"]}}); err != nil {
			t.Fatal(err)
		}
		p.wantSub(p.notified(200), "terminated;reason=noresource")
		time.Sleep(time.Second)
		if r.count() != 0 || r.rows() != 0 {
			t.Error("something is left")
		}
	})
}

func TestContactPortWithoutRport(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		listens := siptest.NewPeer(t, r.net, "192.0.2.10:5060", server)
		sends := siptest.NewPeer(t, r.net, "192.0.2.10:40000", server)
		sends.Text("SUBSCRIBE sip:101@ex.test SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10:40000;branch=z9hG4bK1\nMax-Forwards: 70\n" +
			"From: <sip:201@ex.test>;tag=1\nTo: <sip:101@ex.test>\nCall-ID: a\nCSeq: 1 SUBSCRIBE\nEvent: dialog\nExpires: 600\n" +
			"Contact: <sip:201@192.0.2.10:5060>\nContent-Length: 0\n\n")
		if m := sends.Expect(siptest.Final); m.Status != 200 {
			t.Fatalf("status %d", m.Status)
		}
		listens.Respond(listens.Expect(siptest.Method("NOTIFY")), 200)
	})
}

func TestProbeNotifiesTheProberOnly(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		r.set("101", "ringing")
		told := p.notified(200)
		q := r.phone("192.0.2.11:5060", "102", "sip:101@ex.test")
		q.expiry = "0"
		q.wantStatus(q.subscribe(), 200)
		q.wantState(q.notified(200), "ringing") // what the others were told
		p.wantState(told, "ringing")
		p.quiet(time.Minute)
	})
}

func TestReloadOfPeersEndsNoSubscription(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		r.n.SetPeers(nil)
		p.quiet(time.Minute)
		r.set("101", "ringing")
		p.wantState(p.notified(200), "ringing")
	})
}

// TestRefreshesUnderWayAreBounded: a watcher that refreshes faster than the
// store commits is told to wait, and what was granted last holds.
func TestRefreshesUnderWayAreBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		p.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
		p.expiry = "3600" // more than the row covers
		for range maxWriting + 3 {
			p.Send(p.build())
		}
		got := map[int]int{}
		for range maxWriting + 3 {
			got[p.Expect(siptest.Final).Status]++
		}
		if got[200] != maxWriting || got[503] != 3 {
			t.Errorf("answers by status: %v", got)
		}
		time.Sleep(time.Second)
		s := r.only()
		s.pres.mu.Lock()
		left := s.until - stampOf(time.Now())
		if s.writing != 0 || left < 3590 || s.grantCSeq == 0 {
			t.Errorf("%d rows on their way, %d s left, granted by %d", s.writing, left, s.grantCSeq)
		}
		s.pres.mu.Unlock()
		p.expiry = "0"
		p.wantStatus(p.subscribe(), 200)
		time.Sleep(time.Second)
		if r.count() != 0 || r.rows() != 0 {
			t.Errorf("%d subscriptions, %d rows", r.count(), r.rows())
		}
	})
}
