// Package phone is a light SIP user agent for load and fault tests: many phones
// share one socket (a Line), and nothing of the server's own SIP code is used,
// so that a mistake there is not made twice.
//
// A request over UDP is sent again as RFC 3261 §17.1.2 says until its final
// answer comes. NOTIFYs are answered from the goroutine that reads the socket,
// in the order in which they come; what a Watch remembers was true when its
// answer left.
package phone

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrTimeout says that no final answer came in time; whether the request was
// carried out is not known.
var ErrTimeout = errors.New("phone: no final answer")

// Line is one socket to the server. It is safe for concurrent use.
type Line struct {
	Server string // host:port
	// Timeout is how long a request waits for its final answer; 5 s.
	Timeout time.Duration
	// Again counts NOTIFYs that came a second time, Sent requests sent again.
	Again, Resent atomic.Int64
	// Rung counts the INVITEs that came, each of which is answered at once, and
	// Acked and HungUp what followed.
	Rung, Acked, HungUp atomic.Int64

	host string // our address
	udp  *net.UDPConn
	to   *net.UDPAddr

	mu      sync.Mutex
	tcp     net.Conn               // guarded by mu; nil over UDP and while not connected
	waiting map[string]chan []byte // guarded by mu; by branch
	watches map[string]*Watch      // guarded by mu; by Call-ID
	closed  bool                   // guarded by mu
	ids     atomic.Uint64
	readers sync.WaitGroup
}

// UDP opens a line on a local address ("127.0.0.2") and a port of its own.
func UDP(local, server string) (*Line, error) {
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(local)})
	if err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	setBuffer(c)
	l := newLine(server, c.LocalAddr().String())
	l.udp, l.to = c, to
	l.readers.Go(l.readUDP)
	return l, nil
}

// setBuffer makes room for bursts: a load generator that loses packets measures
// its own socket.
func setBuffer(c *net.UDPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, 8<<20) != nil {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<20)
		}
	})
}

// TCP opens a line over a stream.
func TCP(local, server string) (*Line, error) {
	l := newLine(server, local)
	return l, l.Reconnect()
}

func newLine(server, host string) *Line {
	return &Line{
		Server: server, Timeout: 5 * time.Second, host: host,
		waiting: make(map[string]chan []byte), watches: make(map[string]*Watch),
	}
}

// Reconnect opens the stream again, as a phone does that finds it closed.
func (l *Line) Reconnect() error {
	ip := net.ParseIP(hostOnly(l.host))
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: 5 * time.Second}).Dial("tcp", l.Server)
	if err != nil {
		return fmt.Errorf("phone: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tcp != nil {
		_ = l.tcp.Close()
	}
	l.tcp, l.host = c, c.LocalAddr().String()
	l.readers.Go(func() { l.readTCP(c) })
	return nil
}

func hostOnly(s string) string {
	if h, _, err := net.SplitHostPort(s); err == nil {
		return h
	}
	return s
}

// Addr is our address as the server sees it.
func (l *Line) Addr() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.host
}

func (l *Line) transport() string {
	if l.udp != nil {
		return "UDP"
	}
	return "TCP"
}

// Close ends the line.
func (l *Line) Close() {
	l.mu.Lock()
	l.closed = true
	if l.tcp != nil {
		_ = l.tcp.Close()
	}
	l.mu.Unlock()
	if l.udp != nil {
		_ = l.udp.Close()
	}
	l.readers.Wait()
}

// Send sends bytes as they are.
func (l *Line) Send(b []byte) error {
	if l.udp != nil {
		_, err := l.udp.WriteToUDP(b, l.to)
		return err
	}
	l.mu.Lock()
	c := l.tcp
	l.mu.Unlock()
	if c == nil {
		return net.ErrClosed
	}
	_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, err := c.Write(b)
	return err
}

// head is the part of a request that is the line's: request line, Via and what
// every request has.
func (l *Line) head(method, uri string) (branch string, b []byte) {
	branch = "z9hG4bK" + strconv.FormatUint(l.ids.Add(1), 36) + "." + l.id()
	b = make([]byte, 0, 900)
	b = append(b, method+" "+uri+" SIP/2.0\r\nVia: SIP/2.0/"+l.transport()+" "+l.Addr()+";branch="+branch+";rport\r\nMax-Forwards: 70\r\n"...)
	return branch, b
}

// id makes branches of different lines differ.
func (l *Line) id() string { return fmt.Sprintf("%p", l)[2:] }

// do sends a request and waits for its final answer.
func (l *Line) do(branch string, req []byte) (Response, error) {
	ch := make(chan []byte, 1)
	l.mu.Lock()
	l.waiting[branch] = ch
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.waiting, branch)
		l.mu.Unlock()
	}()
	if err := l.Send(req); err != nil {
		return Response{}, err
	}
	wait, over := 500*time.Millisecond, time.Now().Add(l.Timeout)
	t := time.NewTimer(min(wait, l.Timeout))
	defer t.Stop()
	for {
		select {
		case raw := <-ch:
			return Response{Status: status(raw), Raw: raw}, nil
		case <-t.C:
		}
		if time.Now().After(over) {
			return Response{}, ErrTimeout
		}
		if l.udp != nil {
			l.Resent.Add(1)
			if err := l.Send(req); err != nil {
				return Response{}, err
			}
			wait = min(2*wait, 4*time.Second)
		}
		t.Reset(min(wait, time.Until(over)+time.Millisecond))
	}
}

func (l *Line) readUDP() {
	buf := make([]byte, 65536)
	for {
		n, _, err := l.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			l.mu.Lock()
			closed := l.closed
			l.mu.Unlock()
			if closed {
				return
			}
			continue
		}
		l.take(buf[:n])
	}
}

func (l *Line) readTCP(c net.Conn) {
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		var msg []byte
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			msg = append(msg, line...)
			if len(line) == 2 && len(msg) > 2 {
				break
			}
			if len(bytes.TrimSpace(msg)) == 0 {
				msg = msg[:0]
			}
		}
		n, _ := strconv.Atoi(field(msg, "Content-Length"))
		for range n {
			b, err := r.ReadByte()
			if err != nil {
				return
			}
			msg = append(msg, b)
		}
		l.take(msg)
	}
}

// take handles one message that came.
func (l *Line) take(b []byte) {
	switch {
	case bytes.HasPrefix(b, []byte("SIP/2.0 ")):
		if status(b) < 200 {
			return
		}
		l.mu.Lock()
		ch := l.waiting[branchOf(b)]
		l.mu.Unlock()
		if ch != nil {
			select {
			case ch <- bytes.Clone(b):
			default:
			}
		}
	case bytes.HasPrefix(b, []byte("NOTIFY ")):
		l.mu.Lock()
		w := l.watches[field(b, "Call-ID")]
		l.mu.Unlock()
		if w == nil {
			_ = l.Send(answer(b, "481 Subscription Does Not Exist"))
			return
		}
		_ = l.Send(answer(b, "200 OK"))
		if w.notified(b) {
			l.Again.Add(1)
		}
	case bytes.HasPrefix(b, []byte("INVITE ")):
		l.pickUp(b)
	case bytes.HasPrefix(b, []byte("ACK ")):
		l.Acked.Add(1)
	case bytes.HasPrefix(b, []byte("BYE ")):
		l.HungUp.Add(1)
		_ = l.Send(answer(b, "200 OK"))
	case bytes.HasPrefix(b, []byte("OPTIONS ")):
		_ = l.Send(answer(b, "200 OK"))
	}
}
