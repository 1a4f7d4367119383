// Package siptest is an in-memory network for tests, and a scripted SIP peer on
// it. Everything waits on channels only, so it works under testing/synctest: a
// 32-second timer passes in microseconds. A packet writer is never blocked: a
// full inbox loses the packet, as a kernel would.
package siptest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
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
//
// What happens to a datagram hangs on the seed, on who sends to whom, and on how
// many have gone that way before, not on what others send meanwhile: a test of
// thousands of peers meets the same losses however its goroutines are scheduled.
type Net struct {
	mu        sync.Mutex
	faults    Faults                         // guarded by mu
	from      map[netip.AddrPort]Faults      // instead of faults; guarded by mu
	sent      map[way]uint64                 // datagrams since the faults were set; guarded by mu
	packets   map[netip.AddrPort]*packetConn // guarded by mu
	ports     map[netip.AddrPort]*Port       // guarded by mu
	listeners map[netip.AddrPort]*listener   // guarded by mu
	port      uint16                         // next free one; guarded by mu
	stats     Stats                          // guarded by mu
	delayed   time.Duration                  // grows with each datagram delayed; guarded by mu
}

// way is one direction between two sockets.
type way struct{ from, to netip.AddrPort }

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
	// says. It sees every datagram in the order of sending, and is called under
	// the network's lock.
	Drop func(from, to netip.AddrPort, b []byte) bool
}

// Stats counts datagrams.
type Stats struct{ Sent, Lost, Duplicated, Delivered int }

// NewNet makes a network without faults.
func NewNet() *Net {
	n := &Net{packets: make(map[netip.AddrPort]*packetConn), ports: make(map[netip.AddrPort]*Port), listeners: make(map[netip.AddrPort]*listener), port: firstPort}
	n.SetFaults(Faults{})
	return n
}

// SetFaults changes what happens from now on, in every direction.
func (n *Net) SetFaults(f Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults, n.delayed = f.withDefaults(), 0
	n.from, n.sent = make(map[netip.AddrPort]Faults), make(map[way]uint64)
}

// SetFaultsFrom changes what happens from now on to what the socket at that
// address sends; the other directions stay as they are.
func (n *Net) SetFaultsFrom(from netip.AddrPort, f Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.from[from] = f.withDefaults()
}

func (f Faults) withDefaults() Faults {
	if f.ReorderBy == 0 {
		f.ReorderBy = 20 * time.Millisecond
	}
	return f
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
		if n.packets[try] == nil && n.ports[try] == nil && n.listeners[try] == nil {
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
	if n.packets[at] != nil || n.ports[at] != nil {
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
	for range n.depart(from, to, b) {
		n.arrive(to, packet{from: from, b: append([]byte(nil), b...)})
	}
}

// depart decides what becomes of a datagram, and returns how often it is to
// arrive at once.
func (n *Net) depart(from, to netip.AddrPort, b []byte) (now int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f, special := n.from[from]
	if !special {
		f = n.faults
	}
	n.stats.Sent++
	n.sent[way{from, to}]++
	rng := rand.New(rand.NewPCG(f.Seed, hash(from, to)+n.sent[way{from, to}]))
	if f.Drop != nil && f.Drop(from, to, b) || rng.Float64() < f.Loss {
		n.stats.Lost++
		return 0
	}
	copies := 1
	if rng.Float64() < f.Duplicate {
		n.stats.Duplicated++
		copies++
	}
	for range copies {
		wait := f.Delay
		if f.Jitter > 0 {
			wait += time.Duration(rng.Int64N(int64(f.Jitter)))
		}
		if rng.Float64() < f.Reorder {
			wait += f.ReorderBy
		}
		if wait == 0 {
			now++
			continue
		}
		// No two at the same instant: who is first must not hang on chance.
		n.delayed++
		p := packet{from: from, b: append([]byte(nil), b...)}
		time.AfterFunc(wait+n.delayed, func() { n.arrive(to, p) })
	}
	return now
}

// hash tells directions apart, the same in every run.
func hash(from, to netip.AddrPort) uint64 {
	h := fnv.New64a()
	for _, a := range [...]netip.AddrPort{from, to} {
		b, _ := a.MarshalBinary()
		h.Write(b)
	}
	return h.Sum64()
}

func (n *Net) arrive(to netip.AddrPort, p packet) {
	if port := n.land(to, p); port != nil {
		port.receive(p.from, p.b)
	}
}

// land puts a datagram into the inbox of a socket, or returns the port it is for.
func (n *Net) land(to netip.AddrPort, p packet) *Port {
	n.mu.Lock()
	defer n.mu.Unlock()
	if port := n.ports[to]; port != nil {
		n.stats.Delivered++
		return port
	}
	if c := n.packets[to]; c != nil {
		select {
		case c.inbox <- p:
			n.stats.Delivered++
			return nil
		default:
		}
	}
	n.stats.Lost++
	return nil
}
