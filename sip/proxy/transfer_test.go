package proxy_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

func TestBlindTransferOfAPBXsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		far, near := s.talk(p, s.outsideCall(p, called), a)
		near.transfers(t, far, "<sip:1002@demo.test>")
		far2, near2 := s.talk(p, s.outsideCall(p, "sip:1002@demo.test", referredBy()), b)
		if near2.seen.Get(message.ReferredBy) == "" {
			t.Error("who transferred is not said")
		}
		s.want("transferred", "On a Call confirmed", "On a Call confirmed")
		far.send("NOTIFY", message.Header{Name: message.Event, Value: "refer"}, message.Header{Name: message.SubscriptionState, Value: "terminated;reason=noresource"})
		near.takes("NOTIFY", 200)
		far.gets(t, "NOTIFY", 200)
		near.ends(t, far)
		s.want("left", "Offline", "On a Call confirmed")
		if r := s.remote("1002"); r != outside {
			t.Errorf("the lamp shows %s", r)
		}
		far2.ends(t, near2)
		s.want("ended", "Offline", "Offline")
	})
}

// TestAgentIsTransferred: he is on a call, and may call whom he was told to, and
// nobody else.
func TestAgentIsTransferred(t *testing.T) {
	for name, to := range map[string]string{"to a colleague": "sip:1003@demo.test", "to a number": "sip:+4930123@demo.test"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.colleague("1003")
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
				target := siptest.NewPeer(t, s.net, trunk, server)
				if strings.Contains(to, "1003") {
					target = s.phone("1003", "10.0.0.23:5060", false)
				}
				one, two := s.talk(b, s.agentCall(b, "1002", "sip:1001@demo.test"), a)
				s.dials(b, "1002", to)
				if m := b.Expect(siptest.Final); m.Status != 403 {
					t.Errorf("of his own: %d", m.Status)
				}
				two.transfers(t, one, "<"+to+">")
				s.dials(b, "1002", "sip:+49301234@demo.test")
				if m := b.Expect(siptest.Final); m.Status != 403 {
					t.Errorf("another number: %d", m.Status)
				}
				three, four := s.talk(b, s.agentCall(b, "1002", to, referredBy()), target)
				two.ends(t, one)
				s.want("transferred", "Offline", "On a Call confirmed")
				s.explained(three.seen.CallID(), "called 0, rings 180, answered 200 = 200")
				three.ends(t, four)
				s.want("ended", "Offline", "Offline")
			})
		})
	}
}

// escaped is a Refer-To that names a dialog.
func escaped(uri string, d message.DialogName) string {
	return "<" + uri + "?Replaces=" + url.QueryEscape(d.String()) + ">"
}

// TestAttendedTransfer: a consults b during c's call, and connects them.
func TestAttendedTransfer(t *testing.T) {
	for name, tc := range map[string]struct{ peer, restart bool }{"of a PBX's call": {true, false}, "of a colleague's": {false, false}, "after a restart": {true, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.colleague("1003")
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", !tc.restart)
				var c *siptest.Peer
				var first func() *message.Message
				if tc.peer {
					c = siptest.NewPeer(t, s.net, pbx, server)
					first = s.outsideCall(c, called, message.Header{Name: message.CallKind, Value: "regular"})
				} else {
					c = s.phone("1003", "10.0.0.23:5060", false)
					first = s.agentCall(c, "1003", called)
				}
				far, near := s.talk(c, first, a)
				near.hold(t, far)
				s.want("held", "On a Call confirmed held", "Offline")
				consult, consulted := s.talk(a, s.agentCall(a, "1001", "sip:1002@demo.test"), b)
				s.want("consulting", "On a Call confirmed confirmed held", "On a Call confirmed")
				if tc.restart {
					s.restart()
				}
				// b's contact, as a's phone knows it, is for us alone.
				asked := near.transfers(t, far, escaped(consulted.p.Contact("phone"), consult.name()))
				to, err := message.ParseNameAddr(asked)
				if err != nil || !strings.HasPrefix(to.URI, "sip:1002@demo.test?Replaces=") {
					t.Errorf("asked to call %s", asked)
				}
				replaces := message.Header{Name: message.Replaces, Value: consult.name().String()}
				call := s.outsideCall(c, "sip:1002@demo.test", replaces, referredBy())
				if !tc.peer {
					call = s.agentCall(c, "1003", "sip:1002@demo.test", replaces, referredBy())
				}
				three, four := s.talk(c, call, b)
				if got := four.seen.Get(message.Replaces); got != replaces.Value || four.seen.URI != consulted.p.Contact("phone") {
					t.Errorf("the target is sent\n%s", four.seen.Raw)
				}
				consulted.ends(t, consult) // its place is taken
				near.ends(t, far)
				s.want("transferred", "Offline", "On a Call confirmed")
				if r := s.remote("1002"); tc.peer && r != outside || !tc.peer && r != "sip:1003@demo.test" {
					t.Errorf("the target's lamp shows %s", r)
				}
				if !tc.peer {
					if r := s.remote("1003"); r != "sip:1002@demo.test" {
						t.Errorf("the lamp of who was transferred shows %s", r)
					}
				}
				s.explained(three.seen.CallID(), "called 0, rings 180, answered 200 = 200")
				four.ends(t, three)
				s.want("ended", "Offline", "Offline")
			})
		})
	}
}

