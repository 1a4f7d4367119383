package api

import (
	"net/http"
	"slices"
	"time"

	"lamplight/presence"
)

type (
	ringingJSON struct {
		Order   string           `json:"order,omitempty"`
		Devices []deviceRingJSON `json:"devices,omitempty"`
	}
	deviceRingJSON struct {
		Device string  `json:"device"`
		After  float64 `json:"after_seconds,omitempty"`
		Ring   float64 `json:"ring_seconds,omitempty"`
	}
)

const inOrder = "in_order"

func ringingOf(r *presence.Ringing) *ringingJSON {
	if r.IsZero() {
		return nil
	}
	j := &ringingJSON{Order: "together"}
	if r.InOrder {
		j.Order = inOrder
	}
	for _, d := range r.Devices {
		j.Devices = append(j.Devices, deviceRingJSON{d.Device.String(), d.After.Seconds(), d.Ring.Seconds()})
	}
	return j
}

// ringing reads what is wished. A device is the agent's, or a forwarding number; what
// was named before may be gone meanwhile.
func (a *API) ringing(j *ringingJSON, agent presence.AgentID, old *presence.Settings) (r presence.Ringing, err error) {
	r.InOrder = j.Order == inOrder
	own := a.o.Directory.DevicesOf(agent, time.Now())
	for _, in := range j.Devices {
		d := presence.DeviceRing{After: upToAnHour(in.After), Ring: upToAnHour(in.Ring)}
		at := slices.IndexFunc(own, func(x *presence.Device) bool { return a.isNamed(x, in.Device) })
		id, notID := presence.ParseID(in.Device)
		known := func(x presence.DeviceRing) bool { return x.Device.ID == id }
		number := func(x presence.Number) bool { return x.ID.ID == id }
		switch {
		case at >= 0:
			d.Device = own[at].ID
		case notID == nil && (slices.ContainsFunc(old.Options.Numbers, number) || slices.ContainsFunc(old.Ringing.Devices, known)):
			d.Device = presence.DeviceID{ID: id}
		default:
			return r, problem(http.StatusUnprocessableEntity, "the agent has no device %q", in.Device)
		}
		r.Devices = append(r.Devices, d)
	}
	if err := r.Check(); err != nil {
		return r, problem(http.StatusUnprocessableEntity, "%s", err)
	}
	return r, nil
}

// upToAnHour is a duration as JSON has it, of at most an hour.
func upToAnHour(s float64) time.Duration { return time.Duration(min(s, 3600) * float64(time.Second)) }
