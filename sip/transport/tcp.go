package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"time"
)

// ServeStream accepts streams until ctx ends, the layer closes, or ln does; it
// closes ln. transport is TCP, or TLS with a listener that speaks it already;
// the handshake is made on the connection's own goroutine. Open streams outlive
// it until the layer closes.
func (l *Layer) ServeStream(ctx context.Context, ln net.Listener, transport string) error {
	if !l.enter() {
		ln.Close()
		return ErrClosed
	}
	defer l.wg.Done()
	defer ln.Close()
	l.mu.Lock()
	l.ports[transport] = addrPort(ln.Addr()).Port()
	l.mu.Unlock()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	defer context.AfterFunc(l.ctx, func() { ln.Close() })()
	wait := time.Duration(0)
	for {
		c, err := ln.Accept()
		if err == nil {
			wait = 0
			l.accept(c, transport)
			continue
		}
		if ctx.Err() != nil || l.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil
		}
		// Too many open files, or a connection that died in the backlog: others
		// want to be served still.
		l.metric.drop("accept")
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		l.log.Warn().Err(err).Str("transport", transport).Dur("wait", wait).Msg("accepting SIP streams failed, trying on")
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		case <-l.ctx.Done():
		}
	}
}

// enter counts a goroutine of the caller's in, unless the layer is closed.
func (l *Layer) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.wg.Add(1)
	return true
}

func (l *Layer) accept(c net.Conn, transport string) {
	remote := addrPort(c.RemoteAddr())
	if !l.gate.open(remote.Addr(), time.Now()) {
		l.metric.drop("conns_per_addr")
		c.Close()
		return
	}
	tc := &tcpConn{Conn: c, limits: &l.limits}
	f, err := l.newStream(&Flow{transport: transport, remote: remote, local: addrPort(c.LocalAddr())}, tc, false)
	if err != nil {
		l.gate.closed(remote.Addr())
		c.Close()
		return
	}
	l.wg.Go(func() {
		defer l.gate.closed(remote.Addr())
		f.stream.finish(l.readStream(f, c, time.Now().Add(l.limits.FirstMessage)))
	})
}

// tcpConn is a TCP or TLS connection as a stream's conn.
type tcpConn struct {
	net.Conn
	limits *Limits
}

func (c *tcpConn) writeAll(msgs [][]byte) error {
	_ = c.SetWriteDeadline(time.Now().Add(c.limits.Write))
	if _, plain := c.Conn.(*net.TCPConn); !plain && len(msgs) > 1 {
		// One TLS record for many small messages; TCP gathers by itself.
		_, err := c.Write(slices.Concat(msgs...))
		return err
	}
	bufs := net.Buffers(msgs)
	_, err := bufs.WriteTo(c.Conn)
	return err
}

// readStream reads messages until the stream ends; first is when the first one
// must be complete, zero for a stream that we opened.
func (l *Layer) readStream(f *Flow, c net.Conn, first time.Time) error {
	fr := framer{head: l.limits.Head, body: l.limits.Body}
	deadline := first
	if deadline.IsZero() {
		deadline = time.Now().Add(l.limits.Idle)
	}
	_ = c.SetReadDeadline(deadline)
	waiting := false // for the rest of a message begun
	large := int64(0)
	defer func() { l.buffered.Add(-large) }()
	for {
		room := fr.room()
		total := l.buffered.Add(fr.large() - large)
		large = fr.large()
		if large > 0 && total > int64(l.limits.Buffered) {
			l.metric.drop("buffered")
			return errBusy
		}
		n, err := c.Read(room)
		fr.filled(n)
		got, cutErr := l.cut(f, &fr)
		switch {
		case cutErr != nil:
			discard(c)
			return cutErr
		case err != nil:
			return err
		case got:
			first = time.Time{}
		}
		now := time.Now()
		switch {
		case !first.IsZero(): // the first message's deadline stands
		case !fr.begun():
			waiting = false
			_ = c.SetReadDeadline(now.Add(l.limits.Idle))
		case got || !waiting:
			waiting = true
			_ = c.SetReadDeadline(now.Add(l.limits.Message))
		}
	}
}

// discard reads on for a moment: closing with bytes unread makes the kernel reset
// the connection, and the peer would never see why we hang up.
func discard(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, c, 2<<20)
}

// cut delivers every whole message that has been read, and answers pings with a
// pong (RFC 5626 §4.4.1).
func (l *Layer) cut(f *Flow, fr *framer) (got bool, err error) {
	for {
		one, ok, err := fr.next()
		if one.pings > 0 {
			f.seen.Store(time.Now().UnixNano())
			_ = f.Send(pong())
		}
		if err != nil {
			l.metric.drop("framing")
			l.refuse(f, fr.rest(), err)
			return got, err
		}
		if !ok {
			return got, nil
		}
		if err := l.take(f, one.message); err != nil {
			return got, err
		}
		got = true
	}
}

// take is the gate for one framed message of a stream. Bytes that are no SIP at
// all end the stream.
func (l *Layer) take(f *Flow, raw []byte) error {
	now := time.Now()
	f.seen.Store(now.UnixNano())
	if !l.admit(f.Source(), now, raw) {
		l.metric.drop("rate")
		return nil
	}
	return l.deliver(raw, func() *Flow { return f })
}

func pong() []byte { return []byte("\r\n") }
