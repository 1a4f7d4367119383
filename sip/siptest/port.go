package siptest

import (
	"fmt"
	"net/netip"
)

// Port is a UDP socket without a goroutine and without an inbox, for tests with
// thousands of peers: what arrives is handed to a function.
type Port struct {
	net     *Net
	local   netip.AddrPort
	receive func(from netip.AddrPort, b []byte)
}

// Attach opens a port on "host:port", as ListenPacket. receive owns the bytes it
// is given. It is called on the goroutine that sends, or on one of the network's
// own if the datagram was delayed; so it must not block, and may be called while
// another call is under way.
func (n *Net) Attach(addr string, receive func(from netip.AddrPort, b []byte)) *Port {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.resolveLocked(addr)
	if n.packets[at] != nil || n.ports[at] != nil {
		panic(fmt.Sprintf("siptest: %s: %v", addr, errInUse))
	}
	p := &Port{net: n, local: at, receive: receive}
	n.ports[at] = p
	return p
}

// Addr is the port's own address.
func (p *Port) Addr() netip.AddrPort { return p.local }

// Send sends a datagram. Hold no lock that receive takes: of two ports that
// write to each other on a network without delay, one calls the other.
func (p *Port) Send(to netip.AddrPort, b []byte) { p.net.carry(p.local, to, b) }

// Close closes the port; what is still under way to it is lost.
func (p *Port) Close() {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	delete(p.net.ports, p.local)
}
