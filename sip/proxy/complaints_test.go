package proxy_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// The scenarios here are what users of other servers complain about, as far as it
// concerns calls; testbench/complaints lists them.

// Elsewhere an agent whose call's BYE was lost stays in it until somebody deletes
// the row and restarts the server.
func TestCallWhoseByeWasLostEndsWithItsSessionTimer(t *testing.T) {
	for name, restarted := range map[string]bool{"": false, "with a restart in between": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				desk := s.phone("1001", "10.0.0.21:5060", false)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, called, outside, message.Header{Name: message.CallKind, Value: "regular"})
				inv := desk.Expect(siptest.Method("INVITE"))
				desk.Respond(inv, 200, message.Header{Name: message.Contact, Value: "<" + desk.Contact("phone") + ">"},
					message.Header{Name: message.SessionExpires, Value: "90;refresher=uac"})
				ok := p.Expect(siptest.Status(200))
				sendACK(p, ok)
				s.want("talking", "On a Call confirmed")
				// The caller's network ends: nobody says BYE. The phone is there.
				desk.Handle(func(m *message.Message) *message.Builder {
					if m.Method != "OPTIONS" {
						return nil
					}
					return message.NewResponse(m, 200, "")
				})
				if restarted {
					s.restart()
					s.want("after the restart", "On a Call confirmed")
				}
				time.Sleep(100 * time.Second)
				s.want("a refresh may still come", "On a Call confirmed")
				time.Sleep(30 * time.Second)
				s.want("the session timer is over", "Offline")
				ring(p, called, outside)
				desk.Respond(desk.Expect(func(m *message.Message) bool { return m.Method == "INVITE" && m.CallID() != inv.CallID() }), 486)
				p.Expect(siptest.Status(486))
			})
		})
	}
}

// Elsewhere nobody is told of the end of a call that began before a restart.
func TestEndOfACallThatSpansARestartIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		caller, callee := s.talk(p, s.outsideCall(p, called), desk)
		snap, _ := s.roster.Snapshot(s.agent("1001"))
		before := snap.Version
		s.restart()
		s.want("after the restart", "On a Call confirmed")
		callee.ends(t, caller)
		s.want("ended", "Offline")
		snap, _ = s.roster.Snapshot(s.agent("1001"))
		if snap.Version <= before || len(snap.Watch.Dialogs) != 0 {
			t.Errorf("watchers see version %d after %d, and %+v", snap.Version, before, snap.Watch.Dialogs)
		}
		s.restart()
		s.want("after another restart", "Offline")
	})
}

// Elsewhere wrap-up ends early: by a call that was refused meanwhile, by a phone
// that registers, or by a restart.
func TestWrapUpLastsAsLongAsItShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.do("1001", roster.PutSession{Session: presence.Session{ID: "w", Client: "web", State: presence.SessionAlive, Mic: presence.MicGranted, MicProven: true, Since: time.Now()}})
		desk := s.phone("1001", "10.0.0.21:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		caller, callee := s.talk(p, s.outsideCall(p, called), desk)
		// The PBX says by its publication that it was the campaign's.
		s.do("1001", roster.PutLeg{Leg: presence.Leg{Call: "c", ID: "campaign", Source: "publish:pbx", Direction: presence.Inbound, Kind: presence.CallCampaign,
			State: presence.LegTalking, Talked: true, Since: time.Now()}})
		callee.ends(t, caller)
		s.do("1001", roster.EndLeg{ID: "campaign"})
		s.want("ended", "Wrap Up")
		began := time.Now()
		for time.Since(began) < 29*time.Second {
			if res := s.invite("10.0.0.9:5061", called, outside); res.Status != 480 {
				t.Errorf("%v into it a call is answered %d", time.Since(began), res.Status)
			}
			s.dials(desk, "1001", "sip:+4930123@demo.test")
			if m := desk.Expect(siptest.Final); m.Status != 403 {
				t.Errorf("%v into it a call out is answered %d", time.Since(began), m.Status)
			}
			if m := desk.Register("sip:1001@demo.test", "1001", "pw", 600); m.Status != 200 {
				t.Errorf("registered: %d", m.Status)
			}
			s.want(fmt.Sprint("after ", time.Since(began)), "Wrap Up")
			time.Sleep(3500 * time.Millisecond)
		}
		time.Sleep(time.Until(began.Add(presence.DefaultWrapUp + 10*time.Millisecond)))
		s.want("at its end", "Available")
	})
}

// Elsewhere a break becomes Available after a call out that failed.
func TestStatusOutlivesACallOutThatFailed(t *testing.T) {
	for _, status := range []string{"Do Not Disturb", "Training"} {
		for name, fails := range map[string]func(s *statusBench, inv, got *message.Message){
			"busy":        func(s *statusBench, _, got *message.Message) { s.trunk.Respond(got, 486) },
			"unavailable": func(s *statusBench, _, got *message.Message) { s.trunk.Respond(got, 503) },
			"given up": func(s *statusBench, inv, got *message.Message) {
				s.trunk.Respond(got, 180)
				synctest.Wait()
				s.phones["desk"].SendRaw(hopBy(inv, "CANCEL", inv.Get(message.To)))
				s.trunk.Respond(s.trunk.Expect(siptest.Method("CANCEL")), 200)
				s.trunk.Respond(got, 487)
			},
		} {
			t.Run(status+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStatusBench(t)
					if status == "Training" {
						s.custom(status)
					} else {
						s.do("1001", roster.Select{Status: presence.SelectDND})
					}
					inv := s.dials(s.phones["desk"], "1001", "sip:+4930555@demo.test")
					got := s.trunk.Expect(siptest.Method("INVITE"))
					s.is("dialling", onACall, onACall)
					fails(s, inv, got)
					s.phones["desk"].Expect(func(m *message.Message) bool { _, of := m.CSeq(); return m.Status >= 300 && of == "INVITE" })
					s.is("after it", status, status)
				})
			})
		}
	}
}

