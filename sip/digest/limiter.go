package digest

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// limiter counts wrong passwords by source address. A source that used up its
// burst is refused unheard, except for users who authenticated from there
// before: behind one NAT, a phone with a wrong password must not take its
// neighbours down.
//
// Both memories are bounded. Sources live in two generations like the windows;
// proven users in a table where a newcomer replaces what hashed to its slot.
type limiter struct {
	burst  float64
	refill float64 // per second
	room   int     // sources in one generation

	mu       sync.Mutex
	now, old map[netip.Addr]bucket // mu
	sources  atomic.Int64          // len(now)+len(old): zero lets the hot path pass

	seed   maphash.Seed
	proven [provenSlots]atomic.Uint32
}

const provenSlots = 1 << 16

// bucket is what a source has left, with the time it was counted.
type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(burst int, refill time.Duration, sources int) *limiter {
	return &limiter{
		burst:  float64(burst),
		refill: 1 / refill.Seconds(),
		room:   max(1, sources/2),
		now:    make(map[netip.Addr]bucket),
		seed:   maphash.MakeSeed(),
	}
}

// network is what is counted as one source: an IPv4 address, or the /64 an IPv6
// client chooses its addresses from.
func network(src netip.Addr) netip.Addr {
	src = src.Unmap().WithZone("")
	if src.Is4() {
		return src
	}
	p, err := src.Prefix(64)
	if err != nil {
		return src
	}
	return p.Addr()
}

// refuses reports whether credentials of this user from this source are to be
// refused unheard.
func (l *limiter) refuses(src netip.Addr, domain, user string, now time.Time) bool {
	if l.sources.Load() == 0 {
		return false
	}
	src = network(src)
	l.mu.Lock()
	b, ok := l.getLocked(src)
	l.mu.Unlock()
	if !ok || l.filled(b, now) >= 1 {
		return false
	}
	slot, mark := l.slot(src, domain, user)
	return l.proven[slot].Load() != mark
}

// failed counts a wrong password. last is true for the one that used up what
// the source had.
func (l *limiter) failed(src netip.Addr, now time.Time) (last bool) {
	src = network(src)
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.getLocked(src)
	if !ok {
		b = bucket{left: l.burst, at: now}
		if len(l.now) >= l.room {
			l.old, l.now = l.now, make(map[netip.Addr]bucket)
		}
	}
	was := l.filled(b, now)
	b = bucket{left: max(0, was-1), at: now}
	delete(l.old, src)
	l.now[src] = b
	l.sources.Store(int64(len(l.now) + len(l.old)))
	return was >= 1 && b.left < 1
}

// passed remembers that the user authenticated from there.
func (l *limiter) passed(src netip.Addr, domain, user string) {
	slot, mark := l.slot(network(src), domain, user)
	if l.proven[slot].Load() != mark {
		l.proven[slot].Store(mark)
	}
}

func (l *limiter) slot(src netip.Addr, domain, user string) (slot uint64, mark uint32) {
	var h maphash.Hash
	h.SetSeed(l.seed)
	a := src.As16()
	h.Write(a[:])
	h.WriteString(domain)
	h.WriteByte(0)
	h.WriteString(user)
	sum := h.Sum64()
	return sum % provenSlots, uint32(sum>>32) | 1
}

func (l *limiter) getLocked(src netip.Addr) (bucket, bool) {
	b, ok := l.now[src]
	if !ok {
		b, ok = l.old[src]
	}
	return b, ok
}

func (l *limiter) filled(b bucket, now time.Time) float64 {
	return min(l.burst, b.left+now.Sub(b.at).Seconds()*l.refill)
}
