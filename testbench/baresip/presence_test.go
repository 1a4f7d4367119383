//go:build testbench

package baresip

import (
	"strings"
	"testing"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/testbench/page"
)

// A colleague in baresip's list of contacts turns with the agent's status. It
// is watched over UDP, where the demo trusts this address, and over TCP, where
// baresip proves who it is.
func TestBuddyTurnsWithTheAgentsStatus(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{})
			p := start(t, s, options{
				number: "1001", user: "1001-soft", password: "demo-1001", transport: transport, buddies: []string{"1002"},
			})
			p.shows("1002", "Offline")

			agent := page.Open(t, s, "1002")
			s.TeamStatus("1002", "available", 5e9)
			p.shows("1002", "Online")

			pbx := siptest.NewRealPeer(t, s.SIP)
			etag := publish(t, pbx, "1002", "confirmed", "")
			p.shows("1002", "Busy")
			publish(t, pbx, "1002", "terminated", etag)
			p.shows("1002", "Online")

			agent.Close()
			p.shows("1002", "Offline") // when the grace time is over
		})
	}
}

// A crash of the server costs the watcher nothing: its registration and its
// subscription are there again, and the next change reaches it.
func TestBuddyOutlivesACrashOfTheServer(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	p := start(t, s, options{
		number: "1001", user: "1001-soft", password: "demo-1001", transport: "udp", buddies: []string{"1002"},
	})
	r := registered(t, s, "1001", "UDP")
	p.shows("1002", "Offline")
	s.Kill()
	s.Run()
	if got := registered(t, s, "1001", "UDP"); got.Contact != r.Contact {
		t.Errorf("registered as %s, before the crash as %s", got.Contact, r.Contact)
	}
	publish(t, siptest.NewRealPeer(t, s.SIP), "1002", "confirmed", "")
	p.shows("1002", "Busy")
	if n := strings.Count(p.printed(), "200 OK () [1 binding]"); n != 1 {
		t.Errorf("baresip registered %d times: what is shown may be its own doing", n)
	}
}

// publish says, as the demo's PBX, what became of the agent's call.
func publish(t *testing.T, pbx *siptest.Peer, number, state, etag string) string {
	t.Helper()
	uri := "sip:" + number + "@" + domain
	b := pbx.Request("PUBLISH", uri, "sip:pbx@"+domain, "").Add(message.Event, "dialog").Add(message.Expires, "600")
	if etag != "" {
		b.Add(message.SIPIfMatch, etag)
	}
	b.Body("application/dialog-info+xml", []byte(`<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="`+uri+`">
<dialog id="d1" call-id="c1@pbx" direction="recipient"><state>`+state+`</state></dialog></dialog-info>`))
	res := pbx.Do(b)
	if res.Status != 200 {
		t.Fatalf("PUBLISH %s: %d", state, res.Status)
	}
	return res.Get(message.SIPETag)
}
