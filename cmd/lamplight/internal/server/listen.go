package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"lamplight/cmd/lamplight/internal/certificate"
	"lamplight/cmd/lamplight/internal/config"
	"lamplight/sip/transport"
)

// certificateLook is how often the certificate's files are looked at.
const certificateLook = 10 * time.Second

// listeners own every socket's serving goroutine.
type listeners struct {
	log      zerolog.Logger
	draining atomic.Bool
	http     []*http.Server
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// listen opens all sockets first, so that a port in use leaves nothing half
// started, then serves them.
func (s *Server) listen(ctx context.Context) error {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &listeners{log: s.log, cancel: cancel}
	s.listening = l
	s.atEnd("listeners", l.close)

	tlsConfig, err := s.tlsConfig()
	if err != nil {
		return err
	}
	if s.cert != nil {
		l.running.Go(func() { s.cert.Watch(run, certificateLook) })
	}
	var open opened
	for _, a := range s.cfg.SIP.UDP {
		open.packets(ctx, a, s.cfg.SIP.UDPReaders)
	}
	open.streams(ctx, transport.TCP, s.cfg.SIP.TCP)
	open.streams(ctx, transport.TLS, s.cfg.SIP.TLS)
	open.streams(ctx, "http", s.cfg.HTTP.Listen)
	open.streams(ctx, "https", s.cfg.HTTP.TLS)
	if open.err != nil {
		open.close()
		return open.err
	}
	for _, pc := range open.packet {
		l.serve("udp "+pc.LocalAddr().String(), func() error { return s.transport.ServePacket(run, pc) })
	}
	for _, st := range open.stream {
		what := st.kind + " " + st.Addr().String()
		switch st.kind {
		case transport.TCP:
			l.serve(what, func() error { return s.transport.ServeStream(run, st.Listener, transport.TCP) })
		case transport.TLS:
			l.serve(what, func() error {
				return s.transport.ServeStream(run, tls.NewListener(st.Listener, tlsConfig), transport.TLS)
			})
		case "http":
			l.serveHTTP(what, s.bounded(what, st.Listener), s.web.Handler())
		case "https":
			h2 := tlsConfig.Clone()
			// Over HTTP/1.1 a browser opens six connections to a host, which six
			// tabs with their live streams use up. For a WebSocket it asks for
			// HTTP/1.1 by itself.
			h2.NextProtos = []string{"h2", "http/1.1"}
			l.serveHTTP(what, tls.NewListener(s.bounded(what, st.Listener), h2), s.web.Handler())
		}
	}
	return nil
}

// tlsConfig opens the certificate where one is needed.
func (s *Server) tlsConfig() (*tls.Config, error) {
	if s.cert != nil {
		return s.cert.Config(), nil
	}
	if len(s.cfg.SIP.TLS)+len(s.cfg.HTTP.TLS) == 0 && !s.cfg.Media.Turn.TLS {
		return nil, nil
	}
	crt, key := s.cfg.TLS.Certificate, s.cfg.TLS.Key
	if crt == "" {
		var err error
		if crt, key, err = certificate.SelfSigned(s.cfg.Data, certificateNames(s.cfg)); err != nil {
			return nil, err
		}
	}
	var err error
	if s.cert, err = certificate.Open(crt, key, s.log); err != nil {
		return nil, err
	}
	return s.cert.Config(), nil
}

// certificateNames are the names clients reach this server by.
func certificateNames(c *config.Config) []string {
	names := []string{"localhost", "127.0.0.1"}
	for _, d := range c.Domains {
		names = append(names, d.Name)
		names = append(names, d.Aliases...)
	}
	for _, a := range append(append([]string{}, c.SIP.TLS...), c.HTTP.TLS...) {
		if host, _, err := net.SplitHostPort(a); err == nil && host != "" {
			names = append(names, host)
		}
	}
	seen := map[string]bool{}
	unique := names[:0]
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			unique = append(unique, n)
		}
	}
	return unique
}

// opened collects sockets until all are open or one failed.
type opened struct {
	packet []net.PacketConn
	stream []streamListener
	err    error
}

type streamListener struct {
	net.Listener
	kind string
}

func (o *opened) packets(ctx context.Context, addr string, readers int) {
	if o.err != nil {
		return
	}
	pcs, err := transport.ListenUDP(ctx, addr, readers)
	if err != nil {
		o.err = fmt.Errorf("listen on udp %s: %w", addr, err)
		return
	}
	o.packet = append(o.packet, pcs...)
}

func (o *opened) streams(ctx context.Context, kind string, addrs []string) {
	for _, a := range addrs {
		if o.err != nil {
			return
		}
		ln, err := transport.ListenTCP(ctx, a)
		if err != nil {
			o.err = fmt.Errorf("listen for %s: %w", kind, err)
			return
		}
		o.stream = append(o.stream, streamListener{ln, kind})
	}
}

func (o *opened) close() {
	for _, pc := range o.packet {
		_ = pc.Close()
	}
	for _, s := range o.stream {
		_ = s.Close()
	}
}

// serve runs f until it returns; only its unexpected end is worth a word.
func (l *listeners) serve(what string, f func() error) {
	l.running.Go(func() {
		if err := f(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, context.Canceled) && !errors.Is(err, transport.ErrClosed) {
			l.log.Error().Err(err).Str("listener", what).Msg("listener ended")
		}
	})
}

func (l *listeners) serveHTTP(what string, ln net.Listener, h http.Handler) {
	// Strangers cause these lines, as by a broken handshake.
	noise := l.log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Second}).With().Str("listener", what).Logger()
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          stdlog.New(noise, "", 0),
	}
	l.http = append(l.http, srv)
	l.serve(what, func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// shutdownHTTP lets requests under way finish.
func (l *listeners) shutdownHTTP(ctx context.Context) {
	var all sync.WaitGroup
	for _, srv := range l.http {
		all.Go(func() { _ = srv.Shutdown(ctx) }) // what is left is cut by close
	}
	all.Wait()
}

func (l *listeners) close() error {
	l.cancel()
	var errs []error
	for _, srv := range l.http {
		errs = append(errs, srv.Close())
	}
	l.running.Wait()
	return errors.Join(errs...)
}
