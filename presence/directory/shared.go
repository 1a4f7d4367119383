package directory

import (
	"slices"
	"strings"

	"lamplight/presence"
)

// Shared lists the hot desks of a domain by name.
func (d *Directory) Shared(dom presence.DomainID) []*presence.Device {
	d.mu.RLock()
	of := d.ix.shared[dom]
	out := make([]*presence.Device, 0, len(of))
	for id := range of {
		out = append(out, &d.ix.devices[id].Device)
	}
	d.mu.RUnlock()
	slices.SortFunc(out, func(a, b *presence.Device) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return compareDevices(a.ID, b.ID)
	})
	return out
}

// share notes whether a device is a hot desk; nil forgets old.
func (x *indexes) share(old, v *device) {
	if old != nil && old.Shared {
		delete(x.shared[old.Domain], old.ID)
	}
	if v == nil || !v.Shared {
		return
	}
	of := x.shared[v.Domain]
	if of == nil {
		of = map[presence.DeviceID]struct{}{}
		x.shared[v.Domain] = of
	}
	of[v.ID] = struct{}{}
}
