package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"

	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/resolve"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	siptrunk "lamplight/sip/trunk"
)

func (s *switchboard) openTrunks(tp *transport.Layer, tx *transaction.Layer) {
	if s.trunks == nil {
		return
	}
	var err error
	if s.hops, err = siptrunk.Open(siptrunk.Options{Transactions: tx, Flows: tp, Finder: &resolve.Locator{}}, s.trunks); err != nil {
		s.t.Fatal(err)
	}
	s.proxy.SetPeers(peers.Table{})
	s.proxy.SetTrunks(s.hops)
}

// within is the way of a request within a call that goes to a trunk.
func (s *switchboard) within(m *message.Message, to *transport.Flow) (fork.Way, bool) {
	if s.hops == nil || !s.track.Within(m) {
		return fork.Way{}, false
	}
	return s.hops.Within(to, m.Method)
}

func (s *switchboard) closeTrunks() {
	if s.hops != nil {
		s.hops.Close()
	}
}

// newTrunkBoard is a switchboard with a trunk of two hops, 10.0.0.41 and .42.
func newTrunkBoard(t *testing.T, by string) (s *switchboard, hops [2]*siptest.Peer) {
	t.Helper()
	s = newSwitchboard(t)
	c := siptrunk.Trunk{Name: "carrier", Host: "carrier.test", User: "lamp", Password: "secret", Every: -1}
	for i := range hops {
		c.Servers = append(c.Servers, resolve.Server{Transport: by, Host: fmt.Sprintf("10.0.0.%d", 41+i)})
	}
	s.trunks = []siptrunk.Trunk{c}
	s.restart()
	for i := range hops {
		hops[i] = siptest.NewPeer(t, s.net, fmt.Sprintf("10.0.0.%d:5060", 41+i), server)
	}
	return s, hops
}

// gate challenges by 407 until it is told the password with this nonce.
type gate struct {
	t     *testing.T
	nonce string
	stale bool
	last  int // nc
}

func (g *gate) passes(m *message.Message) (header message.Header, ok bool) {
	c, err := digest.ParseCredentials(m.Get(message.ProxyAuthorization))
	if err == nil && c.Nonce == g.nonce {
		want, err := digest.Digest(&digest.Challenge{Realm: "carrier", Nonce: g.nonce, Algorithm: "SHA-256", QOP: []string{"auth"}},
			digest.Options{Method: m.Method, URI: m.URI, Count: c.Nc, Username: "lamp", Password: "secret", Cnonce: c.Cnonce})
		if err != nil || want.Response != c.Response || c.Nc <= g.last {
			g.t.Errorf("wrong credentials, or a count again: %s", m.Get(message.ProxyAuthorization))
		}
		g.last = c.Nc
		return message.Header{}, true
	}
	v := fmt.Sprintf(`Digest realm="carrier", nonce=%q, algorithm=SHA-256, qop="auth"`, g.nonce)
	if g.stale && err == nil {
		v += ", stale=true"
	}
	g.last = 0
	return message.Header{Name: message.ProxyAuthenticate, Value: v}, false
}

// TestTrunkThatAsksWhoWeAre: the caller never hears of the challenge; each side's
// numbers stay its own to the end.
func TestTrunkThatAsksWhoWeAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hops := newTrunkBoard(t, "UDP")
		a, out := s.phone("1001", "10.0.0.21:5060", false), hops[0]
		g := &gate{t: t, nonce: "one"}
		call := func(challenges int, tries string) {
			t.Helper()
			s.dials(a, "1001", "sip:+4930123@demo.test")
			inv := out.Expect(siptest.Method("INVITE"))
			for range challenges {
				h, ok := g.passes(inv)
				if ok {
					t.Fatal("passed without a challenge")
				}
				out.Respond(inv, 407, h)
				inv = out.Expect(siptest.Method("INVITE"))
			}
			if _, ok := g.passes(inv); !ok || inv.URI != "sip:+4930123@carrier.test;user=phone" {
				t.Fatalf("sent\n%s", inv.Raw)
			}
			if auth := inv.Get(message.Authorization); auth != "" {
				t.Errorf("the phone's own credentials went out: %s", auth)
			}
			answers(out, inv)
			ok := a.Expect(siptest.Status(200))
			seq, _ := ok.CSeq()
			ahead := uint32(challenges)
			if there, _ := inv.CSeq(); there != seq+ahead {
				t.Errorf("number %d there, %d here", there, seq)
			}
			a.Send(a.InDialog("ACK", ok).Set(message.CSeq, fmt.Sprint(seq, " ACK")))
			if m := out.Expect(siptest.Method("ACK")); m.Get(message.CSeq) != fmt.Sprint(seq+ahead, " ACK") {
				for m.Get(message.CSeq) != fmt.Sprint(seq+ahead, " ACK") { // those of the challenges
					m = out.Expect(siptest.Method("ACK"))
				}
			}
			out.Send(out.InDialog("INFO", siptest.WithToTag(inv, ok.Get(message.To))))
			a.Respond(a.Expect(siptest.Method("INFO")), 200)
			out.Expect(siptest.Final)
			a.Send(a.InDialog("BYE", ok).Set(message.CSeq, fmt.Sprint(seq+1, " BYE")))
			bye := out.Expect(siptest.Method("BYE"))
			if n, _ := bye.CSeq(); n != seq+1+ahead {
				t.Errorf("hung up by number %d after %d", n, seq+ahead)
			}
			out.Respond(bye, 200)
			a.Expect(siptest.Status(200))
			s.explained(ok.CallID(), tries)
		}
		call(1, "called at 10.0.0.41:5060/UDP 0, asked who we are, and told 407, called at 10.0.0.41:5060/UDP 0, rings 180, answered 200 = 200")
		call(0, "called at 10.0.0.41:5060/UDP 0, rings 180, answered 200 = 200") // it is known by now
		g.nonce, g.stale = "two", true
		call(1, "called at 10.0.0.41:5060/UDP 0, asked who we are, and told 407, called at 10.0.0.41:5060/UDP 0, rings 180, answered 200 = 200")
	})
}

func TestTrunkThatRefusesOurCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hops := newTrunkBoard(t, "UDP")
		a := s.phone("1001", "10.0.0.21:5060", false)
		s.dials(a, "1001", "sip:+4930123@demo.test")
		for i := range 2 { // once, and once with the password
			hops[0].Respond(hops[0].Expect(siptest.Method("INVITE")), 407,
				message.Header{Name: message.ProxyAuthenticate, Value: fmt.Sprintf(`Digest realm="carrier", nonce="%d", qop="auth"`, i)})
		}
		if m := a.Expect(siptest.Final); m.Status != 407 {
			t.Errorf("answered %d", m.Status)
		}
		for _, hop := range hops {
			hop.ExpectNone(siptest.Method("INVITE"), time.Minute)
		}
	})
}

func TestSecondHopTakesTheCallOfADeadOne(t *testing.T) {
	for _, by := range []string{"UDP", "TCP"} {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, hops := newTrunkBoard(t, by)
				a := s.phone("1001", "10.0.0.21:5060", false)
				start := time.Now()
				out := hops[1]
				if by == "TCP" { // nobody listens at the first
					ln := s.net.Listen("10.0.0.42:5060")
					go func() {
						c, err := ln.Accept()
						if err == nil {
							buf := make([]byte, 4096)
							n, _ := c.Read(buf)
							if m, err := message.Parse(buf[:n]); err == nil {
								c.Write(message.NewResponse(m, 486, "").Bytes())
							}
						}
						ln.Close()
					}()
				}
				s.dials(a, "1001", "sip:+4930123@demo.test")
				want := 486
				if by == "UDP" {
					answers(out, out.Expect(siptest.Method("INVITE")))
					want = 200
				}
				m := a.Expect(siptest.Final)
				if took := time.Since(start); m.Status != want || took > 5*time.Second {
					t.Errorf("answered %d after %v", m.Status, took)
				}
				if by == "TCP" {
					return
				}
				if i := s.hops.Info(); i[0].RetryAfter.IsZero() || !i[1].RetryAfter.IsZero() {
					t.Errorf("remembered: %+v", i)
				}
				sendACK(a, m)
				a.Send(a.InDialog("BYE", m).Set(message.CSeq, "30 BYE"))
				out.Respond(out.Expect(siptest.Method("BYE")), 200)
				a.Expect(siptest.Status(200))
				s.dials(a, "1001", "sip:+4930124@demo.test")
				out.Expect(siptest.Method("INVITE")) // at once
				hops[0].Expect(siptest.Method("INVITE"))
				hops[0].ExpectNone(func(m *message.Message) bool { return m.Method == "INVITE" && strings.Contains(m.URI, "124") }, time.Second)
			})
		})
	}
}

// TestPhoneThatRedirects goes where its agent might call from it.
func TestPhoneThatRedirects(t *testing.T) {
	for contact, follows := range map[string]string{
		"sip:+4930555@demo.test":       "sip:+4930555@carrier.test;user=phone",
		"tel:+4930555;ext=1":           "sip:+4930555@carrier.test;user=phone",
		"sip:1002@demo.test":           "", // a colleague's status would have to be asked
		"sip:someone@elsewhere.test":   "",
		"mailto:someone@elsewhere":     "",
		"sip:+49@demo.test?Subject=hi": "",
	} {
		t.Run(contact, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, hops := newTrunkBoard(t, "UDP")
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
				s.dials(b, "1002", "sip:1001@demo.test")
				a.Respond(a.Expect(siptest.Method("INVITE")), 302, message.Header{Name: message.Contact, Value: "<" + contact + ">"})
				if follows == "" {
					if m := b.Expect(siptest.Final); m.Status != 302 || !strings.Contains(m.Get(message.Contact), contact) {
						t.Errorf("answered\n%s", m.Raw)
					}
					return
				}
				inv := hops[0].Expect(siptest.Method("INVITE"))
				if inv.URI != follows {
					t.Errorf("sent to %s", inv.URI)
				}
				answers(hops[0], inv)
				ok := b.Expect(siptest.Final)
				if ok.Status != 200 {
					t.Errorf("answered %d", ok.Status)
				}
				s.explained(ok.CallID(), "called 0, redirects, followed 302, called at 10.0.0.41:5060/UDP 0, rings 180, answered 200 = 200")
				s.want("the agent is not in the call, the caller is", "Offline", "On a Call confirmed")
			})
		})
	}
}

func TestTrunkThatRedirects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hops := newTrunkBoard(t, "UDP")
		a := s.phone("1001", "10.0.0.21:5060", false)
		other := siptest.NewPeer(t, s.net, "10.0.0.50:5070", server)
		s.dials(a, "1001", "sip:+4930123@demo.test")
		hops[0].Respond(hops[0].Expect(siptest.Method("INVITE")), 302, message.Header{Name: message.Contact, Value: "<sip:+4930123@10.0.0.50:5070>"})
		inv := other.Expect(siptest.Method("INVITE"))
		// What answers there is no trunk of ours, and is told no password.
		other.Respond(inv, 407, message.Header{Name: message.ProxyAuthenticate, Value: `Digest realm="carrier", nonce="x"`})
		if m := a.Expect(siptest.Final); m.Status != 407 {
			t.Errorf("answered %d", m.Status)
		}
		other.ExpectNone(siptest.Method("INVITE"), time.Minute)
	})
}
