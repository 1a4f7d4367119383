//go:build testbench

// Package readme walks the story that the README tells, end to end, against the
// real server with its demo configuration: what a newcomer does by hand is done
// here by phones, a page and a PBX made of Go.
package readme

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/testbench/page"
)

const domain = "demo.lamplight.test"

func uri(number string) string { return "sip:" + number + "@" + domain }

// story is the server and those who take part.
type story struct {
	*lab.Server
	t    *testing.T
	etag string // of the PBX's publication
}

func TestFromTheFirstPhoneToTheRightContacts(t *testing.T) {
	s := &story{Server: lab.Start(t, lab.Options{}), t: t}
	desk, soft, watcher, pbx := s.peer(), s.peer(), s.peer(), s.peer()

	// A phone registers.
	if res := desk.Register(uri("1001"), "1001", "demo-1001", 600); res.Status != 200 {
		t.Fatalf("the desk phone is answered %d", res.Status)
	}
	// Another subscribes to it.
	lamp := s.subscribe(watcher)
	lamp("terminated")

	// The page proves its microphone: Available.
	agent := page.Open(t, s.Server, "1001")
	s.TeamStatus("1001", "available", 2*time.Second)

	// A call is published: the lamp is on, the status On a Call.
	s.publish(pbx, "confirmed")
	lamp("confirmed")
	s.TeamStatus("1001", "on_a_call", time.Second)

	// The next call is refused, with the reason.
	res := s.invite(pbx)
	if reason := res.Get(message.Reason); res.Status != 486 || reason != `SIP;cause=486;text="On a Call"` {
		t.Fatalf("a call during the call is answered %d, Reason %s", res.Status, reason)
	}

	// The call ends: the lamp is off, the status Available.
	s.publish(pbx, "terminated")
	lamp("terminated")
	s.TeamStatus("1001", "available", time.Second)

	// Calls are redirected, to every phone that has registered.
	s.redirected(pbx, desk.Contact("1001"))
	if res := soft.Register(uri("1001"), "1001-soft", "demo-1001", 600); res.Status != 200 {
		t.Fatalf("the softphone is answered %d", res.Status)
	}
	s.redirected(pbx, desk.Contact("1001"), soft.Contact("1001"))

	// The page is closed: Offline to the team once the grace time is over, and
	// the phones still ring.
	agent.Close()
	took := s.TeamStatus("1001", "offline", 6*time.Second)
	if took < 4*time.Second {
		t.Errorf("Offline after %s, within the grace time of 5 s", took)
	}
	s.redirected(pbx, desk.Contact("1001"), soft.Contact("1001"))
}

func (s *story) peer() *siptest.Peer {
	p := siptest.NewRealPeer(s.t, s.SIP)
	p.Timeout = 5 * time.Second
	return p
}

// subscribe makes a lamp key for 1001 and returns what waits for the next NOTIFY
// and checks the state it tells.
func (s *story) subscribe(p *siptest.Peer) (lamp func(state string)) {
	s.t.Helper()
	res := p.DoAuth("1002", "demo-1002", func() *message.Builder {
		return p.Request("SUBSCRIBE", uri("1001"), uri("1002"), "").
			Add(message.Contact, "<"+p.Contact("1002")+">").
			Add(message.Event, "dialog").Add(message.Accept, "application/dialog-info+xml").Add(message.Expires, "600")
	})
	if res.Status != 200 {
		s.t.Fatalf("SUBSCRIBE is answered %d", res.Status)
	}
	return func(state string) {
		s.t.Helper()
		m := p.Expect(siptest.Method("NOTIFY"))
		p.Respond(m, 200)
		body := string(m.Body)
		if !strings.Contains(body, "<state>"+state+"</state>") || !strings.Contains(body, `entity="`+uri("1001")+`"`) {
			s.t.Fatalf("the lamp is told, instead of %s:\n%s", state, body)
		}
	}
}

// publish says what has become of the call of 1001.
func (s *story) publish(pbx *siptest.Peer, state string) {
	s.t.Helper()
	b := pbx.Request("PUBLISH", uri("1001"), "sip:pbx@"+domain, "").Add(message.Event, "dialog").Add(message.Expires, "600")
	if s.etag != "" {
		b.Add(message.SIPIfMatch, s.etag)
	}
	b.Body("application/dialog-info+xml", fmt.Appendf(nil, `<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="%s">
<dialog id="d1" call-id="c1@pbx" direction="recipient"><state>%s</state></dialog></dialog-info>`, uri("1001"), state))
	res := pbx.Do(b)
	if res.Status != 200 {
		s.t.Fatalf("PUBLISH %s is answered %d", state, res.Status)
	}
	s.etag = res.Get(message.SIPETag)
}

// invite calls 1001 and acknowledges the answer.
func (s *story) invite(pbx *siptest.Peer) *message.Message {
	s.t.Helper()
	b := pbx.Request("INVITE", uri("1001"), "sip:+390612345@carrier.test", "").Add(message.Contact, "<"+pbx.Contact("pbx")+">")
	res := pbx.Do(b)
	via, _ := res.TopVia()
	seq, _ := res.CSeq()
	pbx.SendRaw(message.NewRequest("ACK", uri("1001")).
		Add(message.Via, pbx.Via(via.Branch)).
		Add(message.MaxForwards, "70").Add(message.From, res.Get(message.From)).Add(message.To, res.Get(message.To)).
		Add(message.CallID, res.CallID()).Add(message.CSeq, fmt.Sprint(seq, " ACK")).Bytes())
	return res
}

// redirected calls 1001 and checks that exactly these contacts are named.
func (s *story) redirected(pbx *siptest.Peer, want ...string) {
	s.t.Helper()
	res := s.invite(pbx)
	if res.Status != 302 {
		s.t.Fatalf("a call is answered %d, Reason %s", res.Status, res.Get(message.Reason))
	}
	list, err := res.Contacts()
	if err != nil {
		s.t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		got = append(got, c.URI)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.t.Fatalf("redirected to %q, want %q", got, want)
	}
}
