package proxy_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
	siptrunk "lamplight/sip/trunk"
)

// challenged is a call of agent 1001 by a trunk that asks who we are, again and again.
type challenged struct {
	*switchboard
	phone, out *siptest.Peer
	gate       *gate
	ok         *message.Message // the answer, as the phone has it
	inv        *message.Message // the INVITE, as the trunk has it
	last       uint32           // the number of the last request there
	asked      bool             // it was challenged
	refused    map[string]bool  // branches whose ACK is of a challenge
}

func newChallenged(t *testing.T) *challenged {
	t.Helper()
	s, hops := newTrunkBoard(t, "UDP")
	c := &challenged{switchboard: s, phone: s.phone("1001", "10.0.0.21:5060", false), out: hops[0], gate: &gate{t: t, nonce: "one"}, refused: map[string]bool{}}
	s.dials(c.phone, "1001", "sip:+4930123@demo.test")
	c.inv = c.takes("INVITE", 1)
	answers(c.out, c.inv)
	c.ok = c.phone.Expect(siptest.Status(200))
	c.acks(c.ok)
	return c
}

// acks is the phone's ACK, with its INVITE's number there.
func (c *challenged) acks(ok *message.Message) {
	c.t.Helper()
	seq, _ := ok.CSeq()
	c.phone.Send(c.phone.InDialog("ACK", c.ok).Set(message.CSeq, fmt.Sprint(seq, " ACK")))
	for {
		m := c.out.Expect(siptest.Method("ACK"))
		if via, _ := m.TopVia(); c.refused[via.Branch] {
			continue
		}
		if n, _ := m.CSeq(); n != c.last {
			c.t.Errorf("the ACK of %d has number %d", c.last, n)
		}
		return
	}
}

// takes refuses so many times, and wants credentials then. Each request has a higher
// number than the one before.
func (c *challenged) takes(method string, challenges int) *message.Message {
	c.t.Helper()
	for {
		m := c.out.Expect(siptest.Method(method))
		n, _ := m.CSeq()
		again := c.ok != nil && method != "BYE" && c.asked // has the same number
		if n <= c.last && !again || n != c.last && again {
			c.t.Errorf("%s has number %d after %d", method, n, c.last)
		}
		c.last = n
		h, ok := c.gate.passes(m)
		if ok != (challenges == 0) {
			c.t.Fatalf("%d challenges left, and sent\n%s", challenges, m.Raw)
		}
		if ok {
			c.asked = false
			return m
		}
		challenges--
		c.asked = true
		via, _ := m.TopVia()
		c.refused[via.Branch] = true
		c.out.Respond(m, 407, h)
	}
}

// says sends a request of the phone's, and wants it answered once.
func (c *challenged) says(method string, seq, challenges int) *message.Message {
	c.t.Helper()
	b := c.phone.InDialog(method, c.ok).Set(message.CSeq, fmt.Sprint(seq, " ", method))
	if method == "INVITE" {
		b.Add(message.Contact, "<"+c.phone.Contact("phone")+">")
	}
	c.phone.Send(b)
	c.out.Respond(c.takes(method, challenges), 200, message.Header{Name: message.Contact, Value: "<" + c.out.Contact("phone") + ">"})
	m := c.phone.Expect(func(m *message.Message) bool { _, of := m.CSeq(); return m.Status >= 200 && of == method })
	if n, _ := m.CSeq(); m.Status != 200 || int(n) != seq {
		c.t.Errorf("the phone is answered %d to number %d, not %d", m.Status, n, seq)
	}
	return m
}

