package status

import (
	"slices"

	"lamplight/presence"
)

// SetOptions replaces the forwarding options. When that turns the last one off,
// the set there was is kept for Restore (rule 1). The result shares nothing with
// s or o.
func SetOptions(s presence.Settings, o presence.Options) presence.Settings {
	next := s
	next.Options = cloneOptions(o)
	if s.Options.Any() && !o.Any() {
		saved := cloneOptions(s.Options)
		next.Saved = &saved
	}
	return next
}

// AllOff turns every forwarding option off, keeping the set for Restore (rule 1).
// why is empty unless nothing changes.
func AllOff(s presence.Settings) (next presence.Settings, why string) {
	if !s.Options.Any() {
		return s, "every forwarding option is off already"
	}
	var off presence.Options
	off.Numbers = slices.Clone(s.Options.Numbers)
	for i := range off.Numbers {
		off.Numbers[i].Enabled = false
	}
	return SetOptions(s, off), ""
}

// Restore brings back the set that was on before all went off. Numbers are
// matched by id: those added since stay as they are, those removed stay away.
// why is empty unless nothing changes.
func Restore(s presence.Settings) (next presence.Settings, why string) {
	if s.Saved == nil {
		return s, "there is no earlier set of forwarding options to restore"
	}
	next = s
	next.Saved = nil
	next.Options = cloneOptions(s.Options)
	o := &next.Options
	o.Webphone, o.SIPPhone, o.Mobile = s.Saved.Webphone, s.Saved.SIPPhone, s.Saved.Mobile
	for i := range o.Numbers {
		for j := range s.Saved.Numbers {
			if sameNumber(&o.Numbers[i], &s.Saved.Numbers[j]) {
				o.Numbers[i].Enabled = s.Saved.Numbers[j].Enabled
			}
		}
	}
	return next, ""
}

func sameNumber(a, b *presence.Number) bool {
	if a.ID.IsZero() && b.ID.IsZero() {
		return a.Number == b.Number
	}
	return a.ID == b.ID
}

func cloneOptions(o presence.Options) presence.Options {
	o.Numbers = slices.Clone(o.Numbers)
	return o
}
