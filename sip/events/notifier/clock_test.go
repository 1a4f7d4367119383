package notifier

import (
	"testing"

	"lamplight/sip/events/clock"
)

func TestPacedSubscriptionHasOneEntryForItsEnd(t *testing.T) {
	n := &Notifier{clock: clock.New[*subscription]()}
	s := &subscription{}
	now := stamp(n.clock.Set(nil, 0))
	n.clock.Ring(int64(now))
	end := now + 5000
	n.wakeLocked(s, end)
	for range 100 { // a pace of one second
		now++
		n.wakeLocked(s, now)
		if rung := n.clock.Ring(int64(now)); len(rung) != 1 || s.wake != now {
			t.Fatalf("%d rang at its second, to be woken at %d", len(rung), s.wake)
		}
		s.wake = 0
		n.wakeLocked(s, end)
	}
	if rung := n.clock.Ring(int64(end)); len(rung) != 1 || s.wake != end {
		t.Errorf("%d entries for the end", len(rung))
	}
}
