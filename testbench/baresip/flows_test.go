//go:build testbench

package baresip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

// baresip keeps two connections by RFC 5626. Both are registered, and a call rings
// it once; when the server ends one, it opens it anew.
func TestTwoFlowsAreOneContact(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	start(t, s, options{number: "1001", user: "1001-soft", password: "demo-1001", transport: "tcp", second: "udp"})
	lab.Eventually(t, 10*time.Second, func() error {
		if got := registrations(s, "1001"); len(got) != 2 || got[0].Transport == got[1].Transport {
			return fmt.Errorf("registered: %+v", got)
		}
		return nil
	})
	if got := targets(s, "1001"); len(got) != 1 {
		t.Errorf("a call rings %v", got)
	}
	s.Kill() // the connection ends with the server; what came by UDP is restored
	s.Run()
	lab.Eventually(t, 60*time.Second, func() error {
		if got := registrations(s, "1001"); len(got) != 2 || !got[0].Alive || !got[1].Alive {
			return fmt.Errorf("after a crash: %+v", got)
		}
		return nil
	})
	if got := targets(s, "1001"); len(got) != 1 {
		t.Errorf("after a crash a call rings %v", got)
	}
}

// Given a GRUU, baresip names itself by it in what it subscribes to, and yet gets
// its NOTIFYs.
func TestWatchesByItsGRUU(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{Env: []string{"LAMPLIGHT_REGISTRAR_GRUU=true"}})
			p := start(t, s, options{number: "1001", user: "1001-soft", password: "demo-1001", transport: transport, flows: true, trace: true, buddies: []string{"1002"}})
			p.shows("1002", "Offline")
			publish(t, siptest.NewRealPeer(t, s.SIP), "1002", "confirmed", "")
			p.shows("1002", "Busy")
			if !strings.Contains(p.printed(), "pub-gruu=") || !strings.Contains(p.printed(), "Require: outbound") {
				t.Error("it was not given a GRUU, or no outbound was applied")
			}
			if !strings.Contains(p.printed(), "Contact: <sip:1001@"+domain+";gr=") {
				t.Error("it does not use its GRUU")
			}
		})
	}
}
