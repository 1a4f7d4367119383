//go:build testbench

package twinkle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// It registers with a challenge, watches its mailbox and a colleague, sees the
// colleague's calls, and takes everything back when it quits.
func TestRegistersWatchesAndTakesItBackAtQuit(t *testing.T) {
	s := serve(t)
	p := start(t, s, "1002-soft", "demo-1002", "1001")
	bound := func(want bool) {
		t.Helper()
		lab.Eventually(t, 5*time.Second, func() error {
			for _, d := range s.Agent("1002").Devices {
				if d.Kind == "soft" && d.Reachable == want {
					return nil
				}
			}
			return fmt.Errorf("want the softphone reachable %v: %+v", want, s.Agent("1002").Devices)
		})
	}
	bound(true)
	p.sees("message-summary", "Messages-Waiting: no")
	p.sees("presence", "<note>Offline</note>")
	calls := pbx(t, s, "1001")
	for i, step := range []struct{ state, sees string }{{"early", "<note>Offline</note>"}, {"confirmed", "<rpid:on-the-phone/>"}, {"terminated", "<note>Offline</note>"}} {
		if res, err := calls.Publish("a", step.state, 600); err != nil || res.Status != 200 {
			t.Fatalf("PUBLISH %d: %v\n%s", i, err, res.Raw)
		}
		p.sees("presence", step.sees)
	}
	p.quit()
	lab.Eventually(t, 5*time.Second, func() error {
		for _, d := range s.Agent("1002").Devices {
			if d.Kind == "soft" && d.Reachable {
				return fmt.Errorf("registered after it quit: %+v", d)
			}
		}
		return nil
	})
	ended := 0
	for _, m := range p.messages("NOTIFY ") {
		if strings.Contains(m, "Subscription-State: terminated") {
			ended++
		}
	}
	if ended != 2 {
		t.Errorf("%d of 2 subscriptions were ended by a last NOTIFY", ended)
	}
}

// A killed server tells it the state anew without being asked, and the dialogs
// go on.
func TestOutlivesACrashOfTheServer(t *testing.T) {
	s := serve(t)
	p := start(t, s, "1002-soft", "demo-1002", "1001")
	p.sees("presence", "<note>Offline</note>")
	calls := pbx(t, s, "1001")
	publish := func(state string) {
		t.Helper()
		if res, err := calls.Publish("a", state, 600); err != nil || res.Status != 200 {
			t.Fatalf("PUBLISH: %v\n%s", err, res.Raw)
		}
	}
	publish("confirmed")
	p.sees("presence", "<rpid:on-the-phone/>")
	before := len(p.messages("NOTIFY "))
	s.Kill()
	s.Run()
	lab.Eventually(t, 10*time.Second, func() error {
		if n := len(p.messages("NOTIFY ")); n < before+2 {
			return fmt.Errorf("%d NOTIFYs, %d before the crash", n, before)
		}
		return nil
	})
	p.sees("presence", "<rpid:on-the-phone/>")
	publish("terminated")
	p.sees("presence", "<note>Offline</note>")
}
