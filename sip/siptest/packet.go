package siptest

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

type packet struct {
	from netip.AddrPort
	b    []byte
}

// packetConn is a UDP socket on a Net.
type packetConn struct {
	net      *Net
	local    netip.AddrPort
	inbox    chan packet
	closed   chan struct{}
	once     sync.Once
	deadline deadline
}

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case <-c.closed:
		return 0, nil, net.ErrClosed
	case <-c.deadline.passed():
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case p := <-c.inbox:
		return copy(b, p.b), net.UDPAddrFromAddrPort(p.from), nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	case <-c.deadline.passed():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	at := to.(*net.UDPAddr).AddrPort()
	c.net.carry(c.local, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), b)
	return len(b), nil
}

func (c *packetConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.deadline.set(time.Time{})
		c.net.mu.Lock()
		delete(c.net.packets, c.local)
		c.net.mu.Unlock()
	})
	return nil
}

func (c *packetConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.deadline.set(t)
	return nil
}

func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }

// deadline is a channel that closes at a time that may be moved.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer   // guarded by mu
	ch    chan struct{} // guarded by mu
	fired bool          // ch is closed; guarded by mu
}

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.chanLocked()
}

func (d *deadline) chanLocked() chan struct{} {
	if d.ch == nil {
		d.ch = make(chan struct{})
	}
	return d.ch
}

// set moves the deadline. Readers that wait see only one that comes nearer by
// the same channel, so a fired channel alone is replaced.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	ch := d.chanLocked()
	if d.fired {
		d.ch, d.fired = make(chan struct{}), false
		ch = d.ch
	}
	if t.IsZero() {
		return
	}
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { d.fire(ch) })
		return
	}
	close(ch)
	d.fired = true
}

func (d *deadline) fire(ch chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ch == ch && !d.fired {
		close(ch)
		d.fired = true
	}
}
