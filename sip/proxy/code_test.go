package proxy_test

import (
	"context"
	"testing"
	"testing/synctest"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/siptest"
)

// coded gives the domain a feature code.
func (h *house) coded() {
	h.t.Helper()
	dom, _ := h.dir.Domain(h.domain)
	next := *dom
	next.Policy.Codes.List = []presence.FeatureCode{{Code: "*78", Does: presence.FeatureDNDOn}}
	synctest.Wait()
	if err := h.dir.Apply(context.Background(), directory.Edit{Domains: []presence.Domain{next}}); err != nil {
		h.t.Fatal(err)
	}
}

// TestFeatureCodeIsForTheDeviceThatDialsIt: of a peer, which may say anything
// about its callers, the phone is asked who it is.
func TestFeatureCodeIsForTheDeviceThatDialsIt(t *testing.T) {
	for name, addr := range map[string]string{"a phone": "10.0.1.2:5060", "a phone behind a PBX": pbx} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, nil)
				h.coded()
				p := siptest.NewPeer(t, h.net, addr, server)
				const code, own = "sip:*78@demo.test", "sip:1002@demo.test"
				res := call(p, code, own)
				if res.Status != 401 {
					t.Fatalf("%d, want a challenge", res.Status)
				}
				auth, value := p.Authorize(res, "INVITE", code, "1002", "pw")
				if res = call(p, code, own, message.Header{Name: auth, Value: value}); res.Status != 200 {
					t.Fatalf("%s", res.Raw)
				}
				p.Respond(p.Expect(siptest.Method("BYE")), 200)
				for number, want := range map[string]presence.Status{"1001": presence.StatusAvailable, "1002": presence.StatusDND} {
					if s, _ := h.roster.Snapshot(h.agent(number)); s.Chosen.Status != want {
						t.Errorf("%s has selected %s", number, s.Chosen.Status)
					}
				}
			})
		})
	}
}

func TestCodesOfOtherDomainsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(p *peers.Peer) { p.Domains = nil })
		h.coded()
		p := siptest.NewPeer(t, h.net, pbx, server)
		const code, other = "sip:*78@demo.test", "sip:1002@other.test"
		res := call(p, code, other)
		auth, value := p.Authorize(res, "INVITE", code, "1002", "pw")
		if res = call(p, code, other, message.Header{Name: auth, Value: value}); res.Status != 403 {
			t.Errorf("%d, want 403", res.Status)
		}
		if res = h.invite("10.0.1.3:5060", code, "sip:1002@elsewhere.test"); res.Status != 403 {
			t.Errorf("a stranger: %d", res.Status)
		}
	})
}
