package proxy_test

import (
	"testing"
	"testing/synctest"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// TestGroupsCallIsPickedUp while it is offered to one member, by another.
func TestGroupsCallIsPickedUp(t *testing.T) {
	for name, dial := range map[string]func(*switchboard, *siptest.Peer){
		"by the member's number": func(s *switchboard, b *siptest.Peer) { s.dials(b, "1002", "sip:**1001@demo.test") },
		"by the group's number":  func(s *switchboard, b *siptest.Peer) { s.dials(b, "1002", "sip:**600@demo.test") },
		"by the team's code":     func(s *switchboard, b *siptest.Peer) { s.dials(b, "1002", "sip:*8@demo.test") },
		"by the member's lamp": func(s *switchboard, b *siptest.Peer) {
			s.dials(b, "1002", "sip:1001@demo.test", s.lamp("1001"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.teamed(nil)
				s.group(presence.Group{Strategy: presence.Sequential})
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, sales, outside)
				inv := a.Expect(siptest.Method("INVITE"))
				a.Respond(inv, 180)
				s.want("offered", "Offline early", "Offline")
				dial(s, b)
				codeCall(t, b)
				answers(b, b.Expect(siptest.Method("INVITE")))
				takenBack(t, a, inv)
				ok := p.Expect(siptest.Status(200))
				sendACK(p, ok)
				s.want("picked up", "Offline", "On a Call confirmed")
				p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
				b.Respond(b.Expect(siptest.Method("BYE")), 200)
				s.want("ended", "Offline", "Offline")
				s.free("ended")
			})
		})
	}
}

// TestGroupsNumberRingsNowhere is said so.
func TestGroupsNumberRingsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.teamed(nil)
		s.group(presence.Group{})
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside) // an agent's own call is not the group's
		a.Respond(a.Expect(siptest.Method("INVITE")), 180)
		p.Expect(siptest.Status(180))
		synctest.Wait()
		s.dials(b, "1002", "sip:**600@demo.test")
		if m := b.Expect(siptest.Final); m.Status != 480 {
			t.Errorf("answered %d", m.Status)
		}
	})
}

// TestPickupWhereCodesAreRefused says what happens in the refusal, and where there
// is nothing that could be answered without media.
func TestPickupWhereCodesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		refuse bool
		sdp    string
	}{
		"by the domain's choice":    {true, "v=0\r\no=- 1 1 IN IP4 10.0.0.22\r\ns=-\r\nc=IN IP4 10.0.0.22\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"},
		"media that cannot be read": {false, "v=0\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.teamed(func(p *presence.Policy) { p.Codes.Refuse = tc.refuse })
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, called, outside)
				a.Respond(a.Expect(siptest.Method("INVITE")), 180)
				p.Expect(siptest.Status(180))
				synctest.Wait()
				const code = "sip:**1001@demo.test"
				invite := func() *message.Builder {
					return b.Request("INVITE", code, "sip:1002@demo.test", "").Add(message.Contact, "<"+b.Contact("x")+">").Body("application/sdp", []byte(tc.sdp))
				}
				b.Send(invite())
				name, value := b.Authorize(b.Expect(siptest.Status(401)), "INVITE", code, "1002", "pw")
				b.Send(invite().Add(name, value))
				m := b.Expect(siptest.Final)
				if m.Status != 480 || m.Get(message.Reason) != `SIP;cause=480;text="This phone rings with the call"` {
					t.Errorf("answered %d, %s", m.Status, m.Get(message.Reason))
				}
				answers(b, b.Expect(siptest.Method("INVITE")))
				p.Expect(siptest.Status(200))
				s.want("picked up", "Offline", "On a Call confirmed")
			})
		})
	}
}
