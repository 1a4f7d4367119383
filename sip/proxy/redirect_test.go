package proxy_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/proxy"
	"lamplight/sip/siptest"
	"lamplight/store"
)

const called, outside = "sip:1001@demo.test", "sip:+4930123@carrier.test"

func TestRedirectsByQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		h.do("1001",
			h.registered("a", "sip:1001@10.1.1.1:5060", 300, nil),
			h.registered("b", "sip:1001@10.1.1.2:5060;transport=tcp", 1000, nil),
			h.registered("c", "sip:x@abc.invalid;transport=ws", 500, func(r *presence.Registration) { r.FlowOnly = true }),
		)
		for _, uri := range []string{called, "sip:alias-1001@demo.test", "sip:%31001@Demo.Test:5060;user=phone", "sip:1001@10.0.0.1"} {
			res := h.invite(pbx, uri, outside)
			if res.Status != 302 {
				t.Fatalf("%s: %d %s\n%s", uri, res.Status, res.Phrase, res.Raw)
			}
			want := "<sip:1001@10.1.1.2:5060;transport=tcp>;q=1.0|<sip:1001@10.1.1.1:5060>;q=0.3"
			if got := strings.Join(res.Values(message.Contact), "|"); got != want {
				t.Errorf("%s: contacts %s, want %s", uri, got, want)
			}
			if w := res.Get("Warning"); !strings.Contains(w, "399 demo.test") || !strings.Contains(w, "desk c:") {
				t.Errorf("%s: Warning %q does not say what was left out", uri, w)
			}
			if res.Get(proxy.DecisionHeader) == "" || res.ToTag() == "" {
				t.Errorf("%s: no decision or tag:\n%s", uri, res.Raw)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	leg := func(state presence.LegState) roster.Op {
		return roster.PutLeg{Leg: presence.Leg{Call: "c", ID: "l", Source: "proxy", Direction: presence.Outbound, Kind: presence.CallRegular, State: state, Since: time.Now()}}
	}
	for name, tc := range map[string]struct {
		ops    []roster.Op
		kind   string
		status int
		reason string
	}{
		"on a call":           {ops: []roster.Op{leg(presence.LegTalking)}, status: 486, reason: `SIP;cause=486;text="On a Call"`},
		"do not disturb":      {ops: []roster.Op{roster.Select{Status: presence.SelectDND}}, status: 480, reason: `SIP;cause=480;text="Do Not Disturb"`},
		"campaign, no page":   {kind: "campaign", status: 480, reason: `SIP;cause=480;text=`},
		"campaign in capital": {kind: "CAMPAIGN", status: 480, reason: `SIP;cause=480;text=`},
		"unknown kind":        {kind: "telepathy", status: 302},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, nil)
				h.do("1001", append(tc.ops, h.registered("a", "sip:1001@10.1.1.1", 1000, nil))...)
				var hs []message.Header
				if tc.kind != "" {
					hs = append(hs, message.Header{Name: message.CallKind, Value: tc.kind})
				}
				res := h.invite(pbx, called, outside, hs...)
				if res.Status != tc.status || !strings.HasPrefix(res.Get(message.Reason), tc.reason) {
					t.Fatalf("%d, Reason %q; want %d, %q", res.Status, res.Get(message.Reason), tc.status, tc.reason)
				}
			})
		})
	}
}

func TestExtensionsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		for _, name := range []message.Name{message.Require, message.ProxyRequire} {
			res := h.invite(pbx, called, outside, message.Header{Name: name, Value: "100rel, sec-agree"})
			if got := res.Get(message.Unsupported); res.Status != 420 || got != "100rel, sec-agree" {
				t.Errorf("%s: %d, Unsupported %q", name, res.Status, got)
			}
		}
	})
}

func TestNobodyReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		res := h.invite(pbx, called, outside)
		if res.Status != 480 || !strings.Contains(res.Get(message.Reason), "cause=480") {
			t.Fatalf("%s", res.Raw)
		}
	})
}

func TestNumbersNeedATrunk(t *testing.T) {
	for name, tc := range map[string]struct {
		trunk  string
		status int
		want   string
	}{
		"with":    {"pbx.test:5080", 302, "<sip:+49301234@pbx.test:5080;user=phone>;q=1.0"},
		"without": {"", 480, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, func(p *peers.Peer) { p.Trunk = tc.trunk })
				h.do("1001", roster.SetOptions{Options: presence.Options{Numbers: []presence.Number{{ID: presence.DeviceID{ID: presence.NewID()}, Number: "+49301234", Enabled: true}}}})
				res := h.invite(pbx, called, outside)
				if res.Status != tc.status || res.Get(message.Contact) != tc.want {
					t.Fatalf("%d, Contact %q; want %d, %q\n%s", res.Status, res.Get(message.Contact), tc.status, tc.want, res.Raw)
				}
				if tc.trunk == "" && !strings.Contains(res.Get("Warning"), "no trunk") {
					t.Errorf("Warning %q", res.Get("Warning"))
				}
			})
		})
	}
}

// A fallback that is a number goes to the trunk too; one with a URI goes there.
func TestFallback(t *testing.T) {
	for name, tc := range map[string]struct{ fallback, want string }{
		"number": {"1999", "<sip:1999@pbx.test;user=phone>;q=1.0"},
		"URI":    {"sip:voicemail@demo.test", "<sip:voicemail@demo.test>;q=1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, func(p *peers.Peer) { p.Trunk = "pbx.test" })
				dom, _ := h.dir.Domain(h.domain)
				edited := *dom
				edited.Policy.Fallback = tc.fallback
				if err := h.dir.Apply(context.Background(), directory.Edit{Domains: []presence.Domain{edited}}); err != nil {
					t.Fatal(err)
				}
				if res := h.invite(pbx, called, outside); res.Status != 302 || res.Get(message.Contact) != tc.want {
					t.Errorf("%d, Contact %q; want 302, %q", res.Status, res.Get(message.Contact), tc.want)
				}
			})
		})
	}
}

