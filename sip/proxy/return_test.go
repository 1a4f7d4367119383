package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

// everyStream are the transports of connections.
var everyStream = []string{transport.TCP, transport.TLS, transport.WS, transport.WSS}

// everyTransport serves TLS, WS and WSS as well.
func (s *switchboard) everyTransport() {
	s.t.Helper()
	cfg := siptest.Certificate(s.t)
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	secure := tls.NewListener(s.net.Listen("10.0.0.1:5061"), cfg)
	served.Go(func() { _ = s.transport.ServeStream(ctx, secure, transport.TLS) })
	plain, wss := s.net.Listen("10.0.0.1:80"), tls.NewListener(s.net.Listen("10.0.0.1:443"), cfg)
	srv := &http.Server{Handler: s.transport.WebSocketHandler(), ReadHeaderTimeout: time.Minute}
	served.Go(func() { _ = srv.Serve(plain) })
	served.Go(func() { _ = srv.Serve(wss) })
	synctest.Wait()
	s.t.Cleanup(func() {
		cancel()
		_ = srv.Close()
		served.Wait()
	})
}

// connect opens a stream of that transport.
func (s *switchboard) connect(by, addr string) *siptest.Peer {
	s.t.Helper()
	switch by {
	case transport.TLS:
		return siptest.NewTLSPeer(s.t, s.net, addr, "10.0.0.1:5061")
	case transport.WS:
		return siptest.NewWebSocketPeer(s.t, s.net, addr, "ws://10.0.0.1:80/")
	case transport.WSS:
		return siptest.NewWebSocketPeer(s.t, s.net, addr, "wss://10.0.0.1:443/")
	}
	return siptest.NewStreamPeer(s.t, s.net, addr, server)
}

// binding is what a REGISTER says of a phone.
type binding struct {
	aor      string // the number of the address of record; empty: user
	user     string // of the credential
	password string // empty: the right one
	callID   string
	seq      int
	instance string // empty: none
	regID    int    // of an instance; zero: none
}

const aPhone, anotherPhone = "urn:uuid:00000000-0000-1000-8000-000a95a0e128", "urn:uuid:00000000-0000-1000-8000-000a95a0e129"

// register says it over that stream, and returns what was answered.
func (b *binding) register(p *siptest.Peer) int {
	if b.aor == "" {
		b.aor = b.user
	}
	if b.password == "" {
		b.password = "pw"
	}
	contact := "<" + p.Contact(b.aor) + ">"
	if b.instance != "" {
		contact += `;+sip.instance="<` + b.instance + `>"`
	}
	if b.regID > 0 {
		contact += fmt.Sprint(";reg-id=", b.regID)
	}
	return p.DoAuth(b.user, b.password, func() *message.Builder {
		b.seq++
		return p.Request("REGISTER", "sip:demo.test", "sip:"+b.aor+"@demo.test", "sip:"+b.aor+"@demo.test").Set(message.CallID, b.callID).
			Set(message.CSeq, fmt.Sprint(b.seq, " REGISTER")).Add("Supported", "outbound, path").
			Add(message.Contact, contact).Add(message.Expires, "600")
	}).Status
}

// registers wants it to be answered 200.
func (s *switchboard) registers(p *siptest.Peer, b *binding) {
	s.t.Helper()
	if status := b.register(p); status != 200 {
		s.t.Fatalf("%s registers: %d", b.user, status)
	}
	synctest.Wait()
}

// roamer is agent 1002, who calls agent 1001 by a stream and loses it.
type roamer struct {
	*raceTrack
	by    string // his transport
	is    binding
	line  *siptest.Peer
	inv   *message.Message // as he sent it
	rung  *message.Message // as it rings
	phone *siptest.Peer    // which rings
}

// roam begins.
func roam(t *testing.T, by string, is binding) *roamer {
	t.Helper()
	r := &roamer{raceTrack: newRaceTrack(t), by: by, is: is}
	r.alone()
	r.everyTransport()
	r.phone = r.desk[0]
	r.line = r.connect(by, "10.0.0.22:40001")
	r.registers(r.line, &r.is)
	return r
}

// calls rings the phone, and he hears so.
func (r *roamer) calls() {
	r.t.Helper()
	r.inv = r.dials(r.line, "1002", "sip:1001@demo.test")
	r.rung = r.phone.Expect(siptest.Method("INVITE"))
	r.phone.Respond(r.rung, 180)
	r.line.Expect(siptest.Status(180))
}

// loses: his stream ends.
func (r *roamer) loses() {
	r.line.Close()
	synctest.Wait()
}

