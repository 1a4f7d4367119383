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
