package signalling

import (
	"strings"
	"unicode"
)

// What the page says of what it measured, and of its devices.
const (
	Figures Type = "stats"   // how a call is heard
	Devices Type = "devices" // what it could be heard and spoken by
)

// Takes are the messages that servers of the first version do not know, and those that may
// have a number: a page sends them so where the welcome has them.
func Takes() []Type { return []Type{Figures, Devices, Keys, Transfer} }

// Limits on both.
const (
	MaxDevices = 32    // devices that are told of
	MaxLabel   = 128   // bytes of a device's name
	MaxTime    = 60000 // milliseconds of a round trip or of jitter
)

// Stats is how a call is heard, as the page measured it over the last few seconds. What
// it does not know is left out.
type Stats struct {
	Codec string `json:"codec,omitempty"` // of what comes
	Path  string `json:"path,omitempty"`  // how it goes: host/udp, srflx/udp, relay/tcp
	// RTT is there and back, Jitter that of what comes, both in milliseconds.
	RTT    *float64 `json:"rtt,omitempty"`
	Jitter *float64 `json:"jitter,omitempty"`
	// Lost is the share of what should have come and did not, LostThere that of what the
	// page sent, Concealed the share of what was played that was made up for want of it.
	Lost      *float64 `json:"lost,omitempty"`
	LostThere *float64 `json:"lost_there,omitempty"`
	Concealed *float64 `json:"concealed,omitempty"`
	// Level is how loud the microphone is, Heard how loud the other side, from 0 to 1.
	Level *float64 `json:"level,omitempty"`
	Heard *float64 `json:"heard,omitempty"`
}

// Sane reports whether the figures can be true: times from 0 to a minute, shares and
// levels from 0 to 1.
func (s *Stats) Sane() bool {
	for _, ms := range [...]*float64{s.RTT, s.Jitter} {
		if !within(ms, MaxTime) {
			return false
		}
	}
	for _, share := range [...]*float64{s.Lost, s.LostThere, s.Concealed, s.Level, s.Heard} {
		if !within(share, 1) {
			return false
		}
	}
	return plain(s.Codec) && plain(s.Path)
}

// within reports whether a figure is between 0 and its most; no NaN is.
func within(v *float64, most float64) bool { return v == nil || *v >= 0 && *v <= most }

// plain reports whether a word is one of a codec or a path.
func plain(word string) bool {
	return strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/.") == ""
}

// Kinds of a Device.
const (
	Input  = "input"
	Output = "output"
)

// Device is what a page can hear or sound by.
type Device struct {
	Kind  string `json:"kind"` // input or output
	Label string `json:"label"`
	// Used is for calls, Rings for the tone of one that comes. Gone was chosen and is not
	// plugged in: the browser's default is used meanwhile.
	Used  bool `json:"used,omitempty"`
	Rings bool `json:"rings,omitempty"`
	Gone  bool `json:"gone,omitempty"`
}

// checkDevices checks the list, and takes out of its names what no name has.
func (m *In) checkDevices() error {
	if len(m.Devices) > MaxDevices {
		return invalid("%d devices, at most %d", len(m.Devices), MaxDevices)
	}
	for i := range m.Devices {
		d := &m.Devices[i]
		switch {
		case d.Kind != Input && d.Kind != Output:
			return invalid("a device that is %.32q", d.Kind)
		case len(d.Label) > MaxLabel:
			return invalid("a device's name of %d bytes, at most %d", len(d.Label), MaxLabel)
		}
		d.Label = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || !unicode.IsPrint(r) {
				return ' '
			}
			return r
		}, d.Label)
	}
	return nil
}
