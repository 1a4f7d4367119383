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

// Its presence is taken at start, at each change and at its end. Open and closed
// without a word more is what phones say when they come and go, so nothing is
// selected by it, also where the device may.
func TestPublishedPresenceIsTakenAndSelectsNothing(t *testing.T) {
	s := serve(t)
	var list struct {
		Devices []struct{ ID string }
	}
	s.API("GET", "/agents/1002/devices", nil, &list)
	for _, d := range list.Devices {
		if code := s.API("PATCH", "/agents/1002/devices/"+d.ID, map[string]bool{"publish_selects": true}, nil); code != 200 && code != 422 {
			t.Fatalf("HTTP %d", code)
		}
	}
	p := start(t, s, "1002-soft", "demo-1002")
	tags := map[string]bool{}
	published := func(n int) {
		t.Helper()
		lab.Eventually(t, 5*time.Second, func() error {
			for _, m := range p.messages("SIP/2.0 200 OK") {
				if _, rest, tagged := strings.Cut(m, "\nSIP-ETag: "); tagged {
					tag, _, _ := strings.Cut(rest, "\n")
					tags[tag] = true
				}
			}
			if len(tags) != n {
				return fmt.Errorf("entity tags %v, want %d", tags, n)
			}
			return nil
		})
	}
	published(1)
	for i, word := range []string{"offline", "online"} {
		p.says("presence -b " + word)
		published(2 + i)
		var a struct{ Selected struct{ Status string } }
		if s.API("GET", "/agents/1002", nil, &a); a.Selected.Status != "available" {
			t.Errorf("%s selected %q", word, a.Selected.Status)
		}
	}
	p.quit()
	for _, refused := range []string{"SIP/2.0 403", "SIP/2.0 412", "SIP/2.0 489"} {
		if m := p.messages(refused); len(m) > 0 {
			t.Errorf("refused:\n%s", m[0])
		}
	}
}
