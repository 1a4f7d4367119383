//go:build testbench

package secure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// carrier is a trunk that listens on TLS with a certificate of its own.
type carrier struct {
	net.Listener
	config string // of the server that calls it
}

func newCarrier(t *testing.T) *carrier {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(err)
	ca := filepath.Join(t.TempDir(), "carrier.pem")
	must(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12})
	must(err)
	t.Cleanup(func() { _ = l.Close() })
	return &carrier{l, fmt.Sprintf("trunks: [{name: carrier, servers: [%q], transport: tls, ca: %q, user: lamp, password: secret, no_options: true}]", l.Addr(), ca)}
}

// called waits for the server's connection.
func (c *carrier) called(t *testing.T) *siptest.Peer {
	t.Helper()
	conn, err := c.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := siptest.NewTLSPeerOn(t, conn)
	p.Timeout = 10 * time.Second
	return p
}

// challenged asks the server who it is, each time with a nonce of its own, and takes
// the INVITE that says so. Only the first one comes without credentials.
func challenged(t *testing.T, p *siptest.Peer, n int) *message.Message {
	t.Helper()
	first := p.Expect(siptest.Method("INVITE"))
	if first.Has(message.ProxyAuthorization) == (n == 0) {
		t.Errorf("call %d comes with credentials %q", n, first.Get(message.ProxyAuthorization))
	}
	p.Respond(first, 407, message.Header{Name: message.ProxyAuthenticate, Value: fmt.Sprintf(`Digest realm="carrier", nonce="n%d", stale=true, qop="auth", algorithm=SHA-256`, n)})
	p.Expect(siptest.Method("ACK"))
	second := p.Expect(siptest.Method("INVITE"))
	got := second.Get(message.ProxyAuthorization)
	for _, want := range []string{`username="lamp"`, "SHA-256", fmt.Sprintf("nonce=%q", fmt.Sprint("n", n)), "nc=00000001"} {
		if !strings.Contains(got, want) {
			t.Errorf("the trunk is told %q, want %s", got, want)
		}
	}
	return second
}

// A phone that redirects to a number outside is followed there, to a trunk on TLS
// that wants to know who calls; the caller hears of neither.
func TestRedirectedToATrunkThatAsks(t *testing.T) {
	c := newCarrier(t)
	var trunk *siptest.Peer // of the whole test: the server keeps the stream
	calls := 0
	overEachWith(t, "proxy", c.config, func(r *rig) {
		desk := r.phone("1001")
		inv := r.calls()
		got := desk.Expect(siptest.Method("INVITE"))
		desk.Respond(got, 302, message.Header{Name: message.Contact, Value: "<sip:+4930777@" + domain + ">"})
		desk.Expect(siptest.Method("ACK"))
		if trunk == nil {
			trunk = c.called(t)
		}
		at := challenged(r.t, trunk, calls)
		calls++
		if !strings.HasPrefix(at.URI, "sip:+4930777@") {
			r.t.Errorf("the trunk is called for %s", at.URI)
		}
		trunk.Respond(at, 180)
		says(trunk, at, 200)
		ok := r.final(inv, 200)
		trunk.Expect(siptest.Method("ACK"))
		r.pbx.Send(r.pbx.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
		trunk.Respond(trunk.Expect(siptest.Method("BYE")), 200)
		r.pbx.Expect(siptest.Status(200))
	})
}
