package webrtc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"
)

// maxOut is how many messages may wait to be written to one page.
const maxOut = 64

// link is one open socket. The handler's goroutine reads it; after the hello a
// second goroutine, session.run, writes it.
type link struct {
	ws     *websocket.Conn
	raw    net.Conn
	remote netip.Addr
	rate   *rate.Limiter
	wake   chan struct{} // asks the writer to look again
	gone   chan struct{} // closed when reading ended

	mu  sync.Mutex
	out [][]byte // to be written; guarded by mu
	end *ending  // set once; after out is written, the socket is closed; guarded by mu
}

type ending struct {
	code   websocket.StatusCode
	reason string
	cut    bool // the peer is silent: close without the handshake
}

// hijacked remembers the connection under the WebSocket, so that deadlines can
// be set on it and a silent one can be cut.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = c
	if err != nil {
		return nil, nil, fmt.Errorf("webrtc: take over connection: %w", err)
	}
	return c, rw, nil
}

// nudge wakes the writer; it never blocks.
func (l *link) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// send queues a message. A page that does not read is closed: nothing it could
// say would be about the present.
func (l *link) send(b []byte) {
	l.mu.Lock()
	switch {
	case l.end != nil:
	case len(l.out) >= maxOut:
		l.end = &ending{code: websocket.StatusPolicyViolation, reason: "does not read", cut: true}
	default:
		l.out = append(l.out, b)
	}
	l.mu.Unlock()
	l.nudge()
}

// finish closes the socket after what is queued was written.
func (l *link) finish(e ending) {
	l.mu.Lock()
	if l.end == nil {
		l.end = &e
	}
	l.mu.Unlock()
	l.nudge()
}

// flush writes what is queued, each message within the time. It reports whether
// the socket can be used further.
func (l *link) flush(within time.Duration) (usable bool, err error) {
	for {
		l.mu.Lock()
		out, end := l.out, l.end
		l.out = nil
		l.mu.Unlock()
		for _, b := range out {
			if err := l.write(b, within); err != nil {
				return false, err
			}
		}
		if end == nil {
			if len(out) == 0 {
				return true, nil
			}
			continue
		}
		if end.cut {
			l.cut()
			return false, nil
		}
		l.close(end.code, end.reason)
		return false, nil
	}
}

func (l *link) write(b []byte, within time.Duration) error {
	if err := l.raw.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return fmt.Errorf("webrtc: write deadline: %w", err)
	}
	// Without a context that ends, the write costs no timer of its own.
	if err := l.ws.Write(context.Background(), websocket.MessageText, b); err != nil {
		return fmt.Errorf("webrtc: write: %w", err)
	}
	return nil
}

// close sends the close frame and waits shortly for the peer's.
func (l *link) close(code websocket.StatusCode, reason string) {
	_ = l.raw.SetDeadline(time.Now().Add(time.Second))
	_ = l.ws.Close(code, reason)
	l.cut()
}

// cut closes the connection without a word.
func (l *link) cut() {
	_ = l.raw.Close()
}

// unread reports whether a write failed because the peer took nothing.
func unread(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// goodbye reports whether reading ended with a close frame: the browser itself
// said that the page is gone.
func goodbye(err error) bool { return websocket.CloseStatus(err) != -1 }