// Elsewhere calls are routed to agents who are offline or do not want to be
// disturbed; here no phone of theirs hears of the call, whatever the moment.
func TestNobodyIsRungWhoIsGoneOrInDoNotDisturb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk, app := s.phone("1001", "10.0.0.21:5060", false), s.phone("1001", "10.0.0.22:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		refused := func(when string, status int) {
			t.Helper()
			inv := ring(p, called, outside)
			m := p.Expect(func(m *message.Message) bool { return m.Status >= 200 && m.CallID() == inv.CallID() })
			ack(p, inv, m)
			if m.Status != status {
				t.Errorf("%s: %d, want %d", when, m.Status, status)
			}
			desk.ExpectNone(siptest.Method("INVITE"), time.Second)
			app.ExpectNone(siptest.Method("INVITE"), time.Second)
		}
		s.do("1001", roster.Select{Status: presence.SelectDND})
		refused("Do Not Disturb", 480)
		s.restart() // DND outlives it
		refused("Do Not Disturb after a restart", 480)
		s.do("1001", roster.Select{Status: presence.SelectAvailable})
		app.Close()
		desk.Register("sip:1001@demo.test", "1001", "pw", 0)
		synctest.Wait()
		refused("no phone is there", 480)
	})
}

// Elsewhere a held call is shown as after-call work.
func TestHoldIsACallAndNoWrapUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		caller, callee := s.talk(p, s.outsideCall(p, called), desk)
		callee.hold(t, caller)
		s.want("held", "On a Call confirmed held")
		time.Sleep(time.Hour)
		s.want("held for an hour", "On a Call confirmed held")
		callee.send("INVITE") // resumed; without a body the answer's is the offer
		got := p.Expect(siptest.Method("INVITE"))
		p.SendRaw(message.NewResponse(got, 200, "").Add(message.Contact, "<"+p.Contact("caller")+">").
			Body("application/sdp", []byte("v=0\r\no=- 1 3 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n")).Bytes())
		callee.gets(t, "INVITE", 200)
		callee.hold(t, caller)
		s.want("held again", "On a Call confirmed held")
		caller.ends(t, callee)
		s.want("ended", "Offline")
	})
}

// Elsewhere a phone is registered, and its call goes to the connection it had
// before.
func TestCallGoesByTheConnectionThatThePhoneHasNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		const instance = `;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"`
		register := func(p *siptest.Peer) {
			t.Helper()
			m := p.DoAuth("1001", "pw", func() *message.Builder {
				return p.Request("REGISTER", "sip:demo.test", called, called).Add(message.Contact, "<"+p.Contact("1001")+">"+instance).Add(message.Expires, "600")
			})
			if m.Status != 200 {
				t.Fatalf("registered: %d", m.Status)
			}
		}
		old := siptest.NewStreamPeer(t, s.net, "10.0.0.21:5060", server)
		register(old)
		// The phone loses its network and is back; nobody has closed the old stream.
		now := siptest.NewStreamPeer(t, s.net, "10.0.0.21:5062", server)
		register(now)
		p := siptest.NewPeer(t, s.net, pbx, server)
		inv := ring(p, called, outside)
		answers(now, now.Expect(siptest.Method("INVITE")))
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		now.Expect(siptest.Method("ACK"))
		old.ExpectNone(func(m *message.Message) bool { return m.CallID() == inv.CallID() }, time.Second)
		old.Close() // it ends at last: that is nobody's end but its own
		s.want("talking", "On a Call confirmed")
		p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
		now.Respond(now.Expect(siptest.Method("BYE")), 200)
		s.want("ended", "Offline")
		ring(p, called, outside)
		answers(now, now.Expect(func(m *message.Message) bool { return m.Method == "INVITE" && m.CallID() != inv.CallID() }))
	})
}

// Elsewhere a browser that was closed stays registered, and its calls get 503; here
// what is left rings, and the caller hears why nobody can.
func TestCallAfterABrowserWasClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.phone("1001", "10.0.0.22:5060", true).Close()
		desk := s.phone("1001", "10.0.0.21:5060", false)
		synctest.Wait()
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside)
		desk.Respond(desk.Expect(siptest.Method("INVITE")), 486)
		if m := p.Expect(siptest.Final); m.Status != 486 {
			t.Errorf("the desk phone alone is left, and the caller hears %d", m.Status)
		}
		desk.Register("sip:1001@demo.test", "1001", "pw", 0)
		if res := s.invite("10.0.0.9:5061", called, outside); res.Status != 480 || res.Get(message.Reason) == "" {
			t.Errorf("nobody is left: %d, %q", res.Status, res.Get(message.Reason))
		}
		// And one that closes as it rings.
		page := s.phone("1001", "10.0.0.23:5060", true)
		second := ring(p, called, outside)
		page.Respond(page.Expect(siptest.Method("INVITE")), 180)
		page.Close()
		if m := p.Expect(func(m *message.Message) bool { return m.Status >= 200 && m.CallID() == second.CallID() }); m.Status != 480 {
			t.Errorf("closed as it rings: %d", m.Status)
		}
	})
}