// moves opens another stream, from another network, and registers over it.
func (r *roamer) moves() {
	r.t.Helper()
	r.line = r.connect(r.by, "10.0.1.22:40002")
	r.registers(r.line, &r.is)
}

// answers has the phone answer; he does not have to hear it.
func (r *roamer) answers() {
	r.phone.Respond(r.rung, 200, message.Header{Name: message.Contact, Value: "<" + r.phone.Contact("phone") + ">"})
	synctest.Wait()
}

// talks wants the 200 to have come, and the dialog to work both ways.
func (r *roamer) talks(byPhone bool) {
	r.t.Helper()
	r.line.Timeout, r.phone.Timeout = 2*time.Second, 2*time.Second
	ok := r.line.Expect(answerTo("INVITE", 200))
	if ok.CallID() != r.inv.CallID() {
		r.t.Fatalf("the answer of another call\n%s", ok.Raw)
	}
	sendACK(r.line, ok)
	r.phone.Expect(siptest.Method("ACK"))
	r.want("talking", "On a Call confirmed", "On a Call confirmed")
	caller, callee := &dialog{p: r.line, seen: ok}, &dialog{p: r.phone, seen: siptest.WithToTag(r.rung, ok.Get(message.To))}
	if byPhone {
		callee.ends(r.t, caller)
	} else {
		caller.ends(r.t, callee)
	}
	r.want("ended", "Offline", "Offline")
}

// sends a request of the INVITE's own transaction, with its Via wherever he is now (RFC
// 3261 §9.1, §17.1.1.3).
func (r *roamer) sends(method, to string) {
	seq, _ := r.inv.CSeq()
	r.line.SendRaw(message.NewRequest(method, r.inv.URI).Add(message.From, r.inv.Get(message.From)).Add(message.To, to).
		Add(message.CallID, r.inv.CallID()).Add(message.CSeq, fmt.Sprint(seq, " ", method)).Via(r.inv.Get(message.Via)).Bytes())
}

// refused wants the refusal to have come, and nothing to be left when he acknowledges it.
func (r *roamer) refused(status int) {
	r.t.Helper()
	r.line.Timeout = time.Second
	r.sends("ACK", r.line.Expect(answerTo("INVITE", status)).Get(message.To))
	synctest.Wait()
	if n := r.open("invite"); n != 0 {
		r.t.Errorf("%d transactions wait for an ACK", n)
	}
}

// given wants the call to be given up, five seconds after he was lost.
func (r *roamer) given(lost time.Time) {
	r.t.Helper()
	r.phone.ExpectNone(siptest.Method("CANCEL"), time.Until(lost.Add(4900*time.Millisecond)))
	r.phone.Timeout = time.Second
	c := r.phone.Expect(siptest.Method("CANCEL"))
	if why := c.Get(message.Reason); !strings.Contains(why, "connection is gone") {
		r.t.Errorf("given up because of %q", why)
	}
	r.phone.Respond(c, 200)
	r.phone.Respond(r.rung, 487)
	r.phone.Expect(siptest.Method("ACK"))
	r.want("given up", "Offline", "Offline")
}

// The phones that come back: one that keeps its Call-ID, and one by RFC 5626.
func roamers() map[string]binding {
	return map[string]binding{
		"same Call-ID": {user: "1002", callID: "one-life"},
		"reg-id":       {user: "1002", callID: "one-life", instance: aPhone, regID: 1},
	}
}

// overEvery plays it over every transport, by both phones; each of them says BYE once.
func overEvery(t *testing.T, play func(r *roamer, byPhone bool)) {
	for _, by := range everyStream {
		for name, is := range roamers() {
			t.Run(by+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := roam(t, by, is)
					play(r, is.instance != "")
					r.nothingLeft()
				})
			})
		}
	}
}

func TestCallerComesBackByARegistrationWhileItRings(t *testing.T) {
	overEvery(t, func(r *roamer, byPhone bool) {
		r.calls()
		r.loses()
		time.Sleep(2 * time.Second)
		r.moves()
		r.line.Timeout = time.Second
		if m := r.line.Expect(siptest.Status(180)); m.CallID() != r.inv.CallID() {
			r.t.Errorf("he hears\n%s", m.Raw)
		}
		r.answers()
		r.talks(byPhone)
		r.explained(r.inv.CallID(), "called 0, rings 180, the connection is gone, looked for 0, is reached by another connection 0, answered 200 = 200")
	})
}