func TestWhoMayAsk(t *testing.T) {
	const nobody = "sip:9999@demo.test"
	for name, tc := range map[string]struct {
		edit       func(*peers.Peer)
		addr       string
		uri, from  string
		status     int
		challenged bool
	}{
		"stranger":                                 {addr: "10.6.6.6:5060", uri: called, from: outside, status: 403},
		"stranger asks for nobody":                 {addr: "10.6.6.6:5060", uri: nobody, from: outside, status: 403},
		"stranger in our name":                     {addr: "10.6.6.6:5060", uri: nobody, from: "sip:1002@demo.test", status: 401, challenged: true},
		"peer that is not redirected":              {edit: func(p *peers.Peer) { p.Mode = peers.ModeNone }, addr: pbx, uri: called, from: outside, status: 403},
		"peer asks for nobody":                     {addr: pbx, uri: nobody, from: outside, status: 404},
		"peer asks for another's domain":           {addr: pbx, uri: "sip:1001@other.test", from: outside, status: 403},
		"peer, unknown domain, several of its own": {edit: func(p *peers.Peer) { p.Domains = nil }, addr: pbx, uri: "sip:1001@10.0.0.1", from: outside, status: 403},
		"peer by telephone number":                 {addr: pbx, uri: "tel:+4930", from: outside, status: 416},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, tc.edit)
				h.do("1001", h.registered("a", "sip:1001@10.1.1.1", 1000, nil))
				res := h.invite(tc.addr, tc.uri, tc.from)
				if res.Status != tc.status || res.Has(message.WWWAuthenticate) != tc.challenged {
					t.Fatalf("%d, challenged %v; want %d, %v\n%s", res.Status, res.Has(message.WWWAuthenticate), tc.status, tc.challenged, res.Raw)
				}
				if res.Has(message.Contact) || res.Has(message.Reason) {
					t.Errorf("says more than it may:\n%s", res.Raw)
				}
			})
		})
	}
}

func TestOwnDeviceAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		h.do("1001", h.registered("a", "sip:1001@10.1.1.1", 1000, nil))
		p := siptest.NewPeer(t, h.net, "10.0.1.2:5060", server)
		const own = "sip:1002@demo.test"
		ask := func(uri string, headers ...message.Header) *message.Message {
			res := call(p, uri, own)
			if res.Status != 401 {
				t.Fatalf("%d, want a challenge", res.Status)
			}
			name, value := p.Authorize(res, "INVITE", uri, "1002", "pw")
			return call(p, uri, own, append(headers, message.Header{Name: name, Value: value})...)
		}
		// Its word on the kind of call counts for nothing.
		res := ask(called, message.Header{Name: message.CallKind, Value: "campaign"})
		if res.Status != 302 || res.Get(message.Contact) != "<sip:1001@10.1.1.1>;q=1.0" {
			t.Fatalf("%s", res.Raw)
		}
		if out := lastDecision(t, h); out.ID != res.Get(proxy.DecisionHeader) {
			t.Errorf("stored decision %s, answered %s", out.ID, res.Get(proxy.DecisionHeader))
		}
		if in := lastDecision(t, h); in.Call.Kind != presence.CallInternal || in.Call.Caller != own {
			t.Errorf("call %+v", in.Call)
		}
		if res = ask("sip:9999@demo.test"); res.Status != 404 {
			t.Errorf("nobody: %d", res.Status)
		}
		if res = ask("sip:1001@other.test"); res.Status != 403 {
			t.Errorf("another domain: %d", res.Status)
		}
	})
}

func lastDecision(t *testing.T, h *house) routing.Record {
	t.Helper()
	synctest.Wait()
	es, err := h.store.Log(context.Background(), store.LogQuery{Kind: "decision", Newest: true, Limit: 1})
	if err != nil || len(es) != 1 {
		t.Fatalf("log: %v, %d entries", err, len(es))
	}
	r, err := routing.ReadRecord(es[0].Before, es[0].After)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A stored decision, made again from its stored inputs, is the same.
func TestDecisionReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		h.do("1001", h.registered("a", "sip:1001@10.1.1.1", 1000, nil), h.registered("b", "sip:1001@10.1.1.2", 10, func(r *presence.Registration) { r.Alive = false }))
		res := h.invite(pbx, called, outside)
		out := lastDecision(t, h)
		if out.Status != res.Status || out.ID != res.Get(proxy.DecisionHeader) || len(out.Contacts) != 1 {
			t.Errorf("stored %+v, answered\n%s", out, res.Raw)
		}
		if again, same, err := out.Replay(); err != nil || !same {
			t.Errorf("%v, made again %+v\nstored %+v", err, again, out.Decision)
		}
		if out.Call.ID != res.CallID() {
			t.Errorf("call %+v", out.Call)
		}
	})
}

// The answer does not wait for the log, nor depend on it.
func TestLogFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		h.do("1001", h.registered("a", "sip:1001@10.1.1.1", 1000, nil))
		h.store.Fail(store.ErrFull)
		if res := h.invite(pbx, called, outside); res.Status != 302 {
			t.Fatalf("%s", res.Raw)
		}
	})
}

func TestInDialogInvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		p := siptest.NewPeer(t, h.net, pbx, server)
		b := p.Request("INVITE", called, outside, "").Set(message.To, "<"+called+">;tag=gone")
		if res := p.Do(b); res.Status != 481 {
			t.Fatalf("%s", res.Raw)
		}
	})
}
