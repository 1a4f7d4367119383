package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"lamplight/sip/message"
)

// These run on real loopback sockets, where time is real too.

// echo is a layer that answers every request with 200.
func echo(t *testing.T, o Options) *Layer {
	t.Helper()
	o.OnMessage = func(f *Flow, m *message.Message) { _ = f.Send(message.NewResponse(m, 200, "").Bytes()) }
	l := New(o)
	t.Cleanup(func() { l.Close() })
	return l
}

func certificate(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestTLSReload(t *testing.T) {
	l := echo(t, Options{ClientTLS: &tls.Config{InsecureSkipVerify: true}})
	var cert atomic.Pointer[tls.Certificate]
	cert.Store(certificate(t, "old.example"))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert.Load(), nil }}
	go l.ServeStream(context.Background(), tls.NewListener(ln, cfg), TLS)
	// A socket that never shakes hands must not hold up the others.
	silent, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var open []*tls.Conn
	for _, name := range []string{"old.example", "new.example"} {
		cert.Store(certificate(t, name))
		c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != name {
			t.Errorf("certificate of %s, want %s", got, name)
		}
		defer c.Close()
		// Connections of the old certificate live on beside those of the new.
		for _, c := range append(open, c) {
			c.Write([]byte(options))
			b := make([]byte, 1000)
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, err := c.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), "SIP/2.0 200 ") {
				t.Errorf("%q %v", b[:n], err)
			}
		}
		open = append(open, c)
	}
	f, err := l.Flow(t.Context(), TLS, addrPort(ln.Addr()))
	if err != nil || f.Transport() != TLS {
		t.Fatal(err)
	}
}

func webSocket(t *testing.T, o Options) (*Layer, string) {
	t.Helper()
	l := echo(t, o)
	return l, serveWebSockets(t, l)
}

func serveWebSockets(t *testing.T, l *Layer) string {
	t.Helper()
	s := httptest.NewServer(l.WebSocketHandler())
	t.Cleanup(s.Close)
	t.Cleanup(func() { l.Close() })
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/sip"
}

func TestWebSocket(t *testing.T) {
	_, url := webSocket(t, Options{Origins: []string{"pages.example"}, Limits: Limits{Ping: 50 * time.Millisecond}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for name, c := range map[string]struct {
		protocols []string
		origin    string
		status    int
	}{
		"sip":               {[]string{"sip"}, "", 101},
		"sip among others":  {[]string{"x", "sip"}, "https://pages.example", 101},
		"no subprotocol":    {nil, "", 400},
		"other subprotocol": {[]string{"xmpp"}, "", 400},
		"foreign page":      {[]string{"sip"}, "https://evil.example", 403},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if c.origin != "" {
				h.Set("Origin", c.origin)
			}
			ws, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: c.protocols, HTTPHeader: h})
			if res == nil || res.StatusCode != c.status {
				t.Fatalf("%v %v, want %d", res, err, c.status)
			}
			if err != nil {
				return
			}
			defer ws.CloseNow()
			if ws.Subprotocol() != "sip" {
				t.Errorf("subprotocol %q", ws.Subprotocol())
			}
			// RFC 7118 needs no Content-Length: the frame is the message.
			text := strings.Replace(options, "l: 0\r\n", "", 1)
			for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
				if err := ws.Write(ctx, kind, []byte(text)); err != nil {
					t.Fatal(err)
				}
				if _, b, err := ws.Read(ctx); err != nil || !strings.HasPrefix(string(b), "SIP/2.0 200 ") {
					t.Fatalf("%q %v", b, err)
				}
			}
			// Pings are answered while we read; the flow outlives many of them.
			if err := ws.Write(ctx, websocket.MessageText, []byte("\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			if _, b, err := ws.Read(ctx); err != nil || string(b) != "\r\n" {
				t.Fatalf("pong %q %v", b, err)
			}
		})
	}
}

