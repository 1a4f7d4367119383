package turn

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/turn/v5"
)

var (
	errFull  = errors.New("turn: no relay is left")
	errTCP   = errors.New("turn: no relays by TCP")
	errThere = errors.New("turn: nobody may be reached there")
)

// relays makes the sockets of relays, which know the gateway alone.
type relays struct {
	o       Options
	from    map[netip.AddrPort]netip.AddrPort // where the gateway is, to what browsers call it
	refused atomic.Int64
	strayed atomic.Int64

	mu    sync.Mutex
	ports []uint16       // guarded by mu; free ones, the longest unused first
	names map[string]int // guarded by mu; relays of each
	all   int            // guarded by mu
}

func newRelays(o Options) *relays {
	r := &relays{o: o, from: map[netip.AddrPort]netip.AddrPort{}, names: map[string]int{}}
	for told, is := range o.To {
		r.from[is] = told
	}
	for p := int(o.Ports[0]); p <= int(o.Ports[1]); p++ {
		r.ports = append(r.ports, uint16(p)) //nolint:gosec // a port
	}
	rand.Shuffle(len(r.ports), func(i, j int) { r.ports[i], r.ports[j] = r.ports[j], r.ports[i] })
	return r
}

// Validate has nothing to look at: the options have been.
func (r *relays) Validate() error { return nil }

// permits lets a browser name the gateway's addresses as peers, no others.
func (r *relays) permits(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	a = a.Unmap()
	for told := range r.o.To {
		if ok && told.Addr() == a {
			return true
		}
	}
	r.strayed.Add(1)
	return false
}

// AllocatePacketConn makes a relay.
func (r *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names[c.UserID] >= r.o.PerName || c.RequestedPort != 0 {
		r.refused.Add(1)
		return nil, nil, errFull
	}
	for range len(r.ports) {
		port := r.ports[0]
		r.ports = r.ports[1:]
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.o.Relay, port)))
		if err != nil { // somebody else has it
			r.ports = append(r.ports, port)
			continue
		}
		r.names[c.UserID]++
		r.all++
		told := net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.o.Announce, port))
		return &relay{UDPConn: conn, r: r, name: c.UserID, port: port}, told, nil
	}
	r.refused.Add(1)
	return nil, nil, errFull
}

// AllocateListener refuses (RFC 6062).
func (r *relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errTCP
}

// AllocateConn refuses (RFC 6062).
func (r *relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errTCP }

func (r *relays) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

func (r *relays) gone(name string, port uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names[name]--; r.names[name] == 0 {
		delete(r.names, name)
	}
	r.all--
	if !slices.Contains(r.ports, port) {
		r.ports = append(r.ports, port)
	}
}

// relay is one socket. It sends to the gateway and hears the gateway.
type relay struct {
	*net.UDPConn
	r    *relays
	name string
	port uint16
	once sync.Once
}

// WriteTo sends to the gateway, by the address a browser calls it.
func (c *relay) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errThere
	}
	a := u.AddrPort()
	is, ok := c.r.o.To[netip.AddrPortFrom(a.Addr().Unmap(), a.Port())]
	if !ok {
		c.r.strayed.Add(1)
		return len(b), nil // lost, as the network loses what leads nowhere
	}
	return c.WriteToUDPAddrPort(b, is)
}

// ReadFrom hears the gateway, under the address a browser calls it.
func (c *relay) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, a, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, nil, err
		}
		told, ok := c.r.from[netip.AddrPortFrom(a.Addr().Unmap(), a.Port())]
		if !ok {
			c.r.strayed.Add(1)
			continue
		}
		return n, net.UDPAddrFromAddrPort(told), nil
	}
}

func (c *relay) Close() error {
	c.once.Do(func() { c.r.gone(c.name, c.port) })
	return c.UDPConn.Close()
}
