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
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/proxy"
	"lamplight/sip/push"
	"lamplight/sip/siptest"
)

func TestCarriedCallFromPBXToPhones(t *testing.T) {
	for name, tcp := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				desk := s.phone("1001", "10.0.0.21:5060", tcp)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, called, outside, message.Header{Name: message.CallKind, Value: "regular"})
				inv := desk.Expect(siptest.Method("INVITE"))
				if inv.Has(message.CallKind) || len(inv.Values(message.RecordRoute)) != 2 || !strings.HasPrefix(inv.URI, "sip:1001@10.0.0.21:5060") {
					t.Errorf("passed on as\n%s", inv.Raw)
				}
				s.want("before it rings", "Offline")
				desk.Respond(inv, 180)
				p.Expect(siptest.Status(180))
				s.want("ringing", "Offline early")
				answers(desk, inv)
				ok := p.Expect(siptest.Status(200))
				sendACK(p, ok)
				desk.Expect(siptest.Method("ACK"))
				s.want("talking", "On a Call confirmed")
				if res := s.invite("10.0.0.9:5061", called, outside); res.Status != 486 {
					t.Errorf("a second call is answered %d", res.Status)
				}
				// The phone hangs up.
				desk.Send(desk.InDialog("BYE", siptest.WithToTag(inv, ok.Get(message.To))))
				bye := p.Expect(siptest.Method("BYE"))
				p.Respond(bye, 200)
				desk.Expect(siptest.Final)
				s.want("ended", "Offline")
				s.explained(ok.CallID(), "called 0, rings 180, rings 180, answered 200 = 200")
			})
		})
	}
}

func TestColleaguesAreCalledByTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		inv := s.dials(a, "1001", "sip:1002@demo.test")
		got := b.Expect(siptest.Method("INVITE"))
		if got.Has(message.Authorization) || got.Has("P-Asserted-Identity") {
			t.Errorf("passed on with credentials:\n%s", got.Raw)
		}
		s.want("dialling", "On a Call trying", "Offline")
		answers(b, got)
		ok := a.Expect(siptest.Status(200))
		sendACK(a, ok)
		s.want("talking", "On a Call confirmed", "On a Call confirmed")
		// Hold by the caller.
		hold := a.InDialog("INVITE", ok).Add(message.Contact, "<"+a.Contact("1001")+">").
			Body("application/sdp", []byte("v=0\r\no=- 1 2 IN IP4 10.0.0.21\r\ns=-\r\nc=IN IP4 10.0.0.21\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"))
		a.Send(hold.Set(message.CSeq, "20 INVITE"))
		again := b.Expect(siptest.Method("INVITE"))
		b.Respond(again, 200)
		a.Expect(siptest.Status(200))
		s.want("held", "On a Call confirmed held", "On a Call confirmed")
		a.Send(a.InDialog("BYE", ok).Set(message.CSeq, "30 BYE"))
		b.Respond(b.Expect(siptest.Method("BYE")), 200)
		s.want("ended", "Offline", "Offline")
		_ = inv
	})
}

func TestNumbersOutsideGoToTheTrunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		out := siptest.NewPeer(t, s.net, trunk, server)
		s.dials(a, "1001", "sip:+4930123@demo.test", message.Header{Name: "P-Asserted-Identity", Value: "<sip:boss@demo.test>"})
		got := out.Expect(siptest.Method("INVITE"))
		if got.URI != "sip:+4930123@10.0.0.8:5060;user=phone" || got.Get("P-Asserted-Identity") != "<sip:1001@demo.test>" || len(got.Values("P-Asserted-Identity")) != 1 {
			t.Errorf("the trunk was sent\n%s", got.Raw)
		}
		answers(out, got)
		ok := a.Expect(siptest.Status(200))
		s.want("talking outside", "On a Call confirmed")
		s.explained(ok.CallID(), "called 0, rings 180, answered 200 = 200")
		a.Send(a.InDialog("BYE", ok).Set(message.CSeq, "30 BYE"))
		out.Respond(out.Expect(siptest.Method("BYE")), 200)
		s.want("ended", "Offline")
	})
}

func TestOutboundFollowsTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		siptest.NewPeer(t, s.net, trunk, server)
		s.do("1001", roster.PutLeg{Leg: presence.Leg{Call: "c", ID: "l", Source: "publish:x", Direction: presence.Inbound, Kind: presence.CallRegular, State: presence.LegTalking, Since: time.Now()}})
		s.dials(a, "1001", "sip:+4930123@demo.test")
		if m := a.Expect(siptest.Final); m.Status != 403 || !strings.Contains(m.Get(message.Reason), "On a Call") {
			t.Errorf("while talking: %d, %q", m.Status, m.Get(message.Reason))
		} else if s.explained(m.CallID(), " = 403"); !m.Has(proxy.DecisionHeader) {
			t.Errorf("no decision is named\n%s", m.Raw)
		}
		s.dials(a, "1001", "sip:1002@demo.test")
		if m := a.Expect(siptest.Final); m.Status != 403 {
			t.Errorf("a colleague while talking: %d", m.Status)
		} else {
			s.explained(m.CallID(), " = 403")
		}
		s.do("1001", roster.EndLeg{ID: "l"})
		s.proxy.SetPeers(peers.Table{})
		s.dials(a, "1001", "sip:+4930123@demo.test")
		if m := a.Expect(siptest.Final); m.Status != 404 {
			t.Errorf("without a trunk: %d", m.Status)
		} else {
			s.explained(m.CallID(), " = 404")
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		p.Timeout = 2 * time.Minute
		ring(p, called, outside)
		inv := desk.Expect(siptest.Method("INVITE"))
		desk.Respond(inv, 180)
		start := time.Now()
		m := p.Expect(siptest.Final)
		if m.Status != 408 || time.Since(start) > 61*time.Second || m.Get(proxy.DecisionHeader) == "" {
			t.Errorf("%d after %v\n%s", m.Status, time.Since(start), m.Raw)
		}
		desk.Expect(siptest.Method("CANCEL"))
		s.want("after it", "Offline")
		s.explained(m.CallID(), "called 0, rings 180, failed 408 = 408")
	})
}

