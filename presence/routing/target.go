package routing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
)

// take sorts the devices into steps: what rings at once is step 0, others follow
// after their delays, or when it is their turn.
func (d *Decision) take(s *presence.Snapshot, c *Call) {
	next := turns(s, c)
	for i := range s.Devices {
		dev := &s.Devices[i]
		if why := leftOut(dev, c); why != "" {
			d.leaveOut(dev, why)
			continue
		}
		t := turn{after: max(dev.Delay, 0)}
		if len(next) > 0 {
			t, next = next[0], next[1:]
		}
		d.Devices = append(d.Devices, Considered{ID: dev.ID, Kind: dev.Kind, Taken: true, Reason: taken(dev, c, t)})
		d.target(t.after, Target{
			ID: dev.ID, Device: dev.Device, Kind: dev.Kind, URI: uri(dev, s.AOR),
			Q: min(max(dev.Q, 0), 1000), Push: dev.Push, Confirm: dev.Confirm, Ring: t.ring,
		})
	}
	slices.SortStableFunc(d.Steps, func(a, b Step) int { return cmp.Compare(a.After, b.After) })
	d.grade()
}

// leftOut says why a device does not ring for this call; empty if it does.
func leftOut(dev *presence.DeviceState, c *Call) string {
	switch {
	case !dev.Enabled, !dev.Reachable:
		return dev.Why
	case c.Kind == presence.CallCampaign && dev.Kind != presence.KindWebphone:
		return "campaign calls ring the webphone only"
	case c.Group != "" && dev.Kind == presence.KindNumber && !dev.Group:
		return "group calls do not ring this number"
	case dev.Wake && c.waking(dev.ID) != nil:
		return c.waking(dev.ID).Text
	case !c.Redirect:
		return ""
	case dev.Kind == presence.KindWebphone, dev.FlowOnly:
		return "only this server's own connection reaches it, so the call cannot be redirected there"
	case dev.Wake:
		return "only this server can wake it, so the call cannot be redirected there"
	case dev.Confirm:
		return "asks for a key press, which only this server can ask for"
	}
	return ""
}

// taken says how a device is rung.
func taken(dev *presence.DeviceState, c *Call, t turn) string {
	text := begins(dev, c, t.after)
	if t.ring > 0 {
		text += ", for " + t.ring.String()
	}
	return text
}

func begins(dev *presence.DeviceState, c *Call, after time.Duration) string {
	switch w := c.waking(dev.ID); {
	case w != nil && w.Woken && after > 0:
		return w.Text + ", rings after " + after.String()
	case w != nil && w.Woken:
		return w.Text + ", rings at once"
	case after > 0:
		return "rings after " + after.String()
	case dev.Wake:
		return "is woken by a push, then rings"
	case dev.Restored:
		return "rings; not heard since the restart"
	}
	return "rings at once"
}

func (d *Decision) leaveOut(dev *presence.DeviceState, why string) {
	d.Devices = append(d.Devices, Considered{ID: dev.ID, Kind: dev.Kind, Reason: why})
}

// absent gives a reason for each kind of device of which there is none.
func (d *Decision) absent(s *presence.Snapshot) {
	var webphone, phone, mobile bool
	for i := range s.Devices {
		switch s.Devices[i].Kind {
		case presence.KindWebphone:
			webphone = true
		case presence.KindDesk, presence.KindSoft:
			phone = true
		case presence.KindMobile:
			mobile = true
		}
	}
	if !webphone {
		d.Devices = append(d.Devices, Considered{
			ID: "webphone", Kind: presence.KindWebphone, Reason: "no webphone is logged in",
		})
	}
	if !phone {
		d.Devices = append(d.Devices, Considered{
			ID: "sip_phone", Kind: presence.KindDesk, Reason: "no desk phone or softphone is registered",
		})
	}
	if !mobile {
		d.Devices = append(d.Devices, Considered{
			ID: "mobile", Kind: presence.KindMobile, Reason: "no mobile is registered",
		})
	}
}

// target adds to the step of that delay.
func (d *Decision) target(after time.Duration, t Target) {
	after = max(after, 0)
	for i := range d.Steps {
		if d.Steps[i].After == after {
			d.Steps[i].Targets = append(d.Steps[i].Targets, t)
			return
		}
	}
	d.Steps = append(d.Steps, Step{After: after, Targets: []Target{t}})
}

// grade keeps the q values of the first step as the devices registered them and
// puts those of each later step below all before it.
func (d *Decision) grade() {
	lowest := 1000
	for i := range d.Steps {
		limit := 1000
		if i > 0 {
			limit = lowest / 2
		}
		for j := range d.Steps[i].Targets {
			t := &d.Steps[i].Targets[j]
			t.Q = min(t.Q, limit)
			lowest = min(lowest, t.Q)
		}
	}
}

// uri is where the call is sent.
func uri(dev *presence.DeviceState, aor string) string {
	if dev.Kind != presence.KindNumber {
		return dev.Contact
	}
	return dialled(dev.Contact, aor)
}

// Dialled is where a fallback or number of the agent with this address of record
// is called.
func Dialled(to, aor string) string { return dialled(to, aor) }

// dialled makes a number a SIP URI of the agent's domain that says it is a
// telephone number (RFC 3261 §19.1.6); what is written as a URI stays as it is.
func dialled(to, aor string) string {
	if strings.Contains(to, ":") {
		return to
	}
	_, domain, _ := strings.Cut(aor, "@")
	return "sip:" + plainNumber(to) + "@" + domain + ";user=phone"
}

// plainNumber takes out the visual separators of RFC 3966 §5.1.1 and blanks.
func plainNumber(s string) string {
	if !strings.ContainsAny(s, " -.()") {
		return s
	}
	return strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "").Replace(s)
}
