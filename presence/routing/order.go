package routing

import (
	"slices"
	"time"

	"lamplight/presence"
)

// turn is when a device begins to ring, and for how long; zero: as long as the call
// does.
type turn struct{ after, ring time.Duration }

// turns says when each of the devices that ring for the call does, in the order of
// the snapshot; nil where only their own delays count.
func turns(s *presence.Snapshot, c *Call) []turn {
	r := &s.Settings.Ringing
	if r.IsZero() {
		return nil
	}
	var devices []*presence.DeviceState
	for i := range s.Devices {
		if dev := &s.Devices[i]; leftOut(dev, c) == "" {
			devices = append(devices, dev)
		}
	}
	out := make([]turn, len(devices))
	order := make([]int, len(devices))
	places := make([]int, len(devices))
	for i, dev := range devices {
		d, place := r.Of(dev.Device)
		order[i], places[i] = i, place
		out[i] = turn{max(dev.Delay, d.After, 0), d.Ring}
	}
	if !r.InOrder {
		return out
	}
	slices.SortStableFunc(order, func(a, b int) int { return places[a] - places[b] })
	var began, free time.Duration // when the last turn began, and when the next may
	for at, i := range order {
		t := &out[i]
		if t.ring == 0 {
			t.ring = presence.TurnRing
		}
		if at > 0 && sameDevice(devices[i], devices[order[at-1]]) { // its other contacts ring with it
			t.after = began
			continue
		}
		began = max(t.after, free)
		t.after, free = began, began+t.ring
	}
	return out
}

func sameDevice(a, b *presence.DeviceState) bool { return !a.Device.IsZero() && a.Device == b.Device }
