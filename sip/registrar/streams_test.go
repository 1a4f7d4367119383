package registrar_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

// allTransports serves TLS, WS and WSS as well.
func (h *house) allTransports() {
	h.t.Helper()
	cfg := siptest.Certificate(h.t)
	secure := tls.NewListener(h.net.Listen("10.0.0.1:5061"), cfg)
	h.serving.Go(func() { _ = h.tp.ServeStream(context.Background(), secure, transport.TLS) })
	for addr, wrap := range map[string]bool{"10.0.0.1:80": false, "10.0.0.1:443": true} {
		ln := h.net.Listen(addr)
		if wrap {
			ln = tls.NewListener(ln, cfg)
		}
		srv := &http.Server{Handler: h.tp.WebSocketHandler(), ReadHeaderTimeout: time.Minute}
		h.serving.Go(func() { _ = srv.Serve(ln) })
		h.t.Cleanup(func() { _ = srv.Close() })
	}
	synctest.Wait()
}

// over is a phone over a stream of that transport.
func (h *house) over(name, user, addr string) *phone {
	h.t.Helper()
	number, _, _ := strings.Cut(user, "-")
	p := &phone{user: user, aor: "sip:" + number + "@" + domain, callID: message.NewCallID("")}
	switch name {
	case transport.TCP:
		p.Peer = siptest.NewStreamPeer(h.t, h.net, addr, server)
	case transport.TLS:
		p.Peer = siptest.NewTLSPeer(h.t, h.net, addr, "10.0.0.1:5061")
	case transport.WS:
		p.Peer = siptest.NewWebSocketPeer(h.t, h.net, addr, "ws://10.0.0.1:80/")
	case transport.WSS:
		p.Peer = siptest.NewWebSocketPeer(h.t, h.net, addr, "wss://10.0.0.1:443/")
	}
	return p
}

// What is registered over a stream ends within a second of it, whatever the
// transport: alone, as one of two flows of an instance, and both of them.
func TestRegistrationsEndWithTheirFlow(t *testing.T) {
	for _, name := range []string{transport.TCP, transport.TLS, transport.WS, transport.WSS} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				h.allTransports()
				uri := func(i int) string { return fmt.Sprintf("sip:f%d@abc.invalid;transport=ws", i) }
				one, two := h.over(name, "1001", "10.0.1.1:40001"), h.over(name, "1001", "10.0.1.1:40002")
				alone := h.over(name, "1001-soft", "10.0.1.2:40001")
				wantStatus(t, alone.register("Contact: <sip:alone@abc.invalid;transport=ws>"), 200)
				for i, p := range []*phone{one, two} {
					wantStatus(t, p.register(flowContact(uri(i+1), i+1), supportsOutbound), 200)
					time.Sleep(time.Second)
				}
				want := func(what, routed string, rows int) {
					t.Helper()
					time.Sleep(time.Second)
					if got := h.known("1001"); got != routed || h.rows() != rows {
						t.Errorf("%s: routing knows %q, want %q; %d rows, want %d", what, got, routed, h.rows(), rows)
					}
				}
				want("registered", "sip:alone@abc.invalid;transport=ws, "+uri(2), 3)
				alone.Close()
				want("one alone has gone", uri(2), 2)
				two.Close()
				want("the newer flow has gone", uri(1), 1)
				one.Close()
				want("the last has gone", "", 0)
			})
		})
	}
}

// A keep-alive of two empty lines is answered by one on every stream (RFC 5626
// §4.4.1), and the registration lives on.
func TestKeepAliveOnEveryStream(t *testing.T) {
	for _, name := range []string{transport.TCP, transport.TLS, transport.WS, transport.WSS} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				h.allTransports()
				p := h.over(name, "1001", "10.0.1.1:40001")
				wantStatus(t, p.register("Contact: <sip:a@abc.invalid;transport=ws>;expires=3600"), 200)
				before := p.Pongs()
				for range 20 {
					time.Sleep(100 * time.Second)
					p.SendRaw([]byte("\r\n\r\n"))
				}
				synctest.Wait()
				if n := p.Pongs() - before; n != 20 {
					t.Errorf("%d pongs to 20 pings", n)
				}
				if got := h.known("1001"); got != "sip:a@abc.invalid;transport=ws" {
					t.Errorf("routing knows %q", got)
				}
			})
		})
	}
}
