package presence

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Ringing says in which order an agent's devices ring, and for how long. The zero
// value rings all at once, numbers after their delays.
type Ringing struct {
	// InOrder rings one device after the other: those of Devices first, in that
	// order, then the rest as snapshots list them. The next one rings when the one
	// before has rung out or refused.
	InOrder bool `json:"in_order,omitempty"`
	// Devices are what is different for some.
	Devices []DeviceRing `json:"devices,omitempty"`
}

// DeviceRing is how one device rings, or a forwarding number by its id.
type DeviceRing struct {
	Device DeviceID `json:"device"`
	// After is how long the call has rung before this device does, up to a minute; a
	// number that has a delay too waits for the longer one.
	After time.Duration `json:"after,omitempty"`
	// Ring is how long it rings, 5 s to 2 min; zero: as long as the domain says, or in
	// order TurnRing.
	Ring time.Duration `json:"ring,omitempty"`
}

// TurnRing is how long a device rings whose turn it is, if it has no ring time.
const TurnRing = 20 * time.Second

const (
	maxRings  = 64
	maxAfter  = time.Minute
	leastRing = 5 * time.Second
	mostRing  = 2 * time.Minute
)

// IsZero reports whether nothing is different from the usual.
func (r Ringing) IsZero() bool { return !r.InOrder && len(r.Devices) == 0 }

// Same reports whether both say the same.
func (r *Ringing) Same(o *Ringing) bool {
	return r.InOrder == o.InOrder && slices.Equal(r.Devices, o.Devices)
}

// Of is what holds for a device, and its place in the order; those that are not
// named come last.
func (r *Ringing) Of(id DeviceID) (d DeviceRing, place int) {
	if !id.IsZero() {
		for i := range r.Devices {
			if r.Devices[i].Device == id {
				return r.Devices[i], i
			}
		}
	}
	return DeviceRing{Device: id}, len(r.Devices)
}

// Check holds it to its bounds.
func (r *Ringing) Check() error {
	if len(r.Devices) > maxRings {
		return fmt.Errorf("ringing: more than %d devices", maxRings)
	}
	for i, d := range r.Devices {
		switch {
		case d.Device.IsZero():
			return errors.New("ringing: a device is missing")
		case d.After < 0 || d.After > maxAfter:
			return fmt.Errorf("ringing: after %s is not between 0 and %s", d.After, maxAfter)
		case d.Ring != 0 && (d.Ring < leastRing || d.Ring > mostRing):
			return fmt.Errorf("ringing: a ring time of %s is not between %s and %s", d.Ring, leastRing, mostRing)
		case slices.ContainsFunc(r.Devices[:i], func(o DeviceRing) bool { return o.Device == d.Device }):
			return fmt.Errorf("ringing: device %s is there twice", d.Device)
		}
	}
	return nil
}
