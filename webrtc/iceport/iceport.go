// Package iceport is the one UDP port, and the one TCP port where there is one,
// through which all browsers reach the server: test calls and calls alike share
// it, so a firewall needs one rule.
//
// The server is an ICE-lite agent (RFC 8445 §2.5): it answers checks and sends
// none, so a hostile page cannot make it send packets to addresses of its
// choice.
package iceport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"lamplight/webrtc/pionlog"
	"lamplight/webrtc/streams"
)

// Options of a Port. Listen or Conn is required.
type Options struct {
	// Listen is the UDP address, "0.0.0.0:8443".
	Listen string
	// Conn is used instead of Listen; the Port closes it.
	Conn net.PacketConn
	// TCP is the address for browsers whose network lets no UDP pass (RFC 6544);
	// empty: none.
	TCP string
	// External are the addresses browsers reach the server by, where they differ
	// from its own (port forwarding); the port stays the same.
	External []string
	// Loopback gives browsers the loopback address too: for demo and tests.
	Loopback bool
	Log      zerolog.Logger
}

// Bounds of what has connected by TCP and not yet said for whom.
const (
	tcpFirst  = 5 * time.Second
	tcpBuffer = 8        // packets read ahead of each connection
	tcpWrite  = 64 << 10 // bytes waiting for each
)

// Port is safe for concurrent use.
type Port struct {
	o    Options
	logs logging.LoggerFactory
	conn net.PacketConn
	udp  ice.UDPMux
	tcp  ice.TCPMux        // nil without TCP
	tl   *streams.Listener // of tcp
}

// Open binds the ports.
func Open(o Options) (*Port, error) {
	p := &Port{o: o, logs: pionlog.New(o.Log), conn: o.Conn}
	lc := net.ListenConfig{}
	var err error
	if p.conn == nil {
		if p.conn, err = lc.ListenPacket(context.Background(), "udp", o.Listen); err != nil {
			return nil, fmt.Errorf("iceport: listen on UDP %s: %w", o.Listen, err)
		}
	}
	widen(p.conn)
	p.udp = ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: p.logs.NewLogger("mux"), UDPConn: p.conn})
	if o.TCP != "" {
		ln, err := lc.Listen(context.Background(), "tcp", o.TCP)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("iceport: listen on TCP %s: %w", o.TCP, err), p.Close())
		}
		p.tl = streams.Bound(ln, streams.Options{Log: o.Log})
		p.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: p.tl, Logger: p.logs.NewLogger("mux"), ReadBufferSize: tcpBuffer, WriteBufferSize: tcpWrite,
			FirstStunBindTimeout: tcpFirst,
		})
	}
	return p, nil
}

// buffer holds what comes of a thousand calls while the process waits a fifth of a
// second for its turn; the system's default holds 256 packets.
const buffer = 8 << 20

// widen has the socket keep more of what is not yet read, as far as the system
// lets it: net.core.rmem_max without the right to force it.
func widen(conn net.PacketConn) {
	u, ok := conn.(*net.UDPConn)
	if !ok {
		return
	}
	_ = u.SetReadBuffer(buffer)
	raw, err := u.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) //nolint:gosec // a descriptor
	})
}

// Timeouts of ICE: how long nothing may be heard until a connection counts as
// disconnected, and then as failed.
type Timeouts struct{ Disconnected, Failed time.Duration }

// API makes what connections with these codecs are made of.
func (p *Port) API(media *webrtc.MediaEngine, t Timeouts) (*webrtc.API, error) {
	s := webrtc.SettingEngine{LoggerFactory: p.logs}
	s.SetICEUDPMux(p.udp)
	if p.tcp != nil {
		s.SetICETCPMux(p.tcp)
	}
	s.SetLite(true)
	s.SetNetworkTypes(p.networks())
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(p.o.Loopback)
	s.SetICETimeouts(t.Disconnected, t.Failed, time.Second)
	s.DisableActiveTCP(true)
	if len(p.o.External) > 0 {
		rule := webrtc.ICEAddressRewriteRule{
			External: p.o.External, AsCandidateType: webrtc.ICECandidateTypeHost,
		}
		if err := s.SetICEAddressRewriteRules(rule); err != nil {
			return nil, fmt.Errorf("iceport: external addresses %v: %w", p.o.External, err)
		}
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithSettingEngine(s),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}), // none is needed
	), nil
}

// networks keeps candidates to the families the sockets can serve.
func (p *Port) networks() []webrtc.NetworkType {
	six := false
	for _, a := range p.udp.GetListenAddresses() {
		u, ok := a.(*net.UDPAddr)
		six = six || ok && u.IP.To4() == nil
	}
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	if six {
		types = append(types, webrtc.NetworkTypeUDP6)
	}
	if p.tcp != nil {
		types = append(types, webrtc.NetworkTypeTCP4)
		if six {
			types = append(types, webrtc.NetworkTypeTCP6)
		}
	}
	return types
}

// Addr is the UDP address in use.
func (p *Port) Addr() net.Addr { return p.conn.LocalAddr() }

// TCPAddr is the TCP address in use, nil without TCP.
func (p *Port) TCPAddr() net.Addr {
	if p.tl == nil {
		return nil
	}
	return p.tl.Addr()
}

// TCPRefused is how many connections by TCP were closed at once, for there were too many.
func (p *Port) TCPRefused() int64 {
	if p.tl == nil {
		return 0
	}
	return p.tl.Refused()
}

// Close ends the ports. Whoever has connections on them closes those first.
func (p *Port) Close() error {
	errs := []error{p.udp.Close(), ignoreClosed(p.conn.Close())}
	if p.tcp != nil {
		errs = append(errs, p.tcp.Close(), ignoreClosed(p.tl.Close()))
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