// A trunk that asks who we are within a call is told, too: the phone knows no password
// of the trunk's. The numbers stay in order to the end.
func TestTrunkThatAsksWhoWeAreWithinACall(t *testing.T) {
	for _, challenges := range []int{0, 1} {
		t.Run(fmt.Sprint("challenges: ", challenges), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChallenged(t)
				fresh := func(nonce string) { // the last one has run out
					if challenges > 0 {
						c.gate.nonce, c.gate.stale = nonce, true
					}
				}
				for i, method := range []string{"INFO", "INVITE", "UPDATE", "INVITE", "BYE"} {
					fresh(fmt.Sprint("nonce ", i))
					if m := c.says(method, 100+i, challenges); method == "INVITE" {
						c.acks(m)
					}
				}
				c.want("ended", "Offline")
			})
		})
	}
}

// Who refuses what is right is not asked for ever: the phone hears of it.
func TestTrunkThatRefusesOurCredentialsWithinACall(t *testing.T) {
	for _, method := range []string{"INVITE", "INFO", "BYE"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChallenged(t)
				b := c.phone.InDialog(method, c.ok).Set(message.CSeq, "100 "+method)
				c.phone.Send(b.Add(message.Contact, "<"+c.phone.Contact("phone")+">"))
				for range 2 {
					c.out.Respond(c.out.Expect(siptest.Method(method)), 407, message.Header{Name: message.ProxyAuthenticate, Value: `Digest realm="carrier", nonce="no", algorithm=SHA-256, qop="auth"`})
				}
				m := c.phone.Expect(siptest.Status(407))
				if n, _ := m.CSeq(); n != 100 {
					t.Errorf("answered to number %d", n)
				}
				c.out.ExpectNone(siptest.Method(method), time.Second)
			})
		})
	}
}

// Who knows the route of a call does not call out by our credentials: a dialog that
// nobody has heard of, or whose names are others, gets none.
func TestOurCredentialsAreForCallsThatAreKnown(t *testing.T) {
	for name, edit := range map[string]func(*message.Builder){
		"another call":   func(b *message.Builder) { b.Set(message.CallID, "forged") },
		"another caller": func(b *message.Builder) { b.Set(message.From, "<sip:1001@demo.test>;tag=forged") },
		"another callee": func(b *message.Builder) { b.Set(message.To, "<sip:+4930123@demo.test>;tag=forged") },
	} {
		for _, method := range []string{"INVITE", "REFER"} {
			t.Run(name+", "+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newChallenged(t)
					b := c.phone.InDialog(method, c.ok).Set(message.CSeq, "100 "+method).Add(message.Contact, "<"+c.phone.Contact("phone")+">")
					edit(b)
					c.phone.Send(b)
					m := c.out.Expect(siptest.Method(method))
					if m.Has(message.ProxyAuthorization) {
						t.Errorf("sent\n%s", m.Raw)
					}
					h, _ := c.gate.passes(m)
					c.out.Respond(m, 407, h)
					c.phone.Expect(siptest.Status(407))
				})
			})
		}
	}
}

// Credentials are said to the trunk that they are of, and to nobody where it could be
// another's.
func TestOurCredentialsAreOfOneTrunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTrunkBoard(t, "UDP")
		within := func(addr string) bool {
			t.Helper()
			f, err := s.transport.Flow(t.Context(), transport.UDP, netip.MustParseAddrPort(addr))
			if err != nil {
				t.Fatal(err)
			}
			_, ok := s.hops.Within(f, "BYE")
			return ok
		}
		call := func(uri string) {
			t.Helper()
			if _, err := s.hops.Ways(uri)(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		call("sip:1@carrier.test")
		if !within("10.0.0.41:5060") || !within("10.0.0.42:5060") {
			t.Error("not to the trunk")
		}
		if within("10.0.0.43:5060") || within("10.0.0.41:5062") {
			t.Error("to another")
		}
		second := s.trunks[0]
		second.Name, second.Host, second.User, second.Servers = "second", "second.test", "other", second.Servers[:1]
		if err := s.hops.Set([]siptrunk.Trunk{s.trunks[0], second}); err != nil {
			t.Fatal(err)
		}
		call("sip:1@second.test")
		if within("10.0.0.41:5060") || !within("10.0.0.42:5060") {
			t.Error("of two trunks at one address it cannot be told which")
		}
	})
}
