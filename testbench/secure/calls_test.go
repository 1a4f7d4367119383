//go:build testbench

// Package secure makes the calls that SIPp makes over UDP and TCP over what Debian's
// SIPp cannot speak: TLS, and SIP over WebSockets, plain and under TLS (RFC 7118). A
// real server, real sockets, scripted peers; the PBX calls over TLS.
package secure

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

const (
	domain  = "demo.lamplight.test"
	called  = "sip:1001@" + domain
	outside = "sip:+4930123@carrier.test"
	ringing = 5 * time.Second
)

// rig is a server, its PBX on TLS, and phones of agent 1001 on some transport.
type rig struct {
	*lab.Server
	t    *testing.T
	over string
	pbx  *siptest.Peer
	// abrupt: the phones' streams have ended, and with them what was registered.
	abrupt bool
}

// overEach runs a test for phones on each transport, and once more with the PBX on
// UDP, so that a call crosses from one to the other.
func overEach(t *testing.T, f func(r *rig)) {
	t.Helper()
	overEachAs(t, "proxy", f)
}

// overEachAs is that with the PBX in a mode.
func overEachAs(t *testing.T, mode string, f func(r *rig)) {
	t.Helper()
	overEachWith(t, mode, "trunks: []", f)
}

// overEachWith is that with trunks.
func overEachWith(t *testing.T, mode, trunks string, f func(r *rig)) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("trunks: []", trunks, "mode: redirect", "mode: "+mode, "transports: [udp]", "transports: [udp, tls]", "ring: 60s", fmt.Sprint("ring: ", ringing)).Replace(lab.Ports(string(b)))
	srv := lab.Start(t, lab.Options{Config: text})
	for _, over := range []string{"TLS", "WS", "WSS"} {
		for _, pbx := range []string{"TLS", "UDP"} {
			t.Run(pbx+" to "+over, func(t *testing.T) {
				r := &rig{Server: srv, t: t, over: over}
				if r.pbx = siptest.NewRealPeer(t, srv.SIP); pbx == "TLS" {
					r.pbx = siptest.NewRealTLSPeer(t, "127.0.0.1", srv.TLS)
				}
				r.pbx.Timeout = 10 * time.Second
				f(r)
				srv.TeamStatus("1001", "offline", 5*time.Second)
			})
		}
	}
}

// phone registers one of agent 1001's devices; it is unregistered when the test ends.
func (r *rig) phone(user string) *siptest.Peer {
	r.t.Helper()
	var p *siptest.Peer
	switch r.over {
	case "TLS":
		p = siptest.NewRealTLSPeer(r.t, "127.0.0.3", r.TLS)
	case "WS":
		p = siptest.NewRealWebSocketPeer(r.t, "127.0.0.3", "ws://"+r.HTTP+"/sip")
	default:
		p = siptest.NewRealWebSocketPeer(r.t, "127.0.0.3", "wss://"+r.HTTPS+"/sip")
	}
	p.Timeout = 10 * time.Second
	if m := p.Register(called, user, "demo-1001", 600); m.Status != 200 {
		r.t.Fatalf("%s registers over %s: %d", user, r.over, m.Status)
	}
	r.t.Cleanup(func() {
		if !r.abrupt {
			p.Register(called, user, "demo-1001", 0)
		}
	})
	return p
}

