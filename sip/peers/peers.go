// Package peers knows the neighbouring servers: PBXs, trunks and proxies that
// are trusted by the address they send from.
package peers

import (
	"net/netip"
	"slices"
)

// Mode says what a peer's INVITE is answered with.
type Mode string

// The modes. ModeNone answers 403, ModeRedirect with the contacts of the called
// agent; in ModeProxy the call passes through us.
const (
	ModeNone     Mode = "none"
	ModeRedirect Mode = "redirect"
	ModeProxy    Mode = "proxy"
)

// Peer is one neighbouring server.
type Peer struct {
	Name    string
	Sources []netip.Prefix
	// Transports it is recognised on; empty: UDP only. A stream's source address
	// is proven by its handshake, a datagram's by the network around us.
	Transports []string
	Mode       Mode
	// Publish lets it PUBLISH dialogs and waiting messages of the users of Domains.
	Publish bool
	// Observer: its word on calls yields to an authoritative source's.
	Observer bool
	// Campaign marks every call it names as a campaign call; its
	// X-Lamplight-Call-Kind header is believed in any case.
	Campaign bool
	// Trunk is host[:port] where the peer takes calls to telephone numbers, for
	// redirects to forwarding numbers; empty: such numbers are left out.
	Trunk string
	// ForceRPort sends answers by UDP back to the port a request came from, though
	// the peer did not ask for that (RFC 3581): it sits behind a translator.
	ForceRPort bool
	// Replaces: what it says in its INVITEs of INVITEs with Replaces is believed
	// (RFC 3891), so that a call of its that rings is picked up by one.
	Replaces bool
	// AutoAnswer: its calls may ask a phone to pick up by itself. Whoever may do so
	// from outside hears what is said beside the phone.
	AutoAnswer bool
	// Untrusted: what it says of who calls is not believed, and it is not told of
	// callers who asked for privacy (RFC 3325).
	Untrusted bool
	// Domains it may speak for; empty: all.
	Domains []string
}

// Table finds the peer that a request came from. It is immutable.
type Table []Peer

// Find returns the peer that sends from this address by this transport.
func (t Table) Find(src netip.Addr, transport string) (*Peer, bool) {
	src = src.Unmap()
	for i := range t {
		p := &t[i]
		if len(p.Transports) == 0 && transport != "UDP" || len(p.Transports) > 0 && !slices.Contains(p.Transports, transport) {
			continue
		}
		for _, n := range p.Sources {
			if n.Contains(src) {
				return p, true
			}
		}
	}
	return nil, false
}

// SpeaksFor reports whether the peer may speak for the domain of that name.
func (p *Peer) SpeaksFor(domain string) bool {
	return len(p.Domains) == 0 || slices.Contains(p.Domains, domain)
}
