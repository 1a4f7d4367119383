package proxy_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/proxy"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
)

// instances are what GRUUs stand for, by their whole text.
type instances map[string]registrar.Instance

func (is *instances) Resolve(uri *message.URI) (registrar.Instance, error) {
	in, ok := (*is)[uri.String()]
	switch {
	case !ok:
		return in, registrar.ErrNoGRUU
	case in.AOR == "ended":
		return in, registrar.ErrGRUUEnded
	}
	return in, nil
}

func TestCallsToAGRUUGoToItsPhoneAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const gruu, temporary, ended, absent, unknown = "sip:1001@demo.test;gr=urn:uuid:1", "sip:tgruu.x@demo.test;gr", "sip:tgruu.y@demo.test;gr", "sip:1001@demo.test;gr=urn:uuid:2", "sip:1001@demo.test;gr=urn:uuid:3"
		h := newHouse(t, nil)
		h.do("1001",
			h.registered("a", "sip:1001@10.1.1.1:5060", 300, nil),
			h.registered("b", "sip:1001@10.1.1.2:5060", 1000, nil),
		)
		phone := registrar.Instance{Agent: h.agent("1001"), Ways: []registrar.Binding{{ID: "a", Contact: "sip:1001@10.1.1.1:5060", Transport: "UDP"}}}
		h.instances = instances{gruu: phone, temporary: phone, ended: {AOR: "ended"}, absent: {Agent: h.agent("1001")}}
		for uri, want := range map[string]string{
			gruu: "302 <sip:1001@10.1.1.1:5060>;q=0.3", temporary: "302 <sip:1001@10.1.1.1:5060>;q=0.3",
			ended: "404 ", absent: "480 ", unknown: "404 ",
			called: "302 <sip:1001@10.1.1.2:5060>;q=1.0|<sip:1001@10.1.1.1:5060>;q=0.3",
		} {
			res := h.invite(pbx, uri, outside)
			if got := strings.TrimSpace(string(res.Raw[8:11])) + " " + strings.Join(res.Values(message.Contact), "|"); got != want {
				t.Errorf("INVITE %s: %s, want %s", uri, got, want)
			}
			if res.Status != 302 {
				continue // no agent was asked
			}
			r := lastDecision(t, h)
			if _, same, err := r.Replay(); err != nil || !same || r.ID != res.Get(proxy.DecisionHeader) {
				t.Errorf("INVITE %s: decided again it is the same: %v, %v", uri, same, err)
			}
		}
		p := siptest.NewPeer(t, h.net, pbx, server)
		for uri, want := range map[string]int{gruu: 302, temporary: 302, ended: 404, absent: 480, unknown: 404} {
			res := p.Do(p.Request("OPTIONS", uri, outside, ""))
			if res.Status != want || want == 302 && res.Get(message.Contact) != "<sip:1001@10.1.1.1:5060>" {
				t.Errorf("OPTIONS %s:\n%s", uri, res.Raw)
			}
		}
		p.Close()
		// Who is nobody to us learns nothing.
		stranger := siptest.NewPeer(t, h.net, "10.0.0.77:5060", server)
		if res := stranger.Do(stranger.Request("OPTIONS", gruu, outside, "")); res.Status != 403 || res.Has(message.Contact) {
			t.Errorf("a stranger is told\n%s", res.Raw)
		}
		stranger.Close()
		// What the agent says holds for each of its phones.
		h.do("1001", roster.PutLeg{Leg: presence.Leg{Call: "c", ID: "l", Source: "proxy", State: presence.LegTalking}})
		if res := h.invite(pbx, gruu, outside); res.Status != 486 {
			t.Errorf("on a call: %d", res.Status)
		}
	})
}
