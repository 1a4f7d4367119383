package routing

import "slices"

// Only leaves of a decision the targets that a call asked for by their ids, as one
// to a GRUU does (RFC 5627 §6.1); nil asks for none in particular. What else would
// ring is left out, and no fallback is called instead: it is no such device.
func (d Decision) Only(ids []string) Decision {
	if ids == nil {
		return d
	}
	var steps []Step
	for _, s := range d.Steps {
		var kept []Target
		for i := range s.Targets {
			if slices.Contains(ids, s.Targets[i].ID) {
				kept = append(kept, s.Targets[i])
			}
		}
		if len(kept) > 0 {
			steps = append(steps, Step{After: s.After, Targets: kept})
		}
	}
	d.Steps, d.Devices = steps, slices.Clone(d.Devices)
	for i := range d.Devices {
		if dev := &d.Devices[i]; dev.Taken && !slices.Contains(ids, dev.ID) {
			dev.Taken, dev.Reason = false, "the call asked for another device"
		}
	}
	if d.Allow && len(steps) == 0 {
		if !d.Fallback {
			d.Code, d.Text = codeUnavailable, "The device asked for does not ring"
		}
		d.Allow, d.Fallback = false, false
	}
	return d
}
