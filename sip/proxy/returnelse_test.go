package proxy_test

import (
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

// Nobody but the phone that called is told of its call, whatever he says of himself.
func TestNobodyElseTakesTheCallOfAnAbsentCaller(t *testing.T) {
	phone := binding{user: "1002", callID: "one-life", instance: aPhone, regID: 1}
	for name, c := range map[string]struct {
		is   binding
		want int
	}{
		"another agent, the same Call-ID and instance":  {binding{user: "1001", callID: "one-life", instance: aPhone, regID: 1}, 200},
		"another agent, for the caller's address":       {binding{user: "1001", aor: "1002", callID: "one-life", instance: aPhone, regID: 1}, 403},
		"another device of the agent":                   {binding{user: "1002-mobile", aor: "1002", callID: "one-life", instance: aPhone, regID: 1}, 200},
		"another phone that has the same credential":    {binding{user: "1002", callID: "other-life", instance: anotherPhone, regID: 1}, 200},
		"another phone, of no instance":                 {binding{user: "1002", callID: "other-life"}, 200},
		"the phone itself, but it has started anew":     {binding{user: "1002", callID: "next-life", instance: aPhone, regID: 1}, 200},
		"somebody who does not know the password":       {binding{user: "1002", password: "guess", callID: "one-life", instance: aPhone, regID: 1}, 401},
		"somebody whose credential nobody has heard of": {binding{user: "1099", aor: "1002", callID: "one-life", instance: aPhone, regID: 1}, 401},
	} {
		for _, by := range []string{transport.TCP, transport.TLS, transport.WSS} {
			for _, early := range []bool{false, true} {
				t.Run(fmt.Sprint(name, ", ", by, ", before the end is noticed: ", early), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := roam(t, by, phone)
						r.mobile("1002")
						synctest.Wait()
						r.calls()
						other := r.connect(by, "10.0.0.66:40001")
						comes := func() {
							c.is.seq = 50
							if status := c.is.register(other); status != c.want {
								t.Errorf("registers: %d", status)
							}
							synctest.Wait()
						}
						if early {
							comes()
						}
						lost := time.Now()
						r.loses()
						if !early {
							comes()
						}
						r.given(lost)
						other.ExpectNone(func(m *message.Message) bool { return m.CallID() == r.inv.CallID() }, time.Minute)
						r.nothingLeft()
					})
				})
			}
		}
	}
}

// Where others are registered over the same stream it is no phone's own: what is sent
// to them would follow the one who came back.
func TestSharedStreamMovesWithNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := roam(t, transport.TCP, binding{user: "1002", callID: "one-life"})
		r.registers(r.line, &binding{user: "1001", callID: "house-mate"})
		inv := r.dials(r.line, "1002", "sip:1001@demo.test")
		r.rung, r.inv = r.phone.Expect(siptest.Method("INVITE")), inv
		r.phone.Respond(r.rung, 180)
		synctest.Wait()
		lost := time.Now()
		r.loses()
		r.moves()
		r.given(lost)
		r.line.ExpectNone(func(m *message.Message) bool { return m.CallID() == inv.CallID() }, time.Minute)
		r.nothingLeft()
	})
}

// Behind a proxy the topmost Via is the proxy's: what goes to the phone past it would be
// taken for another's.
func TestCallerBehindAProxyDoesNotComeBackPastIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := roam(t, transport.TCP, binding{user: "1002", callID: "one-life"})
		r.inv = r.dials(r.line, "1002", "sip:1001@demo.test", message.Header{Name: message.Via, Value: "SIP/2.0/UDP 10.0.0.33;branch=" + message.NewBranch()})
		r.rung = r.phone.Expect(siptest.Method("INVITE"))
		r.phone.Respond(r.rung, 180)
		r.line.Expect(siptest.Status(180))
		lost := time.Now()
		r.loses()
		r.moves()
		r.given(lost)
		r.line.ExpectNone(func(m *message.Message) bool { return m.CallID() == r.inv.CallID() }, time.Minute)
		r.nothingLeft()
	})
}

// Whoever listens where the caller's Via names has to prove who he is, and who takes
// connections and says nothing keeps nobody from coming back by a registration.
func TestConnectionToTheCallersPortProvesNothing(t *testing.T) {
	for _, comes := range []bool{false, true} {
		t.Run(fmt.Sprint("the caller comes: ", comes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := roam(t, transport.TLS, binding{user: "1002", callID: "one-life", instance: aPhone, regID: 1})
				r.calls()
				lost := time.Now()
				r.loses()
				l := r.net.Listen("10.0.0.22:40001")
				var heard atomic.Bool
				var accepting sync.WaitGroup
				accepting.Go(func() {
					cfg := siptest.Certificate(t)
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						accepting.Go(func() {
							defer c.Close()
							if comes { // silence
								time.Sleep(time.Minute)
								return
							}
							tc := tls.Server(c, cfg)
							if n, _ := tc.Read(make([]byte, 1)); n > 0 {
								heard.Store(true)
							}
						})
					}
				})
				if comes {
					time.Sleep(time.Until(lost.Add(4900 * time.Millisecond)))
					r.moves()
					r.answers()
					r.talks(true)
				} else {
					r.given(lost)
				}
				l.Close()
				accepting.Wait()
				if heard.Load() {
					t.Error("a stranger was told of the call")
				}
				r.nothingLeft()
			})
		})
	}
}
