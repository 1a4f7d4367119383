package media

import (
	"lamplight/webrtc/media/rtp"
	"lamplight/webrtc/media/sdp"
)

// route is what becomes of a payload type.
type route struct {
	kind   kind
	to     uint8      // payload type on the other side
	table  *[256]byte // of the other law; nil: as it is
	rate   int        // of its clock
	toRate int        // of the clock on the other side
	law    string     // of G.711, where silence can be told; else empty
}

type kind uint8

const (
	nothing kind = iota // nobody agreed to it, or it is comfort noise
	talk
	keypress
)

// routeLocked works out what becomes of each payload type, and opens the ways.
func (b *Bridge) routeLocked() {
	if b.browser.codecs != nil && b.phone.codecs != nil {
		b.in[Browser].follow(b.g.laws, b.browser.codecs, b.phone.codecs)
		b.in[Phone].follow(b.g.laws, b.local.Codecs, b.browser.codecs)
		b.in[Phone].speak(b.phone.codecs)
		b.in[Browser].speak(b.browser.codecs)
	}
	b.openLocked()
}

// follow sets the routes of what this side may send, as from lists it, to what the
// other side takes.
func (s *side) follow(laws *rtp.Laws, from, to []sdp.Codec) {
	var routes [128]route
	for _, c := range sdp.Talk(from) {
		out, ok := choose(to, []sdp.Codec{c})
		if !ok {
			continue
		}
		r := route{kind: talk, to: out.Type, rate: c.Rate, toRate: out.Rate}
		switch {
		case c.Name == sdp.PCMU && out.Name == sdp.PCMA:
			r.table = &laws.MuToA
		case c.Name == sdp.PCMA && out.Name == sdp.PCMU:
			r.table = &laws.AToMu
		}
		if c.G711() {
			r.law = c.Name
		}
		routes[c.Type] = r
		for _, e := range from {
			if e.Name != sdp.Event || routes[e.Type].kind != nothing {
				continue
			}
			r := route{kind: keypress, rate: e.Rate} // told, if nothing else
			if other, ok := sdp.EventFor(to, out); ok {
				r.to, r.toRate = other.Type, other.Rate
			}
			routes[e.Type] = r
		}
	}
	s.mu.Lock()
	s.routes = routes
	s.mu.Unlock()
}

// speak notes what is sent to this side.
func (s *side) speak(to []sdp.Codec) {
	first := sdp.Talk(to)[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codec = first.Name
	s.events, s.eventRate = 0, 0
	if e, ok := sdp.EventFor(to, first); ok {
		s.events, s.eventRate = e.Type, e.Rate
	}
	if s.rate != first.Rate {
		s.rate = first.Rate
		s.out.Break()
	}
}
