package media

import "net/netip"

// latch is where a phone is. It begins at the address of the SDP and follows the
// phone to where its packets really come from, behind a translator of addresses
// (RFC 4961); but only at first, and anew after each negotiation. Pure.
type latch struct {
	said       netip.AddrPort // by the SDP
	signalling netip.Addr
	at         netip.AddrPort // where packets are sent, and from where they are taken
	left       netip.AddrPort // where another phone was, which may send a little longer

	learning  bool
	seen      int            // packets since learning began
	confirmed int            // of them from at
	candidate netip.AddrPort // a stranger
	run       int            // packets of it in a row
}

const (
	learnWithin  = 100 // packets after a negotiation
	learnt       = 10  // packets from where it is, and learning is over
	strangerNeed = 5   // packets in a row, with none from where it should be
	leftNeed     = 50  // of where another phone was, if it is the same one after all
)

// expect takes the address of a new description.
func (l *latch) expect(said netip.AddrPort, signalling netip.Addr) {
	if said != l.said || !l.at.IsValid() {
		l.left, l.at = l.at, said
	}
	l.said, l.signalling = said, signalling
	l.learning, l.seen, l.confirmed, l.run = true, 0, 0, 0
	l.candidate = netip.AddrPort{}
}

// from reports whether a packet from there is the phone's.
func (l *latch) from(there netip.AddrPort) bool {
	if l.learning {
		if l.seen++; l.seen > learnWithin {
			l.learning = false
		}
	}
	if there == l.at {
		l.run = 0
		if l.confirmed++; l.confirmed >= learnt {
			l.learning = false
		}
		return true
	}
	if !l.learning {
		return false
	}
	if there != l.candidate {
		l.candidate, l.run = there, 0
	}
	l.run++
	need := strangerNeed
	switch {
	case there == l.left:
		need = leftNeed
	case there.Addr() == l.said.Addr(), there.Addr() == l.signalling:
		need = 1
	}
	if l.confirmed == 0 && l.run >= need {
		l.at, l.run = there, 0
		l.confirmed = 1
		return true
	}
	return false
}
