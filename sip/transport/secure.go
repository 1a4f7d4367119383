package transport

import (
	"context"
	"crypto/x509"
	"net/netip"
)

// Secure opens a TLS stream to a server whose certificate must be one for name
// (RFC 5922 §7.1), signed by one of roots; nil: those that other streams trust.
// It is a new stream each time, and dials on the caller's goroutine: one that the
// other side opened, or that was opened to an address alone, proves less. Who asked
// for it closes it.
func (l *Layer) Secure(ctx context.Context, name string, roots *x509.CertPool, to netip.AddrPort) (*Flow, error) {
	if !l.enter() {
		return nil, ErrClosed
	}
	defer l.wg.Done()
	ctx, cancel := context.WithTimeout(ctx, l.limits.DialTimeout)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	cfg := l.clientTLS()
	cfg.ServerName = name
	if roots != nil {
		cfg.RootCAs = roots
	}
	return l.open(ctx, streamPeer{TLS, netip.AddrPortFrom(to.Addr().Unmap(), to.Port())}, cfg)
}
