package routing

import "lamplight/presence"

// Waking is what came of waking a device for a call.
type Waking struct {
	ID    string `json:"id"` // presence.DeviceState.ID
	Woken bool   `json:"woken"`
	// Text says how it went: "woken by push after 2.1 s", "did not wake within 8s".
	Text string `json:"text"`
}

// Sleepers are the devices that the call would ring if they were woken first, none
// where its kind of call is barred or was refused a device already. A call that is
// redirected gains nothing from one that only our own flow reaches.
func Sleepers(s *presence.Snapshot, p presence.Policy, c Call) []string {
	if s == nil || s.Bare {
		return nil
	}
	if code, _ := barred(s, &p, &c); code != 0 {
		return nil
	}
	var ids []string
	for i := range s.Devices {
		dev := s.Devices[i]
		if !dev.Wake || c.waking(dev.ID) != nil {
			continue
		}
		if dev.Wake = false; leftOut(&dev, &c) == "" { // as it will be
			ids = append(ids, dev.ID)
		}
	}
	return ids
}

func (c *Call) waking(id string) *Waking {
	for i := range c.Wakings {
		if c.Wakings[i].ID == id {
			return &c.Wakings[i]
		}
	}
	return nil
}

// sleptOn: some device did not wake for the call.
func (c *Call) sleptOn() bool {
	for i := range c.Wakings {
		if !c.Wakings[i].Woken {
			return true
		}
	}
	return false
}

// ended gives the reason of a device that was to be woken and is registered no
// more: its push service did not know it.
func (d *Decision) ended(s *presence.Snapshot, c *Call) {
	for i := range c.Wakings {
		w := &c.Wakings[i]
		known := false
		for j := range s.Devices {
			known = known || s.Devices[j].ID == w.ID
		}
		if !known {
			d.Devices = append(d.Devices, Considered{ID: w.ID, Kind: presence.KindMobile, Reason: w.Text})
		}
	}
}
