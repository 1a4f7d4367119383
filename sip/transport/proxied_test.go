package transport

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lamplight/sip/message"
)

// behind believes of every WebSocket that it is from whom a header names.
func behind(r *http.Request) (netip.Addr, bool) {
	a, err := netip.ParseAddr(r.Header.Get("X-Forwarded-For"))
	return a, err == nil
}

func dialFor(t *testing.T, url, client string) (*websocket.Conn, int) {
	t.Helper()
	h := http.Header{}
	if client != "" {
		h.Set("X-Forwarded-For", client)
	}
	ws, res, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPHeader: h})
	if res == nil {
		t.Fatal(err)
	}
	if ws != nil {
		t.Cleanup(func() { _ = ws.CloseNow() })
	}
	return ws, res.StatusCode
}

// Behind a reverse proxy one browser that opens too much or says too much is stopped
// alone: the proxy's address is everybody's.
func TestClientsBehindAProxyAreLimitedEachByItself(t *testing.T) {
	_, url := webSocket(t, Options{Client: behind, LimitLoopback: true, Limits: Limits{ConnsPerAddr: 2, Rate: 1, Burst: 2}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	const many, other = "198.51.100.1", "2001:db8::1"
	loud, code := dialFor(t, url, many)
	for _, want := range []int{http.StatusSwitchingProtocols, http.StatusTooManyRequests} {
		if _, again := dialFor(t, url, many); code != http.StatusSwitchingProtocols || again != want {
			t.Errorf("from the same client: %d after %d, want %d", again, code, want)
		}
	}
	calm, code := dialFor(t, url, other)
	if code != http.StatusSwitchingProtocols {
		t.Fatalf("another client: %d", code)
	}
	for range 5 {
		if err := loud.Write(ctx, websocket.MessageText, []byte(options)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		if _, _, err := loud.Read(ctx); err != nil {
			t.Fatalf("message %d of the loud one: %v", i+1, err)
		}
	}
	if err := calm.Write(ctx, websocket.MessageText, []byte(options)); err != nil {
		t.Fatal(err)
	}
	if _, b, err := calm.Read(ctx); err != nil || !strings.HasPrefix(string(b), "SIP/2.0 200 ") {
		t.Fatalf("the calm one: %q %v", b, err)
	}
}

// What a proxy says of a client limits and names it. It is no way to send anything, and
// makes nobody a neighbouring server: neither whom it names nor the proxy.
func TestAForwardedAddressIsNoWayAndNobodysIdentity(t *testing.T) {
	flows := make(chan *Flow, 2)
	l := New(Options{Client: behind, OnMessage: func(f *Flow, _ *message.Message) { flows <- f }})
	t.Cleanup(func() { _ = l.Close() })
	url := serveWebSockets(t, l)
	loopback := netip.MustParseAddr("127.0.0.1")
	for name, c := range map[string]struct {
		client            string
		source, neighbour netip.Addr
	}{
		"by a proxy":     {"198.51.100.1", netip.MustParseAddr("198.51.100.1"), netip.Addr{}},
		"nobody between": {"", loopback, loopback},
	} {
		t.Run(name, func(t *testing.T) {
			ws, _ := dialFor(t, url, c.client)
			if err := ws.Write(t.Context(), websocket.MessageText, []byte(options)); err != nil {
				t.Fatal(err)
			}
			f := <-flows
			if f.Remote().Addr() != loopback || f.Remote().Port() == 0 || f.Source() != c.source || f.Neighbour() != c.neighbour {
				t.Errorf("remote %v, source %v, neighbour %v", f.Remote(), f.Source(), f.Neighbour())
			}
			want := f.Remote().String()
			if c.client != "" {
				want = c.client + " by " + want
			}
			if f.Sender() != want {
				t.Errorf("in logs %q, want %q", f.Sender(), want)
			}
			if again, ok := l.FlowByID(f.ID()); !ok || again != f {
				t.Errorf("%s leads to %v", f.ID(), again)
			}
			var seen string
			l.VisitFlows(func(i FlowInfo) {
				if i.ID == f.ID() && i.Client.IsValid() {
					seen = i.Client.String()
				}
			})
			if seen != c.client {
				t.Errorf("diagnostics name %q, want %q", seen, c.client)
			}
		})
	}
}
