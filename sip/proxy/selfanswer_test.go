package proxy_test

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/siptest"
)

// TestNobodyOutsideMakesAPhonePickUp by itself, where its peer may not.
func TestNobodyOutsideMakesAPhonePickUp(t *testing.T) {
	asked := []message.Header{
		{Name: "Alert-Info", Value: "<http://x>;info=alert-autoanswer"}, {Name: "Call-Info", Value: "<sip:x>;answer-after=0"},
		{Name: "Answer-Mode", Value: "Auto"}, {Name: "Priv-Answer-Mode", Value: "Auto;require"},
	}
	other := []message.Header{{Name: "Alert-Info", Value: "<http://x/bell.wav>"}, {Name: "Call-Info", Value: "<http://x/p.jpg>;purpose=icon"}}
	for name, tc := range map[string]struct {
		sent   []message.Header
		may    bool
		passes bool
	}{
		"asked to":          {asked, false, false},
		"asked by who may":  {asked, true, true},
		"a ring and a face": {other, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.proxy.SetPeers(peers.Table{{
					Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}, Mode: peers.ModeProxy, Domains: []string{"demo.test"}, AutoAnswer: tc.may,
				}})
				desk := s.phone("1001", "10.0.0.21:5060", false)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, called, outside, tc.sent...)
				inv := desk.Expect(siptest.Method("INVITE"))
				for _, h := range tc.sent {
					if inv.Has(h.Name) != tc.passes {
						t.Errorf("%s passes: %v", h.Name, inv.Has(h.Name))
					}
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		s.dials(b, "1002", called, asked...)
		if inv := a.Expect(siptest.Method("INVITE")); !inv.Has("Call-Info") {
			t.Error("a colleague's intercom does not pass")
		}
	})
}
