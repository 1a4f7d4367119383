package publisher

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// streamESC answers requests that come by TCP.
type streamESC struct {
	ln    net.Listener
	mu    sync.Mutex
	conns []net.Conn // guarded by mu
	wg    sync.WaitGroup
}

// serveStream answers; cert makes it TLS.
func serveStream(t *testing.T, n *siptest.Net, cert *tls.Certificate, handle func(*message.Message) *message.Builder) *streamESC {
	s := &streamESC{ln: n.Listen(above)}
	if cert != nil {
		s.ln = tls.NewListener(s.ln, &tls.Config{Certificates: []tls.Certificate{*cert}})
	}
	s.wg.Go(func() {
		for {
			c, err := s.ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			s.wg.Go(func() { answerStream(t, c, handle) })
		}
	})
	return s
}

func answerStream(t *testing.T, c net.Conn, handle func(*message.Message) *message.Builder) {
	var have []byte
	buf := make([]byte, 65536)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		have = append(have, buf[:n]...)
		for {
			end := bytes.Index(have, []byte("\r\n\r\n"))
			if end < 0 {
				break
			}
			_, rest, _ := strings.Cut(string(have[:end]), "Content-Length: ")
			line, _, _ := strings.Cut(rest, "\r\n")
			body, err := strconv.Atoi(line)
			if err != nil {
				t.Errorf("Content-Length %q", line)
				return
			}
			if len(have) < end+4+body {
				break
			}
			m, err := message.Parse(bytes.Clone(have[:end+4+body]))
			if err != nil {
				t.Error(err)
				return
			}
			have = have[end+4+body:]
			b := handle(m)
			if b == nil {
				continue
			}
			if _, err := c.Write(b.Bytes()); err != nil {
				return
			}
		}
	}
}

// opened is how many streams there were.
func (s *streamESC) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// certificate is one for a name, signed by itself.
func certificate(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (s *streamESC) close() {
	s.ln.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}
