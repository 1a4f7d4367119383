package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// maxDatagram is the most a UDP datagram can carry.
const maxDatagram = 65535 - 28

// packetListener is one UDP socket, or what a test gives for one.
type packetListener struct {
	layer  *Layer
	pc     net.PacketConn
	udp    *net.UDPConn // pc if it is a real socket
	number uint64
	local  netip.AddrPort
	done   chan struct{} // closed when it serves no more
}

// ServePacket reads datagrams until ctx ends, the layer closes, or pc does; it
// closes pc. Several sockets on one port (ListenUDP) are served by a call each.
func (l *Layer) ServePacket(ctx context.Context, pc net.PacketConn) error {
	p := &packetListener{layer: l, pc: pc, number: l.number.Add(1), local: addrPort(pc.LocalAddr()), done: make(chan struct{})}
	p.udp, _ = pc.(*net.UDPConn)
	if err := l.addListener(p); err != nil {
		pc.Close()
		return err
	}
	defer l.wg.Done()
	defer l.dropListener(p)
	stop := func() { _ = pc.SetReadDeadline(time.Unix(1, 0)) }
	defer context.AfterFunc(ctx, stop)()
	defer context.AfterFunc(l.ctx, stop)()
	return p.read(ctx)
}

func (l *Layer) addListener(p *packetListener) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.listeners = append(l.listeners, p)
	l.wg.Add(1)
	return nil
}

func (l *Layer) dropListener(p *packetListener) {
	l.mu.Lock()
	for i, q := range l.listeners {
		if q == p {
			l.listeners = append(l.listeners[:i:i], l.listeners[i+1:]...)
			break
		}
	}
	l.mu.Unlock()
	close(p.done)
	p.pc.Close()
	l.flows.purge(time.Time{}, p)
}

func (p *packetListener) read(ctx context.Context) error {
	buf := make([]byte, 65536)
	wait := time.Duration(0)
	for {
		n, src, err := p.receive(buf)
		switch {
		case err == nil:
			wait = 0
			p.datagram(buf[:n], src)
			continue
		case ctx.Err() != nil || p.layer.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil //nolint:nilerr // told to end, which is no error
		}
		// An ICMP error or a lack of buffers is no reason to stop listening.
		wait = min(max(2*wait, time.Millisecond), time.Second)
		p.layer.noise.Warn().Err(err).Str("transport", UDP).Stringer("local", p.local).Msg("reading SIP datagrams failed, trying on")
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		case <-p.layer.ctx.Done():
		}
	}
}

func (p *packetListener) receive(buf []byte) (int, netip.AddrPort, error) {
	if p.udp != nil {
		n, src, err := p.udp.ReadFromUDPAddrPort(buf)
		return n, netip.AddrPortFrom(src.Addr().Unmap(), src.Port()), err
	}
	n, src, err := p.pc.ReadFrom(buf)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	return n, addrPort(src), nil
}

// datagram handles one. Before the message proves readable nothing is kept that
// a forged source address could make grow.
func (p *packetListener) datagram(b []byte, src netip.AddrPort) {
	l := p.layer
	now := time.Now()
	if !l.admit(src.Addr(), now, b) {
		l.metric.drop("rate")
		return
	}
	switch {
	case len(b) < 20 && isKeepAlive(b): // RFC 5626 §3.5.1 is for streams only
		p.heard(src, now)
		return
	case isSTUN(b):
		p.heard(src, now)
		if answer := stunAnswer(b, src); answer != nil {
			_ = p.write(answer, src)
		}
		return
	}
	_ = l.deliver(b, func() *Flow {
		f := l.flows.get(p, src, now)
		f.seen.Store(now.UnixNano())
		return f
	})
}

// heard notes that a peer is there, if it is one we know already.
func (p *packetListener) heard(src netip.AddrPort, now time.Time) {
	if f := p.layer.flows.find(p, src); f != nil {
		f.seen.Store(now.UnixNano())
	}
}

// isKeepAlive: nothing but CR, LF, space and NUL, as phones send to keep a NAT
// binding.
func isKeepAlive(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' && c != ' ' && c != 0 {
			return false
		}
	}
	return true
}

func (p *packetListener) send(b []byte, to netip.AddrPort) error {
	select {
	case <-p.done:
		return ErrFlowClosed
	default:
	}
	if len(b) > maxDatagram {
		p.layer.metric.drop("too_long")
		return fmt.Errorf("%w: %d bytes", ErrTooLong, len(b))
	}
	return p.write(b, to)
}

func (p *packetListener) write(b []byte, to netip.AddrPort) error {
	var err error
	if p.udp != nil {
		_, err = p.udp.WriteToUDPAddrPort(b, to)
	} else {
		_, err = p.pc.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	if err != nil {
		p.layer.metric.drop("write")
		return fmt.Errorf("send datagram to %s: %w", to, err)
	}
	return nil
}

// reaches reports whether the socket can send to that address.
func (p *packetListener) reaches(a netip.Addr) bool {
	own := p.local.Addr()
	switch {
	case own.Is6() && own.IsUnspecified():
		return true // Go binds "" and "[::]" to both families
	case own.IsLoopback() != a.IsLoopback() && !own.IsUnspecified():
		return false
	}
	return own.Is4() == a.Is4()
}

// addrPort reads any net.Addr as an address and port, 4-in-6 unwrapped.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		if a != nil {
			ap, _ = netip.ParseAddrPort(a.String())
		}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
