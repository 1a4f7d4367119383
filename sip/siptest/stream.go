package siptest

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

type listener struct {
	net     *Net
	local   netip.AddrPort
	backlog chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.net.mu.Lock()
		delete(l.net.listeners, l.local)
		l.net.mu.Unlock()
	})
	return nil
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

// half is one direction of a stream: a bounded buffer.
type half struct {
	mu     sync.Mutex
	buf    []byte        // guarded by mu
	ended  bool          // nothing more comes; guarded by mu
	change chan struct{} // closed and replaced at every change; guarded by mu
}

func newHalf() *half { return &half{change: make(chan struct{})} }

func (h *half) changedLocked() {
	close(h.change)
	h.change = make(chan struct{})
}

func (h *half) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.ended = true
		h.changedLocked()
	}
}

// streamConn is one end of a stream.
type streamConn struct {
	local, remote netip.AddrPort
	in, out       *half
	closed        chan struct{}
	once          sync.Once
	read, write   deadline
}

func pipe(a, b netip.AddrPort) (near, far *streamConn) {
	there, back := newHalf(), newHalf()
	near = &streamConn{local: a, remote: b, in: back, out: there, closed: make(chan struct{})}
	far = &streamConn{local: b, remote: a, in: there, out: back, closed: make(chan struct{})}
	return near, far
}

func (c *streamConn) wait(change chan struct{}, d *deadline) error {
	select {
	case <-change:
		return nil
	case <-c.closed:
		return net.ErrClosed
	case <-d.passed():
		return os.ErrDeadlineExceeded
	}
}

func (c *streamConn) Read(b []byte) (int, error) {
	for {
		select {
		case <-c.closed:
			return 0, net.ErrClosed
		default:
		}
		c.in.mu.Lock()
		if len(c.in.buf) > 0 {
			n := copy(b, c.in.buf)
			c.in.buf = c.in.buf[n:]
			c.in.changedLocked()
			c.in.mu.Unlock()
			return n, nil
		}
		ended, change := c.in.ended, c.in.change
		c.in.mu.Unlock()
		if ended {
			return 0, io.EOF
		}
		if err := c.wait(change, &c.read); err != nil {
			return 0, err
		}
	}
}

func (c *streamConn) Write(b []byte) (int, error) {
	sent := 0
	for {
		select {
		case <-c.closed:
			return sent, net.ErrClosed
		default:
		}
		c.out.mu.Lock()
		if c.out.ended {
			c.out.mu.Unlock()
			return sent, io.ErrClosedPipe
		}
		n := min(len(b)-sent, streamBuffer-len(c.out.buf))
		c.out.buf = append(c.out.buf, b[sent:sent+n]...)
		sent += n
		if n > 0 {
			c.out.changedLocked()
		}
		change := c.out.change
		c.out.mu.Unlock()
		if sent == len(b) {
			return sent, nil
		}
		if err := c.wait(change, &c.write); err != nil {
			return sent, err
		}
	}
}

func (c *streamConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.out.end()
		c.in.end()
		c.read.set(time.Time{})
		c.write.set(time.Time{})
	})
	return nil
}

func (c *streamConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *streamConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *streamConn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

func (c *streamConn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

func (c *streamConn) SetWriteDeadline(t time.Time) error {
	c.write.set(t)
	return nil
}
