package message

import (
	"slices"
	"strconv"
	"strings"
)

// RelayRequest starts the copy of a request that a proxy passes on (RFC 3261
// §16.6): to another Request-URI, with first in front of what the request had,
// Max-Forwards one less, or 70 where there was none, and without the headers
// named in drop. A Route that is to stay belongs into first: all others are left
// out. Everything else is as it came. The transaction layer adds the Via.
func RelayRequest(m *Message, uri string, first []Header, drop ...Name) *Builder {
	b := NewRequest(m.Method, uri)
	for _, h := range first {
		b.Add(h.Name, h.Value)
	}
	hops := 70
	if n, ok := ParseSeconds(m.Get(MaxForwards)); ok {
		hops = max(0, min(n, 255)-1)
	}
	b.AddInt(MaxForwards, hops)
	b.relay(m, append(slices.Clip(drop), Route, MaxForwards), "") // it may be shared
	return b
}

// RelayResponse starts the copy of a response without its first Via (RFC 3261
// §16.7 step 3), for who sent the request. drop names headers that stay here.
func RelayResponse(m *Message, drop ...Name) *Builder {
	b := &Builder{buf: make([]byte, 0, 768), status: m.Status}
	_, b.method = m.CSeq()
	b.buf = strconv.AppendInt(append(b.buf, "SIP/2.0 "...), int64(m.Status), 10)
	b.buf = append(appendClean(append(b.buf, ' '), m.Phrase), '\r', '\n')
	b.start = len(b.buf)
	b.relay(m, drop, Via)
	return b
}

// relay copies headers and body; of skip the first value is left out.
func (b *Builder) relay(m *Message, drop []Name, skip Name) {
	for i := range m.Headers {
		h := m.Headers[i]
		switch {
		case h.Name == ContentLength || h.Name == ContentType && len(m.Body) > 0 || named(drop, h.Name):
			continue
		case h.Name == skip:
			skip = ""
			comma := indexOutside(h.Value, ',')
			if comma < 0 {
				continue
			}
			h.Value = strings.TrimLeft(h.Value[comma+1:], " \t")
		}
		b.copy(&h)
	}
	if len(m.Body) > 0 {
		b.Body(m.Get(ContentType), m.Body)
	}
}

func named(list []Name, n Name) bool {
	for _, l := range list {
		if equalFold(string(l), string(n)) {
			return true
		}
	}
	return false
}
