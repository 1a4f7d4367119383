// Package siptest is an in-memory network for tests, and a scripted SIP peer on
// it. Everything waits on channels only, so it works under testing/synctest: a
// 32-second timer passes in microseconds. A packet writer is never blocked: a
// full inbox loses the packet, as a kernel would.
package siptest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	inboxSize    = 1 << 14 // datagrams waiting for one socket
	streamBuffer = 1 << 20 // bytes waiting in one direction of a stream
	firstPort    = 49152
)

// Net is a network. Its zero faults deliver everything, in order, at once.
type Net struct {
	mu        sync.Mutex
	faults    Faults                         // guarded by mu
	rng       *rand.Rand                     // guarded by mu
	packets   map[netip.AddrPort]*packetConn // guarded by mu
	listeners map[netip.AddrPort]*listener   // guarded by mu
	port      uint16                         // next free one; guarded by mu
	stats     Stats                          // guarded by mu
	delayed   time.Duration                  // grows with each datagram delayed; guarded by mu
}

// Faults is what a network does to datagrams. Probabilities are from 0 to 1.
type Faults struct {
	Seed      uint64
	Loss      float64
	Duplicate float64
	Reorder   float64       // delivered only after ReorderBy
	ReorderBy time.Duration // 20 ms if zero
	Delay     time.Duration // every datagram
	Jitter    time.Duration // up to this much more
	// Drop, if set, loses the datagrams it returns true for, whatever the rest
	// says. It is called under the network's lock.
	Drop func(from, to netip.AddrPort, b []byte) bool
}

// Stats counts datagrams.
type Stats struct{ Sent, Lost, Duplicated, Delivered int }

// NewNet makes a network without faults.
func NewNet() *Net {
	n := &Net{packets: make(map[netip.AddrPort]*packetConn), listeners: make(map[netip.AddrPort]*listener), port: firstPort}
	n.SetFaults(Faults{})
	return n
}

// SetFaults changes what happens from now on.
func (n *Net) SetFaults(f Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f.ReorderBy == 0 {
		f.ReorderBy = 20 * time.Millisecond
	}
	n.faults, n.rng, n.delayed = f, rand.New(rand.NewPCG(f.Seed, 1)), 0
}

// Stats returns what happened to datagrams so far.
func (n *Net) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}

// errInUse is what a real network says.
var errInUse = errors.New("address already in use")

// resolveLocked reads an address and picks a port if it is 0.
func (n *Net) resolveLocked(addr string) netip.AddrPort {
	ap := netip.MustParseAddrPort(addr)
	for ap.Port() == 0 {
		n.port++
		try := netip.AddrPortFrom(ap.Addr(), n.port)
		if n.packets[try] == nil && n.listeners[try] == nil {
			ap = try
		}
	}
	return ap
}

// ListenPacket opens a UDP socket on "host:port"; the host is an IP address,
// port 0 picks one. It panics on a bad or used address: that is a test's fault.
func (n *Net) ListenPacket(addr string) net.PacketConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.resolveLocked(addr)
	if n.packets[at] != nil {
		panic(fmt.Sprintf("siptest: %s: %v", addr, errInUse))
	}
	c := &packetConn{net: n, local: at, inbox: make(chan packet, inboxSize), closed: make(chan struct{})}
	n.packets[at] = c
	return c
}

// Listen opens a stream listener on "host:port", as ListenPacket.
func (n *Net) Listen(addr string) net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.resolveLocked(addr)
	if n.listeners[at] != nil {
		panic(fmt.Sprintf("siptest: %s: %v", addr, errInUse))
	}
	l := &listener{net: n, local: at, backlog: make(chan net.Conn, 1024), closed: make(chan struct{})}
	n.listeners[at] = l
	return l
}

// Dial opens a stream from 192.0.2.1; it fits transport.Options.Dial.
func (n *Net) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	return n.DialFrom(ctx, "192.0.2.1:0", addr)
}

// DialFrom opens a stream from a given address.
func (n *Net) DialFrom(ctx context.Context, from, to string) (net.Conn, error) {
	n.mu.Lock()
	local := n.resolveLocked(from)
	remote, err := netip.ParseAddrPort(to)
	l := n.listeners[remote]
	n.mu.Unlock()
	if err != nil || l == nil {
		return nil, fmt.Errorf("dial %s: connection refused", to)
	}
	near, far := pipe(local, remote)
	select {
	case l.backlog <- far:
		return near, nil
	case <-l.closed:
		return nil, fmt.Errorf("dial %s: connection refused", to)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// carry sends a datagram on its way.
func (n *Net) carry(from, to netip.AddrPort, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats.Sent++
	if n.faults.Drop != nil && n.faults.Drop(from, to, b) || n.rng.Float64() < n.faults.Loss {
		n.stats.Lost++
		return
	}
	p := packet{from: from, b: append([]byte(nil), b...)}
	n.deliverLocked(to, p)
	if n.rng.Float64() < n.faults.Duplicate {
		n.stats.Duplicated++
		n.deliverLocked(to, p)
	}
}

func (n *Net) deliverLocked(to netip.AddrPort, p packet) {
	wait := n.faults.Delay
	if n.faults.Jitter > 0 {
		wait += time.Duration(n.rng.Int64N(int64(n.faults.Jitter)))
	}
	if n.rng.Float64() < n.faults.Reorder {
		wait += n.faults.ReorderBy
	}
	if wait == 0 {
		n.arriveLocked(to, p)
		return
	}
	// No two at the same instant: who is first must hang on the seed alone.
	n.delayed++
	time.AfterFunc(wait+n.delayed, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.arriveLocked(to, p)
	})
}

func (n *Net) arriveLocked(to netip.AddrPort, p packet) {
	c := n.packets[to]
	if c == nil {
		n.stats.Lost++
		return
	}
	select {
	case c.inbox <- p:
		n.stats.Delivered++
	default:
		n.stats.Lost++
	}
}
