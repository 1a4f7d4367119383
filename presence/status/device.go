package status

import (
	"cmp"
	"slices"
	"strings"

	"lamplight/presence"
)

// onlineness is what the devices say together.
type onlineness struct {
	label         bool   // the agent is online, grace and doubt included
	webphoneRings bool   // an enabled webphone is a target right now
	device        bool   // some device is there, so the own view is not Offline
	why           string // why label is false
}

// devices lists every way to reach the agent, and finds out who is online.
func (c *clock) devices(f *presence.Facts, p *presence.Policy, ev *presence.Evaluation) onlineness {
	o := onlineness{why: noWebphone}
	if p.OnlineBy == presence.OnlineByAnyDevice {
		o.why = noDevice
	}
	opts := &f.Settings.Options
	n := len(f.Sessions) + len(f.Registrations) + len(opts.Numbers)
	if n > 0 {
		ev.Devices = make([]presence.DeviceState, 0, n)
	}
	worst := 0
	for i := range f.Sessions {
		c.session(&f.Sessions[i], opts.Webphone, ev, &o, &worst)
	}
	for i := range f.Registrations {
		c.registration(&f.Registrations[i], opts, p, ev, &o)
	}
	for i := range opts.Numbers {
		ev.Devices = append(ev.Devices, c.number(&opts.Numbers[i], p))
	}
	if len(ev.Devices) > 1 {
		slices.SortFunc(ev.Devices, compareDevices)
	}
	for i := range ev.Devices {
		if d := &ev.Devices[i]; d.Enabled && d.Reachable {
			ev.Reachable = true
			break
		}
	}
	if !ev.Reachable {
		ev.Why = unreachable(ev.Devices, opts)
	}
	if len(ev.Warnings) > 1 {
		slices.Sort(ev.Warnings)
		ev.Warnings = slices.Compact(ev.Warnings)
	}
	return o
}

// session judges one webphone. A session is a target while it is alive and its
// microphone usable; it makes the label online also while it is suspect or, for
// the time of grace, closed (rules 7, 8, 15).
func (c *clock) session(s *presence.Session, enabled bool, ev *presence.Evaluation, o *onlineness, worst *int) {
	switch s.State {
	case presence.SessionAlive, presence.SessionSuspect:
	case presence.SessionClosed:
		if s.Closed.IsZero() || c.over(s.Closed.Add(c.grace)) {
			return
		}
	default:
		return
	}
	mic := microphone(s)
	d := presence.DeviceState{
		ID: s.ID, Device: s.Device, Kind: presence.KindWebphone, Enabled: enabled, Q: 1000,
	}
	switch {
	case s.State == presence.SessionClosed:
		d.Why = webphoneClosed
	case s.State != presence.SessionAlive:
		d.Why = webphoneSuspect
		ev.Warnings = append(ev.Warnings, webphoneSuspect)
	case !mic.usable:
		d.Why = mic.text
	default:
		d.Reachable = true
		if enabled {
			o.webphoneRings = true
		}
	}
	if mic.usable {
		o.label, o.device = true, true
	} else if mic.rank > *worst {
		*worst, o.why = mic.rank, mic.text
	}
	if mic.text != "" && s.State != presence.SessionClosed {
		ev.Warnings = append(ev.Warnings, mic.text)
	}
	if !enabled {
		d.Why = webphoneOff
	}
	ev.Devices = append(ev.Devices, d)
}

// registration judges one binding of a desk phone, softphone or mobile.
func (c *clock) registration(r *presence.Registration, opts *presence.Options, p *presence.Policy,
	ev *presence.Evaluation, o *onlineness,
) {
	if c.over(r.Expires) {
		return
	}
	d := presence.DeviceState{
		ID: r.ID, Device: r.Device, Kind: r.Kind, Contact: r.Contact, Q: r.Q,
		FlowOnly: r.FlowOnly, Push: r.Push, Restored: r.Restored,
	}
	pushed := r.Push && r.Kind == presence.KindMobile
	d.Enabled = opts.SIPPhone
	off := sipPhoneOff
	if r.Kind == presence.KindMobile {
		d.Enabled, off = opts.Mobile, mobileOff
	}
	quiet := !r.QuietUntil.IsZero() && !c.over(r.QuietUntil)
	switch {
	case quiet:
		d.Why = quietDevice
		ev.Warnings = append(ev.Warnings, quietWarning(r.Kind))
	case r.Alive:
		d.Reachable = true
	case pushed:
		d.Reachable, d.Wake = true, true
	default:
		d.Why = deadFlow
	}
	if !d.Enabled {
		d.Why = off
	}
	if r.Alive || pushed {
		o.device = true
	}
	// Rule 21. A push token does not make online: it says that a phone exists,
	// not that its owner is there.
	if r.Alive && p.OnlineBy == presence.OnlineByAnyDevice {
		o.label = true
	}
	ev.Devices = append(ev.Devices, d)
}

// number judges one forwarding number, which within its hours is assumed to be
// reachable.
func (c *clock) number(n *presence.Number, p *presence.Policy) presence.DeviceState {
	d := presence.DeviceState{
		ID: n.Number, Device: n.ID, Kind: presence.KindNumber, Enabled: n.Enabled, Reachable: true,
		Contact: n.Number, Q: 1000, Delay: n.Delay, Group: n.Group, Confirm: n.Confirm,
	}
	if !n.ID.IsZero() {
		d.ID = n.ID.String()
	}
	open, why, next := n.OpenFor(p, c.now)
	c.over(next) // noted
	switch {
	case n.Number == "":
		d.Reachable, d.Why = false, numberEmpty
	case !open:
		d.Reachable, d.Why = false, why
	}
	if !n.Enabled {
		d.Why = numberOff
	}
	return d
}

// compareDevices is the stable order of Evaluation.Devices: webphones, desk
// phones, softphones, mobiles, numbers; within a kind numbers by delay, the
// others by preference (q).
func compareDevices(a, b presence.DeviceState) int {
	if c := cmp.Compare(kindRank(a.Kind), kindRank(b.Kind)); c != 0 {
		return c
	}
	if c := cmp.Compare(b.Q, a.Q); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Delay, b.Delay); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

func kindRank(k presence.DeviceKind) int {
	switch k {
	case presence.KindWebphone:
		return 0
	case presence.KindDesk:
		return 1
	case presence.KindSoft:
		return 2
	case presence.KindMobile:
		return 3
	}
	return 4
}

// unreachable says why no device can be rung (rule 11).
func unreachable(devices []presence.DeviceState, opts *presence.Options) string {
	if !opts.Any() {
		return everyOptionOff
	}
	var b strings.Builder
	for i := range devices {
		d := &devices[i]
		if !d.Enabled {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(d.Kind.Text())
		b.WriteString(": ")
		b.WriteString(d.Why)
	}
	if b.Len() == 0 {
		return nothingRegistered
	}
	return b.String()
}
