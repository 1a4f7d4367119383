package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// writes sends a MESSAGE of a device, answering the challenge.
func (s *switchboard) writes(p *siptest.Peer, number, uri, body string) {
	s.t.Helper()
	from := "sip:" + number + "@demo.test"
	build := func() *message.Builder {
		return p.Request("MESSAGE", uri, from, "").Body("text/plain", []byte(body))
	}
	p.Send(build())
	no := p.Expect(siptest.Final)
	if no.Status != 401 {
		s.t.Fatalf("answered %d without credentials", no.Status)
	}
	name, value := p.Authorize(no, "MESSAGE", uri, number, "pw")
	p.Send(build().Add(name, value))
}

func TestMessageGoesToEveryPhoneThatIsThere(t *testing.T) {
	for name, tc := range map[string]struct {
		desk, mobile int // what the phones answer; 0: nothing
		want         int
	}{
		"the first that takes it is enough": {415, 202, 202},
		"at once":                           {200, 0, 200},
		"best refusal":                      {486, 415, 415},
		"one says nothing":                  {0, 415, 415},
		"what we cannot reach is no matter": {503, 503, 480},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.mobile("1001")
				s.do("1001", roster.Select{Status: presence.SelectDND}) // nothing rings
				desk, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
				mobile := siptest.NewPeer(t, s.net, "10.0.0.29:5060", server)
				if res := mobile.Register(called, "1001-mobile", "pw", 600); res.Status != 200 {
					t.Fatalf("the mobile registers: %d", res.Status)
				}
				s.writes(b, "1002", called, "Kaffee?")
				for p, status := range map[*siptest.Peer]int{desk: tc.desk, mobile: tc.mobile} {
					m := p.Expect(siptest.Method("MESSAGE"))
					if string(m.Body) != "Kaffee?" || m.Get(message.ContentType) != "text/plain" || m.Has(message.Authorization) || m.Has(message.RecordRoute) || len(m.Values(message.Via)) != 2 {
						t.Errorf("passed on as\n%s", m.Raw)
					}
					if status > 0 {
						p.Respond(m, status)
					}
				}
				b.Timeout = time.Minute
				if m := b.Expect(siptest.Final); m.Status != tc.want {
					t.Errorf("answered %d, want %d", m.Status, tc.want)
				}
				b.ExpectNone(siptest.Final, 40*time.Second)
			})
		})
	}
}

// TestMessageThatNobodyAnswers is not answered by us either (RFC 4320 §4.2).
func TestMessageThatNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		s.writes(b, "1002", called, "hello")
		desk.Expect(siptest.Method("MESSAGE"))
		b.ExpectNone(siptest.Final, 2*time.Minute)
	})
}

func TestMessageIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		uri, body string
		there     bool
		status    int
	}{
		"no phone":            {uri: called, status: 480},
		"no such agent":       {uri: "sip:1999@demo.test", status: 404},
		"a number":            {uri: "sip:+4930123@demo.test", status: 404},
		"another domain":      {uri: "sip:1001@other.test", status: 403},
		"too long":            {uri: called, there: true, body: strings.Repeat("x", 17<<10), status: 513},
		"too long for packet": {uri: called, there: true, body: strings.Repeat("x", 1300), status: 513},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				b := s.phone("1002", "10.0.0.22:5060", true)
				if tc.there {
					s.phone("1001", "10.0.0.21:5060", false)
				}
				s.writes(b, "1002", tc.uri, tc.body)
				if m := b.Expect(siptest.Final); m.Status != tc.status {
					t.Errorf("answered %d, want %d", m.Status, tc.status)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		p := siptest.NewPeer(t, s.net, "10.0.0.77:5060", server)
		if m := p.Do(p.Request("MESSAGE", called, "sip:x@elsewhere.test", "")); m.Status != 403 {
			t.Errorf("a stranger: %d", m.Status)
		}
	})
}

// TestLongMessageGoesOverAStream: the size is a matter of datagrams.
func TestLongMessageGoesOverAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk, b := s.phone("1001", "10.0.0.21:5060", true), s.phone("1002", "10.0.0.22:5060", true)
		s.writes(b, "1002", called, strings.Repeat("x", 5000))
		desk.Respond(desk.Expect(siptest.Method("MESSAGE")), 200)
		if m := b.Expect(siptest.Final); m.Status != 200 {
			t.Errorf("answered %d", m.Status)
		}
	})
}

