//go:build testbench

package linphone

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// logged waits until Linphone's log, of what it sends and receives, has a text.
func (p *softphone) logged(text string) {
	p.t.Helper()
	lab.Eventually(p.t, 10*time.Second, func() error {
		if b, _ := os.ReadFile(p.log); !strings.Contains(string(b), text) {
			return fmt.Errorf("no %q in Linphone's log", text)
		}
		return nil
	})
}

// said waits until Linphone has printed a text.
func (p *softphone) said(text string) {
	p.t.Helper()
	lab.Eventually(p.t, 10*time.Second, func() error {
		if !strings.Contains(p.printed(), text) {
			return fmt.Errorf("Linphone does not say %q", text)
		}
		return nil
	})
}

// within is how long a status may take.
const within = 5 * time.Second

// three are Linphones of 1001, 1002 and 1003, with files for sound cards.
func three(t *testing.T, s *lab.Server, transport string) (a, b, c *softphone) {
	t.Helper()
	var all []*softphone
	for _, number := range []string{"1001", "1002", "1003"} {
		p := startAs(t, s, number, transport)
		lab.Eventually(t, 15*time.Second, func() error {
			if !s.Agent(number).Reachable {
				return fmt.Errorf("%s is not registered", number)
			}
			return nil
		})
		p.says("soundcard use files")
		all = append(all, p)
	}
	return all[0], all[1], all[2]
}

// TestAttendedTransfer: 1001 calls 1002, puts him on hold, consults 1003 and
// connects the two.
func TestAttendedTransfer(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			s := serve(t)
			a, b, c := three(t, s, transport)
			b.says("autoanswer enable")
			c.says("autoanswer enable")
			a.says("call 1002")
			a.said("Media streams established with sip:1002@")
			a.says("pause")
			a.said("is now paused")
			s.TeamStatus("1001", "on_a_call", within) // held is
			a.says("call 1003")
			a.said("Media streams established with sip:1003@")
			s.TeamStatus("1003", "on_a_call", within)
			a.says("transfer 1 --to-call 2")
			a.said("has been transfered") //nolint:misspell // its own spelling
			c.logged("Replaces: ")
			s.TeamStatus("1001", "offline", within)
			for _, number := range []string{"1002", "1003"} {
				s.TeamStatus(number, "on_a_call", within)
			}
			b.says("terminate all")
			for _, number := range []string{"1002", "1003"} { // it was one call of the two
				s.TeamStatus(number, "offline", within)
			}
		})
	}
}
