package transport

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// gate holds what one address may cost: messages a second and streams at once.
// It remembers a bounded number of addresses.
type gate struct {
	rate, burst float64
	conns       int
	trusted     []netip.Prefix
	loopback    bool // limited too

	servers atomic.Pointer[[]netip.Addr] // trusted too; replaced, never changed

	mu    sync.Mutex
	m     map[netip.Addr]*bucket // guarded by mu
	limit int
}

// bucket is a token bucket and a count of streams.
type bucket struct {
	tokens float64
	at     time.Time
	conns  int

	urgent   float64 // tokens of messages for help
	urgentAt time.Time
}

func newGate(o *Options, l Limits) *gate {
	return &gate{
		rate: float64(l.Rate), burst: float64(l.Burst), conns: l.ConnsPerAddr,
		trusted: o.Trusted, loopback: o.LimitLoopback,
		m: make(map[netip.Addr]*bucket), limit: 100_000,
	}
}

// exempt reports whether an address is not limited.
func (g *gate) exempt(a netip.Addr) bool {
	if a.IsLoopback() {
		return !g.loopback
	}
	for _, p := range g.trusted {
		if p.Contains(a) {
			return true
		}
	}
	servers := g.servers.Load()
	return servers != nil && slices.Contains(*servers, a)
}

// maxServers bounds the addresses trusted by Trust.
const maxServers = 256

// Trust exempts an address from the limits per address, as Options.Trusted does:
// that of a server that answers as fast as we ask. The newest 256 are.
func (l *Layer) Trust(a netip.Addr) {
	g, a := l.gate, a.Unmap()
	g.mu.Lock()
	defer g.mu.Unlock()
	var next []netip.Addr
	if was := g.servers.Load(); was != nil {
		if slices.Contains(*was, a) {
			return
		}
		next = slices.Clone(*was)
		next = next[max(0, len(next)+1-maxServers):]
	}
	next = append(next, a)
	g.servers.Store(&next)
}

// message takes one message's token.
func (g *gate) message(a netip.Addr, now time.Time) bool {
	if g.exempt(a) {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.bucketLocked(a, now)
	b.tokens = min(g.burst, b.tokens+now.Sub(b.at).Seconds()*g.rate)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// open counts a new stream in, closed counts it out.
func (g *gate) open(a netip.Addr, now time.Time) bool {
	if g.exempt(a) {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.bucketLocked(a, now)
	if b.conns >= g.conns {
		return false
	}
	b.conns++
	return true
}

func (g *gate) closed(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.m[a]; b != nil && b.conns > 0 {
		b.conns--
	}
}

func (g *gate) bucketLocked(a netip.Addr, now time.Time) *bucket {
	b := g.m[a]
	if b == nil {
		if len(g.m) >= g.limit {
			g.evictLocked()
		}
		b = &bucket{tokens: g.burst, at: now}
		g.m[a] = b
	}
	return b
}

// evictLocked forgets the longest silent of a few addresses without streams.
func (g *gate) evictLocked() {
	var old netip.Addr
	var at time.Time
	left := 16
	for a, b := range g.m {
		if b.conns == 0 && (at.IsZero() || b.at.Before(at)) {
			old, at = a, b.at
		}
		if left--; left == 0 {
			break
		}
	}
	if at.IsZero() { // all of them have streams, which are bounded too
		return
	}
	delete(g.m, old)
}

// purge forgets addresses whose bucket is full again.
func (g *gate) purge(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for a, b := range g.m {
		if b.conns == 0 && b.tokens+now.Sub(b.at).Seconds()*g.rate >= g.burst {
			delete(g.m, a)
		}
	}
}