// TestOptionsOfAPeerAreAnsweredAsItsCall would be (RFC 3261 §11.2).
func TestOptionsOfAPeerAreAnsweredAsItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		p := siptest.NewPeer(t, s.net, pbx, server)
		other := siptest.NewPeer(t, s.net, "10.0.0.77:5060", server)
		ask := func(p *siptest.Peer, uri string) int { return p.Do(p.Request("OPTIONS", uri, outside, "")).Status }
		want := func(when string, status int) {
			t.Helper()
			synctest.Wait()
			if got := ask(p, called); got != status {
				t.Errorf("%s: %d, want %d", when, got, status)
			}
			if got := ask(other, called); got != 200 {
				t.Errorf("%s: somebody else is told %d", when, got)
			}
		}
		want("without a phone", 480)
		s.phone("1001", "10.0.0.21:5060", false)
		want("with one", 200)
		s.do("1001", roster.PutLeg{Leg: presence.Leg{Call: "c", ID: "l", Source: "publish:x", Direction: presence.Inbound, Kind: presence.CallRegular, State: presence.LegTalking, Since: time.Now()}})
		want("on a call", 486)
		for _, uri := range []string{"sip:demo.test", "sip:10.0.0.1:5060", "sip:ping@10.0.0.1:5060"} {
			if got := ask(p, uri); got != 200 {
				t.Errorf("%s: %d", uri, got)
			}
		}
	})
}

// TestRequestsOfADialogPass in both directions, while it rings and while they talk,
// and change nothing of who is on a call.
func TestRequestsOfADialogPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside, message.Header{Name: message.Supported, Value: "100rel"})
		inv := desk.Expect(siptest.Method("INVITE"))
		desk.Respond(inv, 183, message.Header{Name: message.Require, Value: "100rel"}, message.Header{Name: "RSeq", Value: "1"},
			message.Header{Name: message.Contact, Value: "<" + desk.Contact("phone") + ">"})
		early := p.Expect(siptest.Status(183))
		if early.Get("RSeq") != "1" || early.Get(message.Require) != "100rel" {
			t.Errorf("the reliable response came as\n%s", early.Raw)
		}
		far, near := &dialog{p: p, seen: early}, &dialog{p: desk, seen: siptest.WithToTag(inv, early.Get(message.To))}
		check := func(when string, from, to *dialog, method string, status int) {
			t.Helper()
			from.send(method, message.Header{Name: "RAck", Value: "1 4 INVITE"}, message.Header{Name: "X-Own", Value: "kept"})
			if m := to.takes(method, status); m.Get("X-Own") != "kept" || m.Get("RAck") != "1 4 INVITE" || m.Has(message.Route) {
				t.Errorf("%s: %s passed on as\n%s", when, method, m.Raw)
			}
			from.gets(t, method, status)
		}
		check("early", far, near, "PRACK", 200)
		check("early", far, near, "UPDATE", 481) // of one phone of several
		check("early", near, far, "UPDATE", 200)
		s.want("ringing", "Offline early")
		desk.Respond(inv, 200, message.Header{Name: message.Contact, Value: "<" + desk.Contact("phone") + ">"})
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		desk.Expect(siptest.Method("ACK"))
		far.seen = ok
		for _, method := range []string{"INFO", "UPDATE", "MESSAGE", "REFER", "NOTIFY", "OPTIONS"} {
			for status, from := range map[int]*dialog{200: far, 202: near} {
				to := near
				if from == near {
					to = far
				}
				check(fmt.Sprint("talking ", status), from, to, method, status)
			}
		}
		s.want("talking", "On a Call confirmed")
		far.ends(t, near)
		s.want("ended", "Offline")
	})
}

// TestByeOfAnotherForkIsNotTheCalls: a phone behind the same branch answered too,
// and is sent away by the caller.
func TestByeOfAnotherForkIsNotTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		far, near := s.talk(p, s.outsideCall(p, called), desk)
		stray := *far
		m := *far.seen
		m.Headers = append([]message.Header(nil), far.seen.Headers...)
		for i := range m.Headers {
			if m.Headers[i].Name == message.To {
				m.Headers[i].Value = strings.Split(m.Headers[i].Value, ";tag=")[0] + ";tag=other"
			}
		}
		stray.seen = &m
		stray.send("BYE")
		desk.Respond(desk.Expect(siptest.Method("BYE")), 481)
		p.Expect(siptest.Status(481))
		s.want("talking on", "On a Call confirmed")
		far.seq++
		far.ends(t, near)
		s.want("ended", "Offline")
	})
}
