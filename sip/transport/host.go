package transport

import (
	"net"
	"net/netip"
)

// hostFor finds the host that a peer reaches us by: what is configured, else the
// bound address, else the one that packets to the peer leave from.
func (l *Layer) hostFor(f *Flow) string {
	local := f.local.Addr()
	switch {
	case local.IsValid() && !local.IsUnspecified() && (l.o.Advertise == "" || local.IsLoopback()):
		return local.WithZone("").String()
	case l.o.Advertise != "":
		return l.o.Advertise
	}
	// Connecting a UDP socket sends nothing; it asks the routing table.
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(f.remote))
	if err != nil {
		if f.remote.Addr().Is4() {
			return netip.AddrFrom4([4]byte{127, 0, 0, 1}).String()
		}
		return netip.IPv6Loopback().String()
	}
	defer c.Close()
	return addrPort(c.LocalAddr()).Addr().WithZone("").String()
}