// TestTransferToANumberConsulted: the consulted one is outside, the transferred one
// an agent.
func TestTransferToANumberConsulted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.teamed(func(p *presence.Policy) { p.Consult = presence.ConsultAny })
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		out := siptest.NewPeer(t, s.net, trunk, server)
		far, near := s.talk(b, s.agentCall(b, "1002", called), a)
		near.hold(t, far)
		consult, consulted := s.talk(a, s.agentCall(a, "1001", "sip:+4930123@demo.test"), out)
		asked := near.transfers(t, far, escaped(out.Contact("phone"), consult.name()))
		if !strings.HasPrefix(asked, "<sip:+4930123@demo.test?Replaces=") {
			t.Errorf("asked to call %s", asked)
		}
		three, four := s.talk(b, s.agentCall(b, "1002", "sip:+4930123@demo.test", message.Header{Name: message.Replaces, Value: consult.name().String()}), out)
		consulted.ends(t, consult)
		near.ends(t, far)
		s.want("transferred", "Offline", "On a Call confirmed")
		if r := s.remote("1002"); r != "sip:+4930123@demo.test" {
			t.Errorf("the lamp shows %s", r)
		}
		three.ends(t, four)
		s.want("ended", "Offline", "Offline")
	})
}

// TestTransferToAPhoneThatStillRings: the phone that rings is called by the
// transferred party itself.
func TestTransferToAPhoneThatStillRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		far, near := s.talk(p, s.outsideCall(p, called), a)
		near.hold(t, far)
		sent := s.dials(a, "1001", "sip:1002@demo.test")
		inv := b.Expect(siptest.Method("INVITE"))
		b.Respond(inv, 180)
		early := a.Expect(siptest.Status(180))
		synctest.Wait() // the response overtakes what is noted of it
		name := message.DialogName{CallID: early.CallID(), ToTag: early.ToTag(), FromTag: early.FromTag()}
		near.transfers(t, far, escaped("sip:1002@demo.test", name))
		ring(p, "sip:1002@demo.test", outside, message.Header{Name: message.Replaces, Value: name.String()}, referredBy())
		next := b.Expect(siptest.Method("INVITE"))
		if next.Has(message.Replaces) || next.CallID() == sent.CallID() {
			t.Errorf("the target is sent\n%s", next.Raw)
		}
		answers(b, next)
		p.Expect(siptest.Status(200))
		near.ends(t, far)
		s.want("transferred", "On a Call trying", "On a Call confirmed early")
	})
}

// TestDialogsAreNotTaken by who was not asked to, whatever his lamp tells him.
func TestDialogsAreNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.teamed(nil)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		far, near := s.talk(p, s.outsideCall(p, called), a)
		lamp := s.lamp("1001")
		for _, tc := range []struct {
			name, value string
			status      int
		}{
			{"a lamp that was late", lamp.Value, 486},
			{"a lamp", strings.TrimSuffix(lamp.Value, ";early-only"), 403},
			{"another tag", strings.Replace(lamp.Value, "from-tag=", "from-tag=x", 1), 481},
		} {
			s.dials(b, "1002", "sip:1001@demo.test", message.Header{Name: message.Replaces, Value: tc.value})
			if m := b.Expect(siptest.Final); m.Status != tc.status {
				t.Errorf("%s: %d, want %d", tc.name, m.Status, tc.status)
			}
		}
		near.ends(t, far)
	})
}

