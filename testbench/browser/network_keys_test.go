//go:build testbench

package browser

import (
	"fmt"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// TestKeysPressedIntoADeadConnectionArriveOnce: the agent presses keys while the network
// is cut, or right after it changed, and the page does not know yet: its socket is open and
// takes them. The desk phone is told each key once, in order; of keys pressed too long
// ago the agent is told that they were not sent.
func TestKeysPressedIntoADeadConnectionArriveOnce(t *testing.T) {
	n := apart(t)
	if n == nil {
		return
	}
	w := n.agent(t)
	defer w.diary(t)
	w.dial(t)
	w.page.keys("1")
	w.keyed(t, "1")

	dark := n.dark()
	dark.down()
	w.page.keys("23")
	time.Sleep(2500 * time.Millisecond)
	w.page.Says("call-note", "Waiting for the connection: the keys 23.")
	dark.restore()
	w.keyed(t, "123")
	w.page.Shows("call-note", false)

	w.readdress(cableAddr, "10.77.1.3")
	w.page.keys("45")
	w.keyed(t, "12345")
	w.readdress("10.77.1.3", cableAddr)
	w.page.keys("6")
	w.keyed(t, "123456")

	w.sound(t, "", patience)
	dark.down()
	w.page.keys("78")
	time.Sleep(8 * time.Second)
	dark.restore()
	w.page.Says("call-note", "were not sent")
	w.page.keys("9")
	w.keyed(t, "1234569")
	w.hangUp(t)
}

// keyed waits until the desk phone was told these keys, and no more.
func (w *wired) keyed(t *testing.T, want string) {
	t.Helper()
	got := ""
	lab.Eventually(t, patience, func() error {
		if got = w.desk.Ear.Report().Keys; len(got) < len(want) {
			return fmt.Errorf("the desk phone was told the keys %q, want %q", got, want)
		}
		return nil
	})
	time.Sleep(time.Second)
	if got = w.desk.Ear.Report().Keys; got != want {
		t.Errorf("the desk phone was told the keys %q, want %q", got, want)
	}
}
