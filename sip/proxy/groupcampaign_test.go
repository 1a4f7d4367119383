package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// A campaign's call rings the webphone and no other phone; after the talk the agent
// has the group's own wrap-up, in which he is asked by nobody.
func TestCampaignGroupRingsWebphonesAndWrapsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk, other := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		page := s.webphone()
		s.group(presence.Group{Kind: presence.CallCampaign, Strategy: presence.LongestIdle, WrapUp: 20 * time.Second})
		p := siptest.NewPeer(t, s.net, pbx, server)
		take := func() *message.Message {
			t.Helper()
			ring(p, sales, outside)
			check(t, "at the page", page.said(), "incoming")
			page.last().Ring()
			p.Expect(siptest.Status(180))
			page.last().Answer([]byte("v=0\r\n"))
			ok := p.Expect(siptest.Status(200))
			sendACK(p, ok)
			s.want("talking", "On a Call confirmed", "Offline")
			return ok
		}
		ok := take()
		p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
		p.Expect(siptest.Final)
		if got := s.status("1001"); got != "Wrap Up" {
			t.Errorf("after the talk: %q", got)
		}
		page.said()
		call := ring(p, sales, outside)
		m := p.Expect(siptest.Final)
		if m.Status != 480 && m.Status != 486 {
			t.Errorf("in the wrap-up: %d", m.Status)
		}
		ack(p, call, m)
		check(t, "in the wrap-up", page.said(), "")
		time.Sleep(21 * time.Second)
		s.want("after the wrap-up", "Available", "Offline")
		take()
		desk.ExpectNone(siptest.Method("INVITE"), 0)
		other.ExpectNone(siptest.Method("INVITE"), 0)
	})
}
