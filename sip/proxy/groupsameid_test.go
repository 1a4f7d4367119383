package proxy_test

import (
	"testing"
	"testing/synctest"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// A caller who uses one Call-ID for two calls has two calls: the second neither rings who
// is being offered the first, nor takes the first one's reservation away with it.
func TestTwoCallsOfOneCallIDAreTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := alive(s.phone("1001", "10.0.0.21:5060", false))
		s.group(presence.Group{})
		p := siptest.NewPeer(t, s.net, "10.0.0.9:5061", server)
		first := ring(p, sales, outside)
		ia := a.Expect(siptest.Method("INVITE"))
		a.Respond(ia, 180)
		p.Expect(siptest.Status(180))

		again := siptest.NewPeer(t, s.net, "10.0.0.9:5062", server)
		second := again.Request("INVITE", sales, outside, "").Set(message.CallID, first.CallID()).
			Add(message.Contact, "<"+again.Contact("caller")+">")
		again.Send(second)
		if m := again.Expect(siptest.Final); m.Status != 480 && m.Status != 486 {
			t.Errorf("the second call: %d", m.Status)
		}
		synctest.Wait()
		a.ExpectNone(siptest.Method("INVITE"), 0)
		if snap, _ := s.roster.Snapshot(s.agent("1001")); len(snap.Offers) != 1 {
			t.Errorf("offers after the second call's end: %+v", snap.Offers)
		}
		if m := s.invite("10.0.0.9:5063", sales, outside); m.Status != 480 && m.Status != 486 {
			t.Errorf("a third call, while the first rings: %d", m.Status)
		}
		answers(a, ia)
		sendACK(p, p.Expect(siptest.Status(200)))
		synctest.Wait()
		if snap, _ := s.roster.Snapshot(s.agent("1001")); len(snap.Offers) != 0 {
			t.Errorf("offers after the answer: %+v", snap.Offers)
		}
	})
}
