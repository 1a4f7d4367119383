package registrar

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"lamplight/presence"
)

// Excess is what becomes of one contact more than a device may have.
type Excess string

// The policies of excess.
const (
	ExcessReplace Excess = "replace" // the contact refreshed longest ago makes room
	ExcessReject  Excess = "reject"  // 403
	// ExcessUnlimited lets a device have as many as it likes, up to maxContacts;
	// there the oldest makes room.
	ExcessUnlimited Excess = "unlimited"
)

// Share is how many contacts a device may bind to one address of record. Several
// flows of one instance (RFC 5626) are one contact.
type Share struct {
	Contacts int
	Excess   Excess
}

const (
	maxContacts = 50 // of one device, whatever is configured
	maxFlows    = 4  // of one instance; RFC 5626 §4.2.1 has clients open two
)

func (s Share) validate(what string) error {
	switch {
	case s.Contacts > maxContacts:
		return fmt.Errorf("registrar: %scontacts %d is more than %d", what, s.Contacts, maxContacts)
	case s.Excess != "" && s.Excess != ExcessReplace && s.Excess != ExcessReject && s.Excess != ExcessUnlimited:
		return fmt.Errorf("registrar: %sexcess %q is none of replace, reject and unlimited", what, s.Excess)
	}
	return nil
}

// share is that of a kind of device, where it says nothing that of all.
func (l *Limits) share(kind presence.DeviceKind) Share {
	var s Share
	switch kind {
	case presence.KindDesk:
		s = l.Desk
	case presence.KindSoft:
		s = l.Soft
	case presence.KindMobile:
		s = l.Mobile
	}
	s = Share{Contacts: cmp.Or(max(s.Contacts, 0), l.Contacts), Excess: cmp.Or(s.Excess, l.Excess)}
	if s.Excess == ExcessUnlimited {
		return Share{Contacts: maxContacts, Excess: ExcessReplace}
	}
	return s
}

// held is one contact of a device with all its flows.
type held struct {
	flows   []*Binding
	touched bool      // by this request
	heard   time.Time // last
}

// limit holds the device to its share of contacts, and each of them to its flows.
func (p *plan) limit(a *ask, l *Limits) *refusal {
	touched := func(b *Binding) bool {
		return slices.Contains(p.put, b) || slices.ContainsFunc(p.refresh, func(r refresh) bool { return r.b == b })
	}
	var mine []held
	for _, b := range p.next {
		if !a.mine(b) {
			continue
		}
		i := slices.IndexFunc(mine, func(h held) bool { return b.sameDevice(h.flows[0]) })
		if i < 0 {
			i, mine = len(mine), append(mine, held{})
		}
		h := &mine[i]
		h.flows = append(h.flows, b)
		h.touched = h.touched || touched(b)
		if at := b.Expires.Add(-b.Grant); at.After(h.heard) {
			h.heard = at
		}
	}
	for _, h := range mine {
		if len(h.flows) <= maxFlows {
			continue
		}
		old := slices.DeleteFunc(slices.Clone(h.flows), touched)
		if len(h.flows)-len(old) > maxFlows {
			return refuse(403, "Too Many Flows")
		}
		slices.SortStableFunc(old, byAge)
		for _, b := range old[:len(h.flows)-maxFlows] {
			p.remove(b)
		}
	}
	share := l.share(a.kind)
	excess := len(mine) - share.Contacts
	if excess <= 0 {
		return nil
	}
	mine = slices.DeleteFunc(mine, func(h held) bool { return h.touched })
	if share.Excess == ExcessReject || len(mine) < excess {
		return refuse(403, "Too Many Contacts")
	}
	slices.SortStableFunc(mine, func(x, y held) int { return x.heard.Compare(y.heard) })
	for _, h := range mine[:excess] {
		for _, b := range h.flows {
			if slices.Contains(p.next, b) {
				p.remove(b)
			}
		}
	}
	return nil
}

func byAge(x, y *Binding) int { return x.Expires.Add(-x.Grant).Compare(y.Expires.Add(-y.Grant)) }

// sameDevice: the bindings are flows of one instance (RFC 5626 §6), and so one
// contact.
func (b *Binding) sameDevice(o *Binding) bool {
	return b == o || b.Device == o.Device && b.RegID != "" && o.RegID != "" && b.Instance != "" && b.Instance == o.Instance
}
