//go:build testbench

package linphone

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// Its contacts come and go on one subscription, over a stream in one NOTIFY and
// over datagrams in several; its own names for them stay.
func TestContactsAreWatchedAsOneList(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			s := serve(t)
			contacts := []string{"1001@" + domain, "1003@" + domain, "1004@" + domain, "somebody@elsewhere.test"}
			p := start(t, s, transport, contacts...)
			for _, c := range contacts[:3] {
				p.shows(c, "Offline")
			}
			calls := pbx(t, s, "1003")
			for i, step := range []struct{ call, state, shows string }{{"a", "confirmed", "On the phone"}, {"a", "terminated", "Offline"}, {"b", "confirmed", "On the phone"}} {
				if res, err := calls.Publish(step.call, step.state, 600); err != nil || res.Status != 200 {
					t.Fatalf("PUBLISH %d: %v\n%s", i, err, res.Raw)
				}
				p.shows(contacts[1], step.shows)
			}
			p.shows(contacts[0], "Offline")
			if _, err := io.WriteString(p.in, "friend list\n"); err != nil {
				t.Fatal(err)
			}
			lab.Eventually(t, 5*time.Second, func() error {
				for i := range contacts {
					if !strings.Contains(p.printed(), fmt.Sprintf("name: Friend %d", i)) {
						return fmt.Errorf("contact %d has another name", i)
					}
				}
				return nil
			})
			p.quit()
		})
	}
}

// Over datagrams a killed server goes on with the list that Linphone brought.
func TestListOutlivesACrashOfTheServer(t *testing.T) {
	s := serve(t)
	p := start(t, s, "udp", "1001@"+domain, "1003@"+domain)
	p.shows("1001@"+domain, "Offline")
	p.shows("1003@"+domain, "Offline")
	s.Kill()
	s.Run()
	if res, err := pbx(t, s, "1001").Publish("a", "confirmed", 600); err != nil || res.Status != 200 {
		t.Fatalf("PUBLISH: %v\n%s", err, res.Raw)
	}
	p.shows("1001@"+domain, "On the phone")
	p.shows("1003@"+domain, "Offline")
}
