package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
)

func TestSecureStreamWantsTheServersName(t *testing.T) {
	l := echo(t, Options{})
	cert := certificate(t, "presence.example.com")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{*cert}}
	go l.ServeStream(context.Background(), tls.NewListener(ln, cfg), TLS)
	known := x509.NewCertPool()
	known.AddCert(cert.Leaf)
	for name, c := range map[string]struct {
		server string
		roots  *x509.CertPool
		ok     bool
	}{
		"its name":       {"presence.example.com", known, true},
		"another name":   {"sip.example.com", known, false},
		"nobody's roots": {"presence.example.com", nil, false},
	} {
		f, err := l.Secure(t.Context(), c.server, c.roots, addrPort(ln.Addr()))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (f.Transport() != TLS || !f.Reliable()) {
			t.Errorf("%s: flow %s", name, f.ID())
		}
	}
	l.Close()
	if _, err := l.Secure(t.Context(), "presence.example.com", known, addrPort(ln.Addr())); err == nil {
		t.Error("a closed layer opened a stream")
	}
}
