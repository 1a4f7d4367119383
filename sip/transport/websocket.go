package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// WebSocketHandler serves SIP over WebSocket (RFC 7118): WS, or WSS when the
// request came by TLS. The subprotocol "sip" must be offered (§4.1), and a page
// must come from our own host or one of Options.Origins. Each connection is read
// on its request's goroutine, so that none holds up another.
func (l *Layer) WebSocketHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.enter() {
			http.Error(w, "SIP is shutting down", http.StatusServiceUnavailable)
			return
		}
		defer l.wg.Done()
		l.serveWebSocket(w, r)
	})
}

func (l *Layer) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if !offersSIP(r.Header) {
		l.metric.drop("ws_subprotocol")
		http.Error(w, `the WebSocket subprotocol must be "sip"`, http.StatusBadRequest)
		return
	}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	f := &Flow{transport: WS, remote: remote}
	if r.TLS != nil {
		f.transport = WSS
	}
	if l.o.Client != nil {
		if client, ok := l.o.Client(r); ok {
			f.source = client
		}
	}
	if !l.gate.open(f.Source(), time.Now()) {
		l.metric.drop("conns_per_addr")
		http.Error(w, "too many connections from your address", http.StatusTooManyRequests)
		return
	}
	defer l.gate.closed(f.Source())
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sip"}, OriginPatterns: l.o.Origins})
	if err != nil { // Accept has answered
		l.metric.drop("ws_refused")
		l.noise.Info().Err(err).Str("src", f.Sender()).Str("transport", f.transport).Msg("SIP WebSocket refused")
		return
	}
	c.SetReadLimit(int64(l.limits.Head + l.limits.Body))
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		f.local = addrPort(a)
	}
	wc := &wsConn{Conn: c, limits: &l.limits}
	if _, err = l.newStream(f, wc, false); err != nil {
		_ = c.Close(websocket.StatusTryAgainLater, "too many connections")
		return
	}
	l.wg.Go(func() { l.pingWebSocket(f, c) })
	f.stream.finish(l.readWebSocket(f, c))
}

func offersSIP(h http.Header) bool {
	for _, line := range h.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(p), "sip") {
				return true
			}
		}
	}
	return false
}

// readWebSocket takes one message a frame, text or binary (RFC 7118 §4.2).
func (l *Layer) readWebSocket(f *Flow, c *websocket.Conn) error {
	in := wsReader{layer: l, conn: c}
	defer in.release()
	limit := l.limits.FirstMessage
	for {
		b, err := in.next(limit)
		if err != nil {
			return err
		}
		if isKeepAlive(b) {
			f.seen.Store(time.Now().UnixNano())
			if len(b) == 4 {
				_ = f.Send(pong())
			}
			continue
		}
		if err := l.take(f, b); err != nil {
			return err
		}
		limit = l.limits.Idle
	}
}

// wsReader reads the messages of a WebSocket into a buffer of its own, which is
// bounded and counted like that of any stream.
type wsReader struct {
	layer *Layer
	conn  *websocket.Conn
	buf   []byte
	large int64 // of buf, as far as it is counted
}

// next waits for a message to begin, and Limits.Message for its end. What it
// returns is good until the next call.
func (r *wsReader) next(wait time.Duration) ([]byte, error) {
	if cap(r.buf) > usualBuffer {
		r.release()
	}
	ctx, cancel := context.WithCancel(r.layer.ctx)
	defer cancel()
	clock := time.AfterFunc(wait, cancel)
	defer clock.Stop()
	_, in, err := r.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	clock.Reset(r.layer.limits.Message)
	for r.buf = r.buf[:0]; ; {
		if len(r.buf) == cap(r.buf) {
			if err := r.grow(); err != nil {
				return nil, err
			}
		}
		n, err := in.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return r.buf, nil
		case err != nil:
			return nil, err
		}
	}
}

func (r *wsReader) grow() error {
	size := max(2*cap(r.buf), 2048)
	if size > usualBuffer {
		total := r.layer.buffered.Add(int64(size) - r.large)
		r.large = int64(size)
		if total > int64(r.layer.limits.Buffered) {
			r.layer.metric.drop("buffered")
			return errBusy
		}
	}
	r.buf = append(make([]byte, 0, size), r.buf...)
	return nil
}

// release gives the buffer back.
func (r *wsReader) release() {
	r.layer.buffered.Add(-r.large)
	r.buf, r.large = nil, 0
}

// pingWebSocket keeps middleboxes from forgetting the connection and finds out
// when the browser has gone without a word.
func (l *Layer) pingWebSocket(f *Flow, c *websocket.Conn) {
	every := time.NewTicker(l.limits.Ping)
	defer every.Stop()
	for {
		select {
		case <-f.Done():
			return
		case <-every.C:
		}
		ctx, cancel := context.WithTimeout(l.ctx, l.limits.Ping)
		err := c.Ping(ctx)
		cancel()
		if err != nil {
			f.stream.close(err)
			return
		}
	}
}

// wsConn is a WebSocket as a stream's conn.
type wsConn struct {
	*websocket.Conn
	limits *Limits
}

func (c *wsConn) writeAll(msgs [][]byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.limits.Write)
	defer cancel()
	for _, m := range msgs {
		kind := websocket.MessageText
		if !utf8.Valid(m) {
			kind = websocket.MessageBinary
		}
		if err := c.Write(ctx, kind, m); err != nil {
			return err
		}
	}
	return nil
}

// Close does not wait for the browser's side of the closing handshake.
func (c *wsConn) Close() error { return c.CloseNow() }
