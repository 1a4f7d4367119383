package siptest

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
	"net/netip"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Certificate makes a server certificate for tests; nobody has signed it.
func Certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"server.test"}, NotAfter: time.Now().Add(24 * 365 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// anyServer trusts whoever answers: the network is in memory.
func anyServer() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}

// tlsPeer is a tcpPeer under TLS.
type tlsPeer struct{ tcpPeer }

func (s *tlsPeer) transport() string { return "TLS" }

// NewTLSPeer opens a TLS stream from addr to the server at to.
func NewTLSPeer(t testing.TB, n *Net, addr, to string) *Peer {
	t.Helper()
	raw, err := n.DialFrom(context.Background(), addr, to)
	if err != nil {
		t.Fatalf("peer %s: %v", addr, err)
	}
	c := tls.Client(raw, anyServer())
	if err := c.HandshakeContext(context.Background()); err != nil {
		t.Fatalf("peer %s: %v", addr, err)
	}
	return newPeer(t, &tlsPeer{tcpPeer{c: c}})
}

// NewRealTLSPeer is a TLS peer on a real socket of the loopback address from.
func NewRealTLSPeer(t testing.TB, from, to string) *Peer {
	t.Helper()
	d := tls.Dialer{NetDialer: realDialer(from), Config: anyServer()}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, &tlsPeer{tcpPeer{c: c}})
}

// NewTLSPeerOn is the peer at the accepting end of a stream: a trunk that the server
// calls.
func NewTLSPeerOn(t testing.TB, c net.Conn) *Peer {
	t.Helper()
	return newPeer(t, &tlsPeer{tcpPeer{c: c}})
}

func realDialer(from string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
}

// wsPeer is a browser.
type wsPeer struct {
	c    *websocket.Conn
	name string
	addr netip.AddrPort
	http *http.Transport
}

func (w *wsPeer) transport() string     { return w.name }
func (w *wsPeer) local() netip.AddrPort { return w.addr }

func (w *wsPeer) close() {
	_ = w.c.CloseNow()
	w.http.CloseIdleConnections()
}

func (w *wsPeer) send(b []byte) error {
	return w.c.Write(context.Background(), websocket.MessageText, b)
}

func (w *wsPeer) receive() ([]byte, error) {
	_, b, err := w.c.Read(context.Background())
	return b, err
}

// NewWebSocketPeer opens a WebSocket from addr to a URL, ws or wss, of a server in
// the network.
func NewWebSocketPeer(t testing.TB, n *Net, addr, url string) *Peer {
	t.Helper()
	w := &wsPeer{addr: netip.MustParseAddrPort(addr)}
	return w.open(t, url, func(ctx context.Context, _, to string) (net.Conn, error) { return n.DialFrom(ctx, addr, to) })
}

// NewRealWebSocketPeer is the same on a real socket of the loopback address from.
func NewRealWebSocketPeer(t testing.TB, from, url string) *Peer {
	t.Helper()
	w := &wsPeer{}
	return w.open(t, url, func(ctx context.Context, network, to string) (net.Conn, error) {
		c, err := realDialer(from).DialContext(ctx, network, to)
		if err == nil {
			w.addr = c.LocalAddr().(*net.TCPAddr).AddrPort()
		}
		return c, err
	})
}

func (w *wsPeer) open(t testing.TB, url string, dial func(ctx context.Context, network, to string) (net.Conn, error)) *Peer {
	t.Helper()
	if w.name = "WS"; url[:3] == "wss" {
		w.name = "WSS"
	}
	w.http = &http.Transport{
		DialContext: dial,
		// The server's WebSockets are HTTP/1.1.
		TLSClientConfig: anyServer(), TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	c, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: w.http}}) //nolint:bodyclose // Dial does
	if err != nil {
		t.Fatalf("peer %s: %v", w.addr, err)
	}
	w.c = c
	return newPeer(t, w)
}