func TestRefusedAsRedirected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		res := s.invite(pbx, called, outside)
		if res.Status != 480 || !strings.Contains(res.Get(message.Reason), "Offline, no device reachable") || res.Get(proxy.DecisionHeader) == "" {
			t.Errorf("without devices: %d\n%s", res.Status, res.Raw)
		}
		s.phone("1001", "10.0.0.21:5060", false)
		s.do("1001", roster.Select{Status: presence.SelectDND})
		if res := s.invite(pbx, called, outside); res.Status != 480 || !strings.Contains(res.Get(message.Reason), "Do Not Disturb") {
			t.Errorf("DND: %d %s", res.Status, res.Get(message.Reason))
		}
		if res := s.invite("10.0.0.77:5060", called, "sip:x@y.test"); res.Status != 403 {
			t.Errorf("a stranger: %d", res.Status)
		}
	})
}

func TestCallsOutliveACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside, message.Header{Name: message.CallKind, Value: "regular"})
		answers(desk, desk.Expect(siptest.Method("INVITE")))
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		desk.Expect(siptest.Method("ACK"))
		s.want("talking", "On a Call confirmed")
		s.restart()
		s.want("after the restart", "On a Call confirmed")
		p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
		desk.Respond(desk.Expect(siptest.Method("BYE")), 200)
		if m := p.Expect(func(m *message.Message) bool { _, method := m.CSeq(); return method == "BYE" }); m.Status != 200 {
			t.Errorf("BYE answered %d", m.Status)
		}
		s.want("ended", "Offline")
	})
}

func TestFallbackTakesWhatNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		dom, _ := s.dir.Domain(s.domain)
		next := *dom
		next.Policy.Fallback = "sip:voicemail@10.0.0.7:5060"
		if err := s.dir.Apply(context.Background(), directory.Edit{Domains: []presence.Domain{next}}); err != nil {
			t.Fatal(err)
		}
		desk := s.phone("1001", "10.0.0.21:5060", false)
		mail := siptest.NewPeer(t, s.net, "10.0.0.7:5060", server)
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside)
		inv := desk.Expect(siptest.Method("INVITE"))
		desk.Respond(inv, 180)
		s.want("ringing", "Offline early")
		desk.Respond(inv, 486)
		got := mail.Expect(siptest.Method("INVITE"))
		if got.URI != "sip:voicemail@10.0.0.7:5060" {
			t.Errorf("the fallback was called as %s", got.URI)
		}
		answers(mail, got)
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		s.want("talking to the voicemail", "Offline")
		p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
		mail.Respond(mail.Expect(siptest.Method("BYE")), 200)
	})
}

func TestMobileThatWakesRingsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		w := &waker{}
		s.proxy.SetWaker(w)
		s.mobile("1001")
		app := siptest.NewStreamPeer(t, s.net, "10.0.0.23:5060", server)
		contact := func(p *siptest.Peer) string {
			return "<sip:1001@" + p.Addr().String() + ";transport=tcp;pn-provider=fcm;pn-prid=token;pn-param=project>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\""
		}
		register := func(p *siptest.Peer) {
			m := p.DoAuth("1001-mobile", "pw", func() *message.Builder {
				return p.Request("REGISTER", "sip:demo.test", "sip:1001@demo.test", "sip:1001@demo.test").Add(message.Contact, contact(p)).Add(message.Expires, "600")
			})
			if m.Status != 200 {
				t.Fatalf("registered: %d", m.Status)
			}
		}
		register(app)
		app.Close() // asleep
		synctest.Wait()
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside)
		p.ExpectNone(siptest.Final, 3*time.Second)
		app = siptest.NewStreamPeer(t, s.net, "10.0.0.23:5061", server)
		register(app)
		id := ""
		synctest.Wait()
		snap, _ := s.roster.Snapshot(s.agent("1001"))
		for _, d := range snap.Devices {
			if d.Reachable {
				id = d.ID
			}
		}
		w.on(push.Event{Asked: id, Binding: id, Woken: true, After: 3 * time.Second, Last: true})
		inv := app.Expect(siptest.Method("INVITE"))
		answers(app, inv)
		ok := p.Expect(siptest.Status(200))
		s.want("talking", "On a Call confirmed")
		s.explained(ok.CallID(), "woken by push after 3.0 s 0, called 0, rings 180, answered 200 = 200")
	})
}

func TestWhatIsDemandedOfThePhoneIsNotOurMatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside, message.Header{Name: message.Require, Value: "100rel, replaces"})
		inv := desk.Expect(siptest.Method("INVITE"))
		if inv.Get(message.Require) != "100rel, replaces" {
			t.Errorf("passed on as\n%s", inv.Raw)
		}
		desk.Respond(inv, 486)
		p.Expect(siptest.Status(486))
		ring(p, called, outside, message.Header{Name: message.ProxyRequire, Value: "sec-agree"})
		if m := p.Expect(siptest.Final); m.Status != 420 || m.Get(message.Unsupported) != "sec-agree" {
			t.Errorf("demanded of the proxy: %d\n%s", m.Status, m.Raw)
		}
	})
}