func TestAnswerWaitsForTheCallerUntilTheLastMoment(t *testing.T) {
	overEvery(t, func(r *roamer, byPhone bool) {
		r.calls()
		r.loses()
		r.answers()
		r.phone.ExpectNone(siptest.Method("BYE"), 4900*time.Millisecond)
		r.moves()
		r.talks(byPhone)
	})
}

// The 200 went into a stream that ended before it was read.
func TestAnswerThatWasLostFindsTheCallerByItsRepetition(t *testing.T) {
	overEvery(t, func(r *roamer, byPhone bool) {
		r.calls()
		r.answers()
		r.loses()
		time.Sleep(500 * time.Millisecond)
		r.answers()
		time.Sleep(time.Second)
		r.moves()
		r.talks(byPhone)
	})
}

// A laptop that wakes up in another network says nothing on its old stream, whose end
// is noticed late.
func TestAnswerFindsTheCallerWhoLeftHisStreamWithoutAWord(t *testing.T) {
	overEvery(t, func(r *roamer, byPhone bool) {
		r.calls()
		old := r.line
		r.moves()
		r.answers()
		r.line.ExpectNone(siptest.Final, 400*time.Millisecond)
		r.answers()
		r.talks(byPhone)
		old.Expect(answerTo("INVITE", 200)) // the first one
		old.ExpectNone(func(m *message.Message) bool { return m.IsRequest() || m.Status >= 180 }, time.Second)
		if old.Again() != 0 {
			r.t.Error("the old stream was used again")
		}
	})
}

// RFC 3261 §18.2.2: the connection is used as long as it is open. Of two flows
// (RFC 5626 §4.2) the other is none of this call's.
func TestRepeatedAnswerStaysOnTheStreamThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := roam(t, transport.TLS, binding{user: "1002", callID: "flow-1", instance: aPhone, regID: 1})
		time.Sleep(time.Second)
		other := r.connect(transport.TLS, "10.0.0.22:40002")
		r.registers(other, &binding{user: "1002", callID: "flow-2", instance: aPhone, regID: 2})
		before := other.Pending()
		r.calls()
		r.answers()
		r.answers()
		if r.line.Again() != 1 || other.Pending() != before {
			t.Errorf("the 200 came again %d times, and %d messages by the other flow", r.line.Again(), other.Pending()-before)
		}
		r.talks(true)
		r.nothingLeft()
	})
}

// Of two flows one ends: the other was there, so it is the same life.
func TestCallerIsReachedByHisOtherFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := roam(t, transport.WSS, binding{user: "1002", callID: "flow-1", instance: aPhone, regID: 1})
		other := r.connect(transport.WSS, "10.0.0.22:40002")
		r.registers(other, &binding{user: "1002", callID: "flow-2", instance: aPhone, regID: 2})
		r.calls()
		r.loses()
		r.line = other
		r.line.Expect(siptest.Status(180))
		r.answers()
		r.talks(true)
		r.nothingLeft()
	})
}

func TestCallerHearsOfTheRefusalThatHeMissed(t *testing.T) {
	overEvery(t, func(r *roamer, _ bool) {
		r.calls()
		r.loses()
		r.phone.Respond(r.rung, 486)
		time.Sleep(time.Second)
		r.moves()
		r.refused(486)
	})
}

// He takes his call back before anybody has seen that he is here.
func TestCallerCancelsByHisNewStream(t *testing.T) {
	overEvery(t, func(r *roamer, _ bool) {
		r.calls()
		r.loses()
		time.Sleep(time.Second)
		line := r.connect(r.by, "10.0.1.22:40002")
		r.line = line
		r.sends("CANCEL", r.inv.Get(message.To))
		line.Expect(answerTo("CANCEL", 200))
		r.canceled(0, r.rung)
		r.registers(line, &r.is)
		r.refused(487)
	})
}

func TestCallerWhoseNewStreamEndsTooIsLookedForAnew(t *testing.T) {
	overEvery(t, func(r *roamer, byPhone bool) {
		r.calls()
		for range 3 {
			r.loses()
			time.Sleep(4 * time.Second)
			r.moves()
			r.line.Timeout = time.Second
			r.line.Expect(siptest.Status(180))
		}
		r.answers()
		r.talks(byPhone)
	})
}

func TestCallerWhoDoesNotRegisterInTimeIsGivenUp(t *testing.T) {
	overEvery(t, func(r *roamer, _ bool) {
		r.calls()
		lost := time.Now()
		r.loses()
		r.given(lost)
		r.moves() // too late
		r.line.ExpectNone(func(*message.Message) bool { return true }, time.Minute)
	})
}
