package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"
)

// dial is an attempt that several callers may wait for.
type dial struct {
	done chan struct{}
	flow *Flow
	err  error
}

func (l *Layer) streamFlow(ctx context.Context, to streamPeer) (*Flow, error) {
	switch to.transport {
	case TCP, TLS:
	case WS, WSS:
		// A WebSocket server does not dial browsers (RFC 7118 §5).
	default:
		return nil, fmt.Errorf("flow to %s: unknown transport %q", to.addr, to.transport)
	}
	l.mu.Lock()
	if f := l.openLocked(to); f != nil || l.closed || to.transport == WS || to.transport == WSS {
		closed := l.closed
		l.mu.Unlock()
		switch {
		case f != nil:
			return f, nil
		case closed:
			return nil, ErrClosed
		}
		return nil, fmt.Errorf("flow to %s by %s: %w", to.addr, to.transport, ErrFlowClosed)
	}
	d := l.dials[to]
	if d == nil {
		d = &dial{done: make(chan struct{})}
		l.dials[to] = d
		l.wg.Go(func() { l.dialOnce(d, to) })
	}
	l.mu.Unlock()
	select {
	case <-d.done:
		return d.flow, d.err
	case <-ctx.Done():
		return nil, fmt.Errorf("flow to %s by %s: %w", to.addr, to.transport, ctx.Err())
	}
}

// dialOnce opens the stream on the layer's time: the next caller gets it even if
// the first one gave up.
func (l *Layer) dialOnce(d *dial, to streamPeer) {
	ctx, cancel := context.WithTimeout(l.ctx, l.limits.DialTimeout)
	defer cancel()
	d.flow, d.err = l.open(ctx, to, nil)
	l.mu.Lock()
	delete(l.dials, to)
	l.mu.Unlock()
	close(d.done)
}

func (l *Layer) clientTLS() *tls.Config {
	if l.o.ClientTLS != nil {
		return l.o.ClientTLS.Clone()
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}

// open opens a stream; cfg may be nil.
func (l *Layer) open(ctx context.Context, to streamPeer, cfg *tls.Config) (*Flow, error) {
	connect := l.o.Dial
	if connect == nil {
		connect = dialTCP
	}
	c, err := connect(ctx, "tcp", to.addr.String())
	if err != nil {
		return nil, fmt.Errorf("open %s stream to %s: %w", to.transport, to.addr, err)
	}
	if to.transport == TLS {
		if cfg == nil {
			cfg = l.clientTLS()
		}
		if cfg.ServerName == "" {
			cfg.ServerName = to.addr.Addr().String()
		}
		tc := tls.Client(c, cfg)
		if err := tc.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, fmt.Errorf("TLS handshake with %s: %w", to.addr, err)
		}
		c = tc
	}
	f, err := l.newStream(&Flow{transport: to.transport, remote: to.addr, local: addrPort(c.LocalAddr())}, &tcpConn{Conn: c, limits: &l.limits}, true)
	if err != nil {
		c.Close()
		return nil, err
	}
	l.wg.Go(func() { f.stream.finish(l.readStream(f, c, time.Time{})) })
	return f, nil
}
