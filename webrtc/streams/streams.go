// Package streams takes the TCP connections of browsers, for pages and for media where no
// UDP passes: so many at once, from each address and in all, and no silent ones. Who
// connects need not have said who he is, and what reads here waits for ever for him: without
// a bound anybody could take every descriptor the server has.
//
// A listener goes on where accepting fails for a time, as when descriptors have run
// out after all. Closing it closes what it has given out, but with Options.Outlive.
package streams

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Options of a Listener. The zero value is useful.
type Options struct {
	// TLS is spoken, where it is set. A handshake is part of the first reading.
	TLS *tls.Config
	// All and PerAddr bound the connections open at once, in all and from one address, behind
	// which a whole call centre may be; defaults 10,000 and 2,000.
	All, PerAddr int
	// First is the longest a connection may take until something was read of it; 0: who
	// reads sees to that.
	First time.Duration
	// Exempt are addresses that PerAddr is not asked for, such as those of reverse proxies,
	// by which everybody comes; nil: none.
	Exempt func(netip.Addr) bool
	// Outlive leaves what was given out to its owner when the listener is closed.
	Outlive bool
	// What the streams are for, in logs; default media.
	What string
	Log  zerolog.Logger
}

// sayRefused is how often a log may say that connections are refused.
const sayRefused = 10 * time.Second

// Listener is a net.Listener with bounds.
type Listener struct {
	net.Listener
	o       Options
	refused atomic.Int64
	stop    chan struct{} // closed by Close

	mu     sync.Mutex
	open   map[*conn]struct{} // guarded by mu
	from   map[netip.Addr]int // of them, by address; guarded by mu
	closed bool               // guarded by mu
	said   time.Time          // of refusals, in the log; guarded by mu
}

// Bound puts bounds to a listener, which is closed with it.
func Bound(ln net.Listener, o Options) *Listener {
	if o.All <= 0 {
		o.All = 10000
	}
	if o.PerAddr <= 0 {
		o.PerAddr = 2000
	}
	if o.What == "" {
		o.What = "media"
	}
	return &Listener{
		Listener: ln, o: o, stop: make(chan struct{}), open: map[*conn]struct{}{}, from: map[netip.Addr]int{},
	}
}

// Refused is how many connections were closed at once for want of room.
func (l *Listener) Refused() int64 { return l.refused.Load() }

// Open is how many there are.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// Accept gives the next connection there is room for.
func (l *Listener) Accept() (net.Conn, error) {
	wait := time.Duration(0)
	for {
		raw, err := l.Listener.Accept()
		if err == nil {
			if c := l.take(raw); c != nil {
				return c, nil
			}
			wait = 0
			continue
		}
		if l.over() || errors.Is(err, net.ErrClosed) {
			return nil, err //nolint:wrapcheck // a net.Listener's own
		}
		// Too many open files, or a connection that died in the backlog: others
		// want to be served still.
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		l.o.Log.Warn().Err(err).Stringer("addr", l.Addr()).Str("streams", l.o.What).Dur("wait", wait).Msg("accepting streams failed, trying on")
		select {
		case <-time.After(wait):
		case <-l.stop:
		}
	}
}

// take counts a connection in, or closes it and returns nil.
func (l *Listener) take(raw net.Conn) *conn {
	c := &conn{Conn: raw, l: l, begun: l.o.First <= 0}
	if ap, err := netip.ParseAddrPort(raw.RemoteAddr().String()); err == nil {
		c.from = ap.Addr().Unmap()
	}
	l.mu.Lock()
	room := !l.closed && len(l.open) < l.o.All &&
		(l.from[c.from] < l.o.PerAddr || l.o.Exempt != nil && l.o.Exempt(c.from))
	if room {
		l.open[c] = struct{}{}
		l.from[c.from]++
	}
	now, open, from := time.Now(), len(l.open), l.from[c.from]
	say := !room && !l.closed && (l.said.IsZero() || now.Sub(l.said) >= sayRefused)
	if say {
		l.said = now
	}
	l.mu.Unlock()
	if !room {
		all := l.refused.Add(1)
		if say { // one of many, or strangers would fill the log
			l.o.Log.Warn().Stringer("src", raw.RemoteAddr()).Str("streams", l.o.What).Int("open", open).Int("from_there", from).
				Int64("refused", all).Msg("stream refused: too many are open")
		}
		_ = raw.Close()
		return nil
	}
	if l.o.TLS != nil {
		c.Conn = tls.Server(raw, l.o.TLS)
	}
	if !c.begun {
		_ = c.SetReadDeadline(time.Now().Add(l.o.First))
	}
	return c
}

func (l *Listener) drop(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.open[c]; !ok {
		return
	}
	delete(l.open, c)
	if l.from[c.from]--; l.from[c.from] == 0 {
		delete(l.from, c.from)
	}
}

func (l *Listener) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Close ends it and all that it has given out, unless that outlives it.
func (l *Listener) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	all := make([]*conn, 0, len(l.open))
	for c := range l.open {
		if !l.o.Outlive {
			all = append(all, c)
		}
	}
	l.mu.Unlock()
	if first {
		close(l.stop)
	}
	err := l.Listener.Close()
	for _, c := range all {
		_ = c.Close()
	}
	return err //nolint:wrapcheck // a net.Listener's own
}

// conn is one connection. It is not the *tls.Conn, so that nobody hands it on without
// closing it where its handshake fails.
type conn struct {
	net.Conn
	l     *Listener
	from  netip.Addr
	begun bool // something was read; by who reads
}

// Read ends the time for the first of it.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.begun {
		c.begun = true
		_ = c.SetReadDeadline(time.Time{})
	}
	return n, err //nolint:wrapcheck // a net.Conn's own
}

// Close gives the place back.
func (c *conn) Close() error {
	c.l.drop(c)
	return c.Conn.Close() //nolint:wrapcheck // a net.Conn's own
}
