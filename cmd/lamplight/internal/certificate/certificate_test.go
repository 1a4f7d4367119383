package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// served connects to a listener with the keeper's configuration and returns the
// certificate it was shown.
func served(t *testing.T, k *Keeper) *x509.Certificate {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() { _ = tls.Server(server, k.Config()).HandshakeContext(t.Context()) }()
	c := tls.Client(client, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test looks at the certificate itself
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().PeerCertificates[0]
}

func TestSelfSignedIsMadeOnceAndCoversItsNames(t *testing.T) {
	dir := t.TempDir()
	crt, key, err := SelfSigned(dir, []string{"localhost", "127.0.0.1", "demo.lamplight.test"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Open(crt, key, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	first := served(t, k)
	for _, n := range []string{"localhost", "127.0.0.1", "demo.lamplight.test"} {
		if err := first.VerifyHostname(n); err != nil {
			t.Error(err)
		}
	}
	if st, _ := os.Stat(key); st.Mode().Perm() != 0o600 {
		t.Errorf("key is readable by others: %s", st.Mode())
	}
	if _, _, err := SelfSigned(dir, nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	if !served(t, k).Equal(first) {
		t.Error("a second start made another certificate")
	}
}

func TestChangedFilesAreServedWithoutRestart(t *testing.T) {
	dir := t.TempDir()
	crt, key, err := SelfSigned(dir, []string{"a.test"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Open(crt, key, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.Watch(ctx, 5*time.Millisecond) }()
	defer func() { stop(); <-done }()

	if err := os.WriteFile(crt, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	if served(t, k).DNSNames[0] != "a.test" {
		t.Fatal("a broken file replaced the certificate")
	}
	if _, _, err := SelfSigned(dir, []string{"b.test"}); err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(crt, future, future); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); served(t, k).DNSNames[0] != "b.test"; {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate was never served")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