func TestWebSocketEnds(t *testing.T) {
	var closed atomic.Int32
	l, url := webSocket(t, Options{Limits: Limits{Ping: 40 * time.Millisecond}, OnFlowClosed: func(*Flow) { closed.Add(1) }})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	dial := func() *websocket.Conn {
		ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"sip"}})
		if err != nil {
			t.Fatal(err)
		}
		return ws
	}
	deaf := dial() // nobody reads, so no pong ever
	defer deaf.CloseNow()
	garbage := dial()
	defer garbage.CloseNow()
	_ = garbage.Write(ctx, websocket.MessageText, []byte(`{"hello":"world"}`))
	huge := dial()
	defer huge.CloseNow()
	go func() { _ = huge.Write(ctx, websocket.MessageText, make([]byte, 1<<20)) }()
	for range 2 {
		ws := []*websocket.Conn{garbage, huge}
		for _, c := range ws {
			if _, _, err := c.Read(ctx); err == nil {
				t.Error("still open")
			}
		}
	}
	for closed.Load() != 3 {
		select {
		case <-ctx.Done():
			t.Fatalf("%d of 3 flows ended; %+v", closed.Load(), l.Flows())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestWebSocketMessagesAreBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	l, url := webSocket(t, Options{Metrics: reg, Limits: Limits{Message: 300 * time.Millisecond, Buffered: 100 << 10}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	begin := func(bytes int) *websocket.Conn {
		ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"sip"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.CloseNow() })
		w, err := ws.Writer(ctx, websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		// A message that begins and does not end; it may be cut off meanwhile.
		_, _ = w.Write([]byte(strings.Repeat("x", bytes)))
		return ws
	}
	dribbler := begin(20 << 10)
	begun := time.Now()
	if _, _, err := dribbler.Read(ctx); err == nil || time.Since(begun) > 5*time.Second {
		t.Errorf("half a message was waited for %v: %v", time.Since(begun), err)
	}
	for range 3 {
		begin(60 << 10)
	}
	for gather(reg)["lamplight_sip_dropped_total buffered"] == 0 || l.buffered.Load() != 0 {
		if ctx.Err() != nil {
			t.Fatalf("%d bytes still counted, or nobody refused", l.buffered.Load())
		}
		time.Sleep(5 * time.Millisecond)
	}
	// Whole ones pass, however many.
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"sip"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	large := strings.Replace(options, "l: 0\r\n", "", 1) + strings.Repeat("x", 40<<10)
	for range 5 {
		if err := ws.Write(ctx, websocket.MessageText, []byte(large)); err != nil {
			t.Fatal(err)
		}
		if _, b, err := ws.Read(ctx); err != nil || !strings.HasPrefix(string(b), "SIP/2.0 200 ") {
			t.Fatalf("%.40q %v", b, err)
		}
	}
	if n := l.buffered.Load(); n > 100<<10 {
		t.Errorf("%d bytes counted for one flow", n)
	}
}

func TestListenUDP(t *testing.T) {
	l := echo(t, Options{})
	socks, err := ListenUDP(t.Context(), "127.0.0.1:0", 4)
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	for _, pc := range socks {
		served.Go(func() { _ = l.ServePacket(context.Background(), pc) })
	}
	to := socks[0].LocalAddr()
	for range 20 {
		c, err := net.Dial("udp", to.String())
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte(options))
		b := make([]byte, 1000)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), "SIP/2.0 200 ") {
			t.Fatalf("%q %v", b[:n], err)
		}
		c.Close()
	}
	l.Close()
	served.Wait()
	if _, err := ListenUDP(t.Context(), "192.0.2.1:5060", 1); err == nil {
		t.Error("listened on an address that is not ours")
	}
}

func TestHostOfWildcard(t *testing.T) {
	l := echo(t, Options{})
	p := &packetListener{layer: l, number: 9, local: netip.MustParseAddrPort("0.0.0.0:5060")}
	if h := l.flows.get(p, netip.MustParseAddrPort("127.0.0.9:5060"), time.Now()).Host(); h != "127.0.0.1" {
		t.Errorf("host towards loopback: %s", h)
	}
	l2 := echo(t, Options{Advertise: "sip.example.com"})
	p2 := &packetListener{layer: l2, number: 9, local: netip.MustParseAddrPort("0.0.0.0:5060")}
	if h := l2.flows.get(p2, netip.MustParseAddrPort("192.0.2.9:5060"), time.Now()).Host(); h != "sip.example.com" {
		t.Errorf("host: %s", h)
	}
}

// One socket bound to nothing in particular serves both address families.
func TestDualStack(t *testing.T) {
	got := make(chan *Flow, 4)
	l := New(Options{OnMessage: func(f *Flow, m *message.Message) {
		_ = f.Send(message.NewResponse(m, 200, "").Bytes())
		got <- f
	}})
	socks, err := ListenUDP(t.Context(), ":0", 1)
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = l.ServePacket(context.Background(), socks[0]) })
	defer served.Wait()
	defer l.Close()
	port := addrPort(socks[0].LocalAddr()).Port()
	for _, host := range []string{"127.0.0.1", "::1"} {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), port)))
		if err != nil {
			t.Logf("no %s here: %v", host, err)
			continue
		}
		c.Write([]byte(options))
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(make([]byte, 2000)); err != nil || n == 0 {
			t.Fatalf("%s: %v", host, err)
		}
		f := <-got
		if f.Remote() != addrPort(c.LocalAddr()) || f.Host() != host {
			t.Errorf("%s: peer %v, our host %s", host, f.Remote(), f.Host())
		}
		if to, err := l.Flow(t.Context(), UDP, f.Remote()); err != nil || to != f {
			t.Errorf("%s: another flow to the same peer: %v", host, err)
		}
		c.Close()
	}
}
