package publisher

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/sip/siptest"
)

// These tests are named after what goes wrong elsewhere; so are several of
// trouble_test.go.

// However the network turns packets around, an upstream never hears of a call's
// beginning after its end.
func TestEarlyNeverOvertakesTerminated(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Events = []string{Dialog} }, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.net.SetFaults(siptest.Faults{Seed: 5, Reorder: 0.5, ReorderBy: 300 * time.Millisecond, Duplicate: 0.3, Jitter: 50 * time.Millisecond})
		for i := range 100 {
			for _, state := range []string{"early", "confirmed", ""} {
				if state == "" {
					r.set(0, "Available")
				} else {
					r.set(0, "Available", fmt.Sprint("d", i, ":", state))
				}
				settle(20 * time.Millisecond)
			}
		}
		settle(5 * time.Second)
		over := map[string]bool{}
		for _, line := range r.up.took() {
			for _, d := range strings.Fields(line)[3:] {
				id, state, _ := strings.Cut(d, ":")
				if over[id] && state != "terminated" {
					t.Errorf("%s is %s after its end", id, state)
				}
				over[id] = over[id] || state == "terminated"
			}
		}
		if len(over) < 5 {
			t.Errorf("only %d calls were told", len(over))
		}
	})
}

// An upstream that cannot be told of a call's end does not show it longer than
// DialogExpiry.
func TestEndThatCannotBeToldIsOverByExpiry(t *testing.T) {
	bubble(t, 1, nil, func(t *testing.T, r *rig) {
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		r.sees(Dialog, 0, "a:confirmed")
		r.up.close()
		r.set(0, "Offline")
		settle(2 * time.Minute)
		r.sees(Dialog, 0, "") // as its watchers are told
		r.up.open()
		settle(40 * time.Second)
		r.sees(Presence, 0, "Offline")
		for _, view := range r.up.views(Dialog, 0) {
			if view != "a:terminated" {
				t.Errorf("shows %s", view)
			}
		}
	})
}

// A call that spans our restart is told to be over when it is, under the tag of
// before.
func TestCallOverOurRestartEndsUpstream(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Events = []string{Dialog}; u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		r.restart()
		settle(time.Second)
		r.sees(Dialog, 0, "a:confirmed")
		r.up.took()
		r.set(0, "Available")
		settle(100 * time.Millisecond)
		r.sees(Dialog, 0, "a:terminated")
		r.wants("dialog 1001 change a:terminated")
	})
}
