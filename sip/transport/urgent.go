package transport

import (
	"bytes"
	"net/netip"
	"time"
)

// What one address may send for help beyond its rate: the INVITE, again with
// credentials, and what is repeated of it.
const (
	urgentRate  = 2 // a second
	urgentBurst = 8
)

// admit takes the token of one message. One that calls for help is let in where its
// address has sent too much, up to a rate of its own.
func (l *Layer) admit(a netip.Addr, now time.Time, raw []byte) bool {
	return l.gate.message(a, now) || l.urgent(raw) && l.gate.urgent(a, now)
}

// urgent reports whether it is an INVITE for help.
func (l *Layer) urgent(raw []byte) bool {
	rest, invite := bytes.CutPrefix(raw, []byte("INVITE "))
	if !invite || l.o.Urgent == nil {
		return false
	}
	uri, _, _ := bytes.Cut(rest[:min(len(rest), 256)], []byte(" "))
	return l.o.Urgent(string(uri))
}

// urgent takes one token of those for help.
func (g *gate) urgent(a netip.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.bucketLocked(a, now)
	if b.urgentAt.IsZero() {
		b.urgent = urgentBurst
	}
	b.urgent = min(urgentBurst, b.urgent+now.Sub(b.urgentAt).Seconds()*urgentRate)
	b.urgentAt = now
	if b.urgent < 1 {
		return false
	}
	b.urgent--
	return true
}
