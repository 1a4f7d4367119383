package proxy_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// TestLostFlowIsFollowedByTheNext is RFC 5626 §5.3: the edge proxy of the newest
// flow has lost it, and the phone is rung by its other.
func TestLostFlowIsFollowedByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		edges := make([]*siptest.Peer, 2)
		for i := range edges {
			p := siptest.NewStreamPeer(t, s.net, fmt.Sprintf("10.0.0.%d:5060", 31+i), server)
			seq := 0
			res := p.DoAuth("1001", "pw", func() *message.Builder {
				seq++
				return p.Request("REGISTER", "sip:demo.test", "sip:1001@demo.test", "sip:1001@demo.test").Set(message.CSeq, fmt.Sprint(seq, " REGISTER")).
					Add(message.Contact, fmt.Sprintf(`<%s>;+sip.instance="<urn:uuid:1>";reg-id=%d`, p.Contact("1001"), i+1)).
					Add(message.Supported, "path, outbound").Add(message.Expires, "600")
			})
			if res.Status != 200 {
				t.Fatalf("registered: %d", res.Status)
			}
			edges[i] = p
			time.Sleep(time.Second) // so that the second is the newest
		}
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside)
		inv := edges[1].Expect(siptest.Method("INVITE"))
		edges[1].Respond(inv, 430)
		answers(edges[0], edges[0].Expect(siptest.Method("INVITE")))
		ok := p.Expect(siptest.Final)
		if ok.Status != 200 {
			t.Errorf("answered %d", ok.Status)
		}
		s.explained(ok.CallID(), "called 0, does not take it, the next is tried 430, called 0, rings 180, answered 200 = 200")

		sendACK(p, ok)
		p.Send(p.InDialog("BYE", ok))
		edges[0].Respond(edges[0].Expect(siptest.Method("BYE")), 200)
		p.Expect(siptest.Final)
		synctest.Wait()
		ring(p, called, outside)
		for i := range edges {
			edges[1-i].Respond(edges[1-i].Expect(siptest.Method("INVITE")), 430)
			if i == 1 {
				break
			}
		}
		if m := p.Expect(siptest.Final); m.Status != 480 {
			t.Errorf("where every flow is lost: %d", m.Status)
		}
	})
}
