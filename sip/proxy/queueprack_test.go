package proxy_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/siptest"
)

// A caller that requires reliable provisional responses gets his 182 as such, and
// acknowledges it to us; then he waits as anybody does.
func TestQueueIsToldReliably(t *testing.T) {
	for name, stream := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a := s.phone("1001", "10.0.0.21:5060", false)
				s.group(presence.Group{Queue: presence.Queue{Size: 5}})
				s.talks("1001")
				s.proxy.SetPeers(peers.Table{{Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}, Transports: []string{"UDP", "TCP"}, Mode: peers.ModeProxy, Domains: []string{"demo.test"}}})
				p := siptest.NewPeer(t, s.net, "10.0.0.9:5071", server)
				if stream {
					p.Close()
					p = siptest.NewStreamPeer(t, s.net, "10.0.0.9:5071", server)
				}
				ring(p, sales, outside, message.Header{Name: message.Require, Value: "100rel"})
				m := p.Expect(siptest.Status(182))
				seq, _ := m.CSeq()
				p.Send(p.InDialog("PRACK", m).Set(message.CSeq, "2 PRACK").Add("RAck", fmt.Sprintf("%s %d INVITE", m.Get("RSeq"), seq)))
				if res := p.Expect(siptest.Final); res.Status != 200 {
					t.Fatalf("the PRACK got %d", res.Status)
				}
				p.ExpectNone(siptest.Status(182), 50*time.Second)
				p.Timeout = 2 * time.Minute
				if m = p.Expect(siptest.Status(182)); m.Get("RSeq") != "2" {
					t.Errorf("a minute later: RSeq %q", m.Get("RSeq"))
				}
				s.hangsUp("1001")
				answers(a, a.Expect(siptest.Method("INVITE")))
				sendACK(p, p.Expect(siptest.Status(200)))
			})
		})
	}
}
