//go:build testbench

package baresip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// The phone of a hot desk is registered while it is nobody's. An agent who logs in
// by a code is rung there at once, though the phone registers what it always did,
// also after a crash; who logs out is not.
func TestHotDesk(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{})
			p := start(t, s, options{number: "desk-1", user: "desk-1", password: "demo-desk-1", transport: transport, trace: true})
			lab.Eventually(t, 10*time.Second, func() error {
				if !strings.Contains(p.printed(), "200 OK") {
					return fmt.Errorf("a free desk's phone is not registered")
				}
				return nil
			})
			rings := func(number string, want int) time.Duration {
				t.Helper()
				return lab.Eventually(t, 5*time.Second, func() error {
					if got := targets(s, number); len(got) != want {
						return fmt.Errorf("a call to %s rings %v", number, got)
					}
					return nil
				})
			}
			rings("1001", 0)
			p.command("dial sip:*461001*2468@" + domain)
			t.Logf("rung %v after the code was dialled", rings("1001", 1))
			if got := registrations(s, "1001"); len(got) != 1 || !strings.HasPrefix(got[0].Contact, "sip:desk-1") {
				t.Errorf("registered: %+v", got)
			}
			if transport == "udp" {
				s.Kill()
				s.Run()
				rings("1001", 1)
			}
			p.command("dial sip:*47@" + domain)
			rings("1001", 0)
			p.command("dial sip:*461002*1357@" + domain)
			rings("1002", 1)
			rings("1001", 0)
		})
	}
}
