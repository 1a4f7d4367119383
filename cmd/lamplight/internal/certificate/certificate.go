// Package certificate keeps the server's TLS certificate: read from files, made
// for the demo where there are none, and read again when the files change, so
// that a renewed certificate needs no restart.
package certificate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Keeper hands out the newest certificate. It is safe for concurrent use.
type Keeper struct {
	certFile, keyFile string
	log               zerolog.Logger
	current           atomic.Pointer[loaded]
}

type loaded struct {
	cert     tls.Certificate
	modified time.Time
}

// Open reads the pair of files.
func Open(certFile, keyFile string, log zerolog.Logger) (*Keeper, error) {
	k := &Keeper{certFile: certFile, keyFile: keyFile, log: log}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Reload reads the files again. On an error the old certificate stays.
func (k *Keeper) Reload() error {
	cert, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	k.current.Store(&loaded{cert: cert, modified: newest(k.certFile, k.keyFile)})
	return nil
}

// Config is for listeners: TLS 1.2 or later, always the newest certificate.
func (k *Keeper) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &k.current.Load().cert, nil
		},
	}
}

// Watch reloads when a file's time changes, looked at every interval, until ctx
// ends. Certificate tools replace files in two steps, so a pair that does not
// fit yet is tried again at the next look.
func (k *Keeper) Watch(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if newest(k.certFile, k.keyFile).Equal(k.current.Load().modified) {
				continue
			}
			if err := k.Reload(); err != nil {
				k.log.Error().Err(err).Msg("new certificate not usable, the old one stays")
				continue
			}
			k.log.Info().Str("file", k.certFile).Msg("certificate reloaded")
		}
	}
}

func newest(files ...string) (t time.Time) {
	for _, f := range files {
		if st, err := os.Stat(f); err == nil && st.ModTime().After(t) {
			t = st.ModTime()
		}
	}
	return t
}

// SelfSigned returns the files of a certificate in dir for these names and
// addresses, making them where there are none.
func SelfSigned(dir string, names []string) (certFile, keyFile string, err error) {
	certFile, keyFile = filepath.Join(dir, "self-signed.crt"), filepath.Join(dir, "self-signed.key")
	if _, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil {
		return certFile, keyFile, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return "", "", fmt.Errorf("make certificate: %w", err)
	}
	tmpl := x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Lamplight (self-signed)"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(2, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true, // so that it can be handed to a phone as its own authority
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, &tmpl, &key.PublicKey, key)
	if err != nil {
		return "", "", fmt.Errorf("make certificate: %w", err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("make certificate: %w", err)
	}
	if err := writePEM(keyFile, "EC PRIVATE KEY", keyDER, 0o600); err != nil {
		return "", "", err
	}
	return certFile, keyFile, writePEM(certFile, "CERTIFICATE", der, 0o644)
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	b := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(file, b, mode); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	return nil
}