// TestOwnCallIsMovedToAnotherPhone: by its own lamp.
func TestOwnCallIsMovedToAnotherPhone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		s.mobile("1001")
		m := siptest.NewPeer(t, s.net, "10.0.0.29:5060", server)
		if res := m.Register(called, "1001-mobile", "pw", 600); res.Status != 200 {
			t.Fatalf("the mobile registers: %d", res.Status)
		}
		p := siptest.NewPeer(t, s.net, pbx, server)
		sent := ring(p, called, outside)
		inv := a.Expect(siptest.Method("INVITE"))
		m.Respond(m.Expect(siptest.Method("INVITE")), 486)
		answers(a, inv)
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		far, near := &dialog{p: p, seen: ok}, &dialog{p: a, seen: siptest.WithToTag(inv, ok.Get(message.To))}
		replaces := message.Header{Name: message.Replaces, Value: near.name().String()}
		first := ring(m, outside, called, replaces)
		no := m.Expect(siptest.Final)
		for no.Status != 401 {
			no = m.Expect(siptest.Final)
		}
		ack(m, first, no)
		name, value := m.Authorize(no, "INVITE", outside, "1001-mobile", "pw")
		four, three := s.talk(m, func() *message.Message {
			return ring(m, outside, called, replaces, message.Header{Name: name, Value: value})
		}, p)
		far.ends(t, near)
		s.want("moved", "On a Call confirmed")
		four.ends(t, three)
		s.want("ended", "Offline")
		_ = sent
	})
}

// TestTransferFindsThePhoneWhereItHasMovedTo within the dialog (RFC 3261 §12.2).
func TestTransferFindsThePhoneWhereItHasMovedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		far, near := s.talk(p, s.outsideCall(p, called), a)
		near.hold(t, far)
		consult, consulted := s.talk(a, s.agentCall(a, "1001", "sip:1002@demo.test"), b)
		u := b.InDialog("UPDATE", consulted.seen).Set(message.CSeq, "50 UPDATE").Add(message.Contact, "<sip:moved@10.0.0.22:5060>")
		b.Send(u)
		consult.takes("UPDATE", 200)
		consulted.gets(t, "UPDATE", 200)
		near.transfers(t, far, escaped("sip:1002@demo.test", consult.name()))
		_, four := s.talk(p, s.outsideCall(p, "sip:1002@demo.test", message.Header{Name: message.Replaces, Value: consult.name().String()}), b)
		if four.seen.URI != "sip:moved@10.0.0.22:5060" {
			t.Errorf("called at %s", four.seen.URI)
		}
	})
}

// TestWrapUpFollowsACampaignCallWhereItWasTransferredTo, and no other.
func TestWrapUpFollowsACampaignCallWhereItWasTransferredTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		for _, number := range []string{"1001", "1002"} {
			s.do(number, roster.PutSession{Session: presence.Session{ID: "w", Client: "web", State: presence.SessionAlive, Mic: presence.MicGranted, MicProven: true, Since: time.Now()}})
		}
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		far, near := s.talk(p, s.outsideCall(p, called), a)
		near.hold(t, far)
		consult, consulted := s.talk(a, s.agentCall(a, "1001", "sip:1002@demo.test"), b)
		near.transfers(t, far, escaped("sip:1002@demo.test", consult.name()))
		three, four := s.talk(p, s.outsideCall(p, "sip:1002@demo.test", message.Header{Name: message.Replaces, Value: consult.name().String()},
			message.Header{Name: message.CallKind, Value: "campaign"}), b)
		consulted.ends(t, consult)
		near.ends(t, far)
		s.want("transferred", "Available", "On a Call confirmed")
		four.ends(t, three)
		s.want("ended", "Available", "Wrap Up")
	})
}
