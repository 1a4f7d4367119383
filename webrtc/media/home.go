package media

import (
	"fmt"
	"net/netip"
	"time"

	"lamplight/webrtc/media/sdp"
)

// home is where the gateway is for phones of one family of addresses.
type home struct {
	listen, announce netip.Addr
	ports            *ports
}

// homes are in the order in which a phone is offered one it has said nothing of.
func newHomes(o Options) (list []*home) {
	for _, h := range [...]home{{listen: o.Listen, announce: o.Announce}, {listen: o.Listen6, announce: o.Announce6}} {
		if h.listen.IsValid() {
			h.ports = newPorts(h.listen, o.Ports, o.Rest)
			list = append(list, &h)
		}
	}
	return list
}

// home is the one for a phone at that address, nil if there is none.
func (g *Gateway) home(a netip.Addr) *home {
	for _, h := range g.homes {
		if h.announce.Is4() == a.Is4() {
			return h
		}
	}
	return nil
}

// free is how many more calls have ports, of whatever family they are.
func (g *Gateway) free(now time.Time) int {
	n := g.homes[0].ports.free(now)
	for _, h := range g.homes[1:] {
		n = min(n, h.ports.free(now))
	}
	return n
}

// homeLocked is the one for what a phone said, or for an offer to a phone that has said
// nothing (nil). Who holds by 0.0.0.0 has not moved to another family.
func (b *Bridge) homeLocked(d *sdp.Description) (*home, error) {
	switch {
	case d != nil && (b.home == nil || !d.Audio.Addr.IsUnspecified()):
		if h := b.g.home(d.Audio.Addr); h != nil {
			return h, nil
		}
		return nil, fmt.Errorf("%w: %s", sdp.ErrFamily, d.Audio.Addr)
	case b.home != nil:
		return b.home, nil
	case b.o.Signalling.IsValid(): // it listens where it is spoken to
		if h := b.g.home(b.o.Signalling); h != nil {
			return h, nil
		}
	}
	return b.g.homes[0], nil
}

// openPhoneLocked binds the ports, once; and anew for a phone that moved to another
// family.
func (b *Bridge) openPhoneLocked(h *home) error {
	if err := b.aliveLocked(); err != nil || b.home == h {
		return err
	}
	now := time.Now()
	got, err := h.ports.take(now)
	if err != nil {
		b.g.m.refused.WithLabelValues("ports").Inc()
		return err
	}
	old, left := b.sockets, b.home
	s := b.in[Phone]
	s.mu.Lock()
	b.home, b.sockets = h, got
	s.mu.Unlock()
	b.local.Addr, b.local.Port = h.announce, got.port
	b.enter(func() { b.readPhone(got.rtp, false) })
	b.enter(func() { b.readPhone(got.rtcp, true) })
	if old != nil {
		_ = left.ports.give(old, now) // nobody sends there any more
	}
	return nil
}

// near is where packets for an address go: to the gateway itself they take the
// short way, which a translator of addresses may not offer.
func (h *home) near(a netip.AddrPort) netip.AddrPort {
	if a.Addr() != h.announce || h.announce == h.listen {
		return a
	}
	to := h.listen
	if to.IsUnspecified() {
		to = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if a.Addr().Is6() {
			to = netip.IPv6Loopback()
		}
	}
	return netip.AddrPortFrom(to, a.Port())
}
