package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// Codec is one format of a media line.
type Codec struct {
	Type     uint8  // RTP payload type
	Name     string // as in the names below
	Rate     int    // of the RTP clock
	Channels int
	Params   string // of a=fmtp
}

// Names of the formats the gateway passes on.
const (
	PCMU  = "PCMU"
	PCMA  = "PCMA"
	G722  = "G722"
	Opus  = "opus"
	Event = "telephone-event"
)

// Known are the formats the gateway can offer, with the payload types it gives
// them: best sound first, then what every phone has. Comfort noise (RFC 3389)
// is left out on purpose: a browser that may send it does so, and stops sending
// audio in pauses.
func Known() []Codec {
	return []Codec{
		{Type: 111, Name: Opus, Rate: 48000, Channels: 2, Params: "minptime=10;useinbandfec=1"},
		{Type: 9, Name: G722, Rate: 8000, Channels: 1},
		{Type: 8, Name: PCMA, Rate: 8000, Channels: 1},
		{Type: 0, Name: PCMU, Rate: 8000, Channels: 1},
		{Type: 110, Name: Event, Rate: 48000, Channels: 1, Params: "0-15"},
		{Type: 126, Name: Event, Rate: 8000, Channels: 1, Params: "0-15"},
	}
}

// Is reports whether both are the same format, whatever their payload types.
func (c Codec) Is(o Codec) bool { return c.Name == o.Name && c.Rate == o.Rate }

// G711 reports whether the codec is one of the two that can be turned into each
// other by a table.
func (c Codec) G711() bool { return c.Name == PCMU || c.Name == PCMA }

// Carries reports whether what is spoken in c can be passed on in o.
func (c Codec) Carries(o Codec) bool { return c.Is(o) || c.G711() && o.G711() }

// static fills in the payload types of RFC 3551 §6 that need no rtpmap.
func static(pt uint8) (Codec, bool) {
	switch pt {
	case 0:
		return Codec{Type: pt, Name: PCMU, Rate: 8000, Channels: 1}, true
	case 8:
		return Codec{Type: pt, Name: PCMA, Rate: 8000, Channels: 1}, true
	case 9: // the clock is 8000 by an old error (RFC 3551 §4.5.2)
		return Codec{Type: pt, Name: G722, Rate: 8000, Channels: 1}, true
	}
	return Codec{}, false
}

// rtpmap reads "111 opus/48000/2".
func rtpmap(s string) (Codec, bool) {
	pt, rest, ok := strings.Cut(s, " ")
	n, err := strconv.ParseUint(pt, 10, 7)
	if !ok || err != nil {
		return Codec{}, false
	}
	parts := strings.Split(strings.TrimSpace(rest), "/")
	if len(parts) < 2 {
		return Codec{}, false
	}
	rate, err := strconv.ParseUint(parts[1], 10, 20)
	if err != nil || rate == 0 {
		return Codec{}, false
	}
	c := Codec{Type: uint8(n), Name: canonical(parts[0]), Rate: int(rate), Channels: 1}
	if len(parts) > 2 && parts[2] == "2" {
		c.Channels = 2
	}
	return c, true
}

// canonical gives a known name its spelling; names are compared without regard
// to case (RFC 8866 §6.6).
func canonical(name string) string {
	for _, known := range []string{PCMU, PCMA, G722, Opus, Event} {
		if strings.EqualFold(name, known) {
			return known
		}
	}
	return name
}

// Talk are the codecs that carry speech, without the events.
func Talk(list []Codec) []Codec {
	return slices.DeleteFunc(slices.Clone(list), func(c Codec) bool { return c.Name == Event })
}

// EventFor is the telephone-event that goes with an audio codec: of the same
// clock (RFC 4733 §2.1), else of 8000, which some send beside Opus.
func EventFor(list []Codec, audio Codec) (Codec, bool) {
	found := -1
	for i, c := range list {
		if c.Name != Event {
			continue
		}
		if c.Rate == audio.Rate {
			return c, true
		}
		if c.Rate == 8000 && found < 0 {
			found = i
		}
	}
	if found < 0 {
		return Codec{}, false
	}
	return list[found], true
}

// Shared are the formats of a that b has too, in a's order and with a's payload
// types.
func Shared(a, b []Codec) []Codec {
	var out []Codec
	for _, c := range a {
		if slices.ContainsFunc(b, c.Is) && !slices.ContainsFunc(out, c.Is) {
			out = append(out, c)
		}
	}
	return out
}

// Carried are the formats of a that can be passed on in one of b: the shared
// ones, and either law of G.711 where b has the other.
func Carried(a, b []Codec) []Codec {
	var out []Codec
	for _, c := range a {
		if slices.ContainsFunc(b, c.Carries) && !slices.ContainsFunc(out, c.Is) {
			out = append(out, c)
		}
	}
	return out
}