// calls sends the PBX's INVITE.
func (r *rig) calls() *message.Message {
	r.t.Helper()
	b := r.pbx.Request("INVITE", called, outside, "").Add(message.Contact, "<"+r.pbx.Contact("pbx")+">").Add(message.CallKind, "regular").
		Body("application/sdp", []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"))
	r.pbx.Send(b)
	m, err := message.Parse(b.Bytes())
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

func says(p *siptest.Peer, req *message.Message, status int) {
	p.Respond(req, status, message.Header{Name: message.Contact, Value: "<" + p.Contact("phone") + ">"})
}

// final is the PBX's one answer, acknowledged.
func (r *rig) final(inv *message.Message, status int) *message.Message {
	r.t.Helper()
	m := r.pbx.Expect(func(m *message.Message) bool {
		_, of := m.CSeq()
		return m.Status >= 200 && of == "INVITE" && m.CallID() == inv.CallID()
	})
	if m.Status != status {
		r.t.Errorf("answered %d, want %d\n%s", m.Status, status, m.Raw)
	}
	if m.Status < 300 {
		r.pbx.Send(r.pbx.InDialog("ACK", m).Set(message.CSeq, "1 ACK"))
		return m
	}
	r.pbx.SendRaw(hop(inv, "ACK", m.Get(message.To)))
	return m
}

// hop is the CANCEL of an INVITE, or the ACK of its refusal.
func hop(inv *message.Message, method, to string) []byte {
	seq, _ := inv.CSeq()
	return message.NewRequest(method, inv.URI).Add(message.Via, inv.Get(message.Via)).Add(message.MaxForwards, "70").Add(message.From, inv.Get(message.From)).
		Add(message.To, to).Add(message.CallID, inv.CallID()).Add(message.CSeq, fmt.Sprint(seq, " ", method)).Bytes()
}

// canceled: a phone rings no more.
func canceled(p *siptest.Peer, inv *message.Message) {
	p.Respond(p.Expect(siptest.Method("CANCEL")), 200)
	p.Respond(inv, 487)
	p.Expect(siptest.Method("ACK"))
}

func TestAnsweredAndEndedByEitherSide(t *testing.T) {
	overEach(t, func(r *rig) {
		desk := r.phone("1001")
		for _, who := range []string{"the caller", "the called"} {
			inv := r.calls()
			got := desk.Expect(siptest.Method("INVITE"))
			if routes := got.Values(message.RecordRoute); len(routes) != 2 {
				r.t.Errorf("recorded routes: %q", routes)
			}
			says(desk, got, 180)
			r.pbx.Expect(siptest.Status(180))
			says(desk, got, 200)
			ok := r.final(inv, 200)
			desk.Expect(siptest.Method("ACK"))
			r.TeamStatus("1001", "on_a_call", 5*time.Second)
			from, to, bye := r.pbx, desk, r.pbx.InDialog("BYE", ok)
			if who == "the called" {
				from, to, bye = desk, r.pbx, desk.InDialog("BYE", siptest.WithToTag(got, ok.Get(message.To)))
			}
			from.Send(bye.Set(message.CSeq, "77 BYE"))
			to.Respond(to.Expect(siptest.Method("BYE")), 200)
			if m := from.Expect(func(m *message.Message) bool { _, of := m.CSeq(); return of == "BYE" }); m.Status != 200 {
				r.t.Errorf("the BYE of %s is answered %d", who, m.Status)
			}
			r.TeamStatus("1001", "offline", 5*time.Second)
		}
	})
}

// Who is on a WebSocket is a browser, whose audio passes the gateway: package websocket
// holds such calls. Here a plain description of one is refused, and the call goes on.
func TestHeldAndResumed(t *testing.T) {
	overEach(t, func(r *rig) {
		desk := r.phone("1001")
		inv := r.calls()
		got := desk.Expect(siptest.Method("INVITE"))
		says(desk, got, 200)
		ok := r.final(inv, 200)
		desk.Expect(siptest.Method("ACK"))
		dialog := siptest.WithToTag(got, ok.Get(message.To))
		for i, direction := range []string{"sendonly", "sendrecv"} {
			desk.Send(desk.InDialog("INVITE", dialog).Set(message.CSeq, fmt.Sprint(10+i, " INVITE")).Add(message.Contact, "<"+desk.Contact("phone")+">").
				Body("application/sdp", []byte("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na="+direction+"\r\n")))
			if r.over != "TLS" {
				no := desk.Expect(siptest.Final)
				if no.Status != 488 {
					r.t.Errorf("a browser's description without WebRTC is answered %d", no.Status)
				}
				break
			}
			again := r.pbx.Expect(siptest.Method("INVITE"))
			says(r.pbx, again, 200)
			desk.Expect(func(m *message.Message) bool {
				n, of := m.CSeq()
				return m.Status == 200 && of == "INVITE" && n == uint32(10+i)
			})
			desk.Send(desk.InDialog("ACK", dialog).Set(message.CSeq, fmt.Sprint(10+i, " ACK")))
			r.pbx.Expect(siptest.Method("ACK"))
		}
		r.pbx.Send(r.pbx.InDialog("BYE", ok).Set(message.CSeq, "77 BYE"))
		desk.Respond(desk.Expect(siptest.Method("BYE")), 200)
	})
}

func TestBusy(t *testing.T) {
	overEach(t, func(r *rig) {
		desk := r.phone("1001")
		inv := r.calls()
		says(desk, desk.Expect(siptest.Method("INVITE")), 486)
		desk.Expect(siptest.Method("ACK"))
		r.final(inv, 486)
	})
}

func TestNobodyAnswers(t *testing.T) {
	overEach(t, func(r *rig) {
		desk := r.phone("1001")
		inv := r.calls()
		got := desk.Expect(siptest.Method("INVITE"))
		says(desk, got, 180)
		start := time.Now()
		canceled(desk, got)
		if took := time.Since(start); took < ringing-time.Second || took > ringing+2*time.Second {
			r.t.Errorf("it rang for %v", took)
		}
		r.final(inv, 408)
	})
}

func TestCallerGivesUp(t *testing.T) {
	overEach(t, func(r *rig) {
		desk := r.phone("1001")
		inv := r.calls()
		got := desk.Expect(siptest.Method("INVITE"))
		says(desk, got, 180)
		r.pbx.Expect(siptest.Status(180))
		r.pbx.SendRaw(hop(inv, "CANCEL", inv.Get(message.To)))
		canceled(desk, got)
		r.final(inv, 487)
	})
}

func TestTwoPhonesAnswerAtOnce(t *testing.T) {
	overEach(t, func(r *rig) {
		phones := []*siptest.Peer{r.phone("1001"), r.phone("1001-soft")}
		inv := r.calls()
		got := make([]*message.Message, 2)
		for i, p := range phones {
			got[i] = p.Expect(siptest.Method("INVITE"))
			says(p, got[i], 180)
			r.pbx.Expect(siptest.Status(180))
		}
		for i, p := range phones {
			says(p, got[i], 200)
		}
		ok := r.final(inv, 200)
		byed := 0
		for i, p := range phones {
			p.Expect(siptest.Method("ACK"))
			if !strings.Contains(ok.Get(message.Contact), p.Contact("phone")) {
				p.Respond(p.Expect(siptest.Method("BYE")), 200)
				byed++
				continue
			}
			r.TeamStatus("1001", "on_a_call", 5*time.Second)
			r.pbx.Send(r.pbx.InDialog("BYE", ok).Set(message.CSeq, "77 BYE"))
			phones[i].Respond(phones[i].Expect(siptest.Method("BYE")), 200)
		}
		if byed != 1 {
			r.t.Errorf("%d phones were released", byed)
		}
	})
}

// A phone whose stream ends while it rings rings no more, and the call is refused
// at once.
func TestStreamEndsWhileItRings(t *testing.T) {
	overEach(t, func(r *rig) {
		desk := r.phone("1001-soft")
		inv := r.calls()
		says(desk, desk.Expect(siptest.Method("INVITE")), 180)
		r.pbx.Expect(siptest.Status(180))
		desk.Close()
		r.abrupt = true
		start := time.Now()
		r.final(inv, 480)
		if took := time.Since(start); took > time.Second {
			r.t.Errorf("refused after %v", took)
		}
	})
}

// A PBX that is redirected is sent to nobody whom it cannot reach: a browser is at the
// end of our own connection only.
func TestRedirected(t *testing.T) {
	overEachAs(t, "redirect", func(r *rig) {
		desk := r.phone("1001")
		inv := r.calls()
		if r.over == "TLS" {
			if m := r.final(inv, 302); !strings.Contains(m.Get(message.Contact), desk.Contact("1001")) {
				r.t.Errorf("redirected to %q", m.Get(message.Contact))
			}
			return
		}
		if m := r.final(inv, 480); m.Get(message.Reason) == "" {
			r.t.Errorf("refused without a reason\n%s", m.Raw)
		}
	})
}
