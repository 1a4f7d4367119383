// Package turn is a TURN server (RFC 8656) for browsers in networks from which the
// media gateway cannot be reached directly: it relays to the gateway's ICE port and
// to nothing else. A relay that went anywhere would be a way into the network the
// server stands in, and a packet from it would bear the server's own address, which
// others may trust.
//
// Credentials are good for a time and for whoever they were made for, by the
// convention that other TURN servers follow too ("A REST API for Access to TURN
// Services"): the user name is an expiry and a name, the password its HMAC.
//
// Relays are bounded in all by their ports, and for each name; more are refused. So are
// connections by TCP, which anybody can make (package streams).
package turn

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // by the convention
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/webrtc/pionlog"
	"lamplight/webrtc/streams"
)

// Options of a Server. UDP or TCP, Secret, To, Relay and Ports are required.
type Options struct {
	// UDP and TCP are the addresses browsers reach it by. With TLS, TCP speaks it.
	UDP, TCP string
	TLS      *tls.Config
	Secret   string
	Realm    string // default "lamplight"
	// To is what may be reached: each of the gateway's addresses as browsers are
	// told it, and where it really is.
	To map[netip.AddrPort]netip.AddrPort
	// Relay is the address relays are bound to, which only the gateway needs to
	// reach; Announce the one browsers are told of them, default Relay.
	Relay, Announce netip.Addr
	// Ports are the relays' ports, first and last.
	Ports [2]uint16
	// PerName bounds the relays of one name, default 8: a few pages, each of some
	// interfaces.
	PerName int
	Log     zerolog.Logger
	Metrics prometheus.Registerer // nil: not registered
}

// Validate reports every mistake in what people may set.
func (o Options) Validate() error {
	var errs []error
	if o.UDP == "" && o.TCP == "" {
		errs = append(errs, errors.New("an address to listen on is required"))
	}
	if len(o.Secret) < 16 {
		errs = append(errs, errors.New("a secret of 16 characters or more is required"))
	}
	if !o.Relay.IsValid() || o.Relay.IsUnspecified() {
		errs = append(errs, errors.New("an address for relays is required"))
	}
	if o.Ports[0] < 1024 || o.Ports[1] < o.Ports[0] {
		errs = append(errs, fmt.Errorf("relay ports %d to %d: want a range from 1024 on", o.Ports[0], o.Ports[1]))
	}
	if len(o.To) == 0 {
		errs = append(errs, errors.New("nothing may be reached"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("turn: %w", errors.Join(errs...))
	}
	return nil
}

// first is the longest a connection by TCP may say nothing, its handshake included.
const first = 10 * time.Second

// Server relays. It is safe for concurrent use.
type Server struct {
	o      Options
	server *turn.Server
	udp    net.PacketConn    // nil without UDP
	tcp    *streams.Listener // nil without TCP
	relays *relays
	all    []prometheus.Collector
	denied atomic.Int64 // wrong credentials
}

// Open listens. Close it.
func Open(o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Realm == "" {
		o.Realm = "lamplight"
	}
	if o.PerName <= 0 {
		o.PerName = 8
	}
	if !o.Announce.IsValid() {
		o.Announce = o.Relay
	}
	s := &Server{o: o, relays: newRelays(o)}
	conf := turn.ServerConfig{
		Realm: o.Realm, AuthHandler: s.authenticate, LoggerFactory: pionlog.New(o.Log),
	}
	if err := s.listen(&conf); err != nil {
		return nil, errors.Join(err, s.closeSockets())
	}
	server, err := turn.NewServer(conf)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("turn: %w", err), s.closeSockets())
	}
	s.server = server
	if err := s.register(); err != nil {
		return nil, errors.Join(err, s.server.Close())
	}
	return s, nil
}

func (s *Server) listen(conf *turn.ServerConfig) error {
	lc := net.ListenConfig{}
	var err error
	if s.o.UDP != "" {
		if s.udp, err = lc.ListenPacket(context.Background(), "udp", s.o.UDP); err != nil {
			return fmt.Errorf("turn: listen on UDP %s: %w", s.o.UDP, err)
		}
		conf.PacketConnConfigs = []turn.PacketConnConfig{{
			PacketConn: s.udp, RelayAddressGenerator: s.relays, PermissionHandler: s.relays.permits,
		}}
	}
	if s.o.TCP != "" {
		ln, err := lc.Listen(context.Background(), "tcp", s.o.TCP)
		if err != nil {
			return fmt.Errorf("turn: listen on TCP %s: %w", s.o.TCP, err)
		}
		s.tcp = streams.Bound(ln, streams.Options{TLS: s.o.TLS, First: first, Log: s.o.Log})
		conf.ListenerConfigs = []turn.ListenerConfig{{
			Listener: s.tcp, RelayAddressGenerator: s.relays, PermissionHandler: s.relays.permits,
		}}
	}
	return nil
}

// Addr is the UDP address in use, nil without UDP.
func (s *Server) Addr() net.Addr {
	if s.udp == nil {
		return nil
	}
	return s.udp.LocalAddr()
}

// TCPAddr is the TCP address in use, nil without TCP.
func (s *Server) TCPAddr() net.Addr {
	if s.tcp == nil {
		return nil
	}
	return s.tcp.Addr()
}

// Relays is how many there are.
func (s *Server) Relays() int { return s.relays.count() }

// authenticate takes a credential while it is good. What its relay needs to go on is
// taken afterwards, too: a call does not end because a password does.
func (s *Server) authenticate(a *turn.RequestAttributes) (name string, key []byte, ok bool) {
	expiry, name, found := strings.Cut(a.Username, ":")
	until, err := strconv.ParseInt(expiry, 10, 64)
	over := until < time.Now().Unix() && a.Method == stun.MethodAllocate
	if !found || name == "" || err != nil || over {
		s.denied.Add(1)
		return "", nil, false
	}
	return name, turn.GenerateAuthKey(a.Username, a.Realm, password(s.o.Secret, a.Username)), true
}

// Credentials let name use a server that knows the secret until ttl from now.
func Credentials(secret, name string, now time.Time, ttl time.Duration) (user, pass string) {
	user = strconv.FormatInt(now.Add(ttl).Unix(), 10) + ":" + name
	return user, password(secret, user)
}

func password(secret, user string) string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(user))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Close ends all relays and the server.
func (s *Server) Close() error {
	for _, c := range s.all {
		if s.o.Metrics != nil {
			s.o.Metrics.Unregister(c)
		}
	}
	return s.server.Close()
}

func (s *Server) closeSockets() error {
	var errs []error
	if s.udp != nil {
		errs = append(errs, s.udp.Close())
	}
	if s.tcp != nil {
		errs = append(errs, s.tcp.Close())
	}
	return errors.Join(errs...)
}

func (s *Server) register() error {
	if s.o.Metrics == nil {
		return nil
	}
	gauge := func(name, help string, f func() float64) {
		s.all = append(s.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lamplight_turn_" + name, Help: help}, f))
	}
	counter := func(name, help string, f func() int64) {
		s.all = append(s.all, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "lamplight_turn_" + name, Help: help},
			func() float64 { return float64(f()) }))
	}
	gauge("relays", "Relays of browsers.", func() float64 { return float64(s.Relays()) })
	counter("denied_total", "Requests with a credential that has run out or makes no sense.", s.denied.Load)
	counter("refused_total", "Relays refused: no port left, or too many of one name.", s.relays.refused.Load)
	counter("strayed_total", "Packets to or from what may not be reached.", s.relays.strayed.Load)
	if s.tcp != nil {
		gauge("streams", "Connections by TCP or TLS.", func() float64 { return float64(s.tcp.Open()) })
		counter("streams_refused_total", "Connections closed at once: too many, in all or from one address.", s.tcp.Refused)
	}
	var errs []error
	for _, c := range s.all {
		errs = append(errs, s.o.Metrics.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("turn: metrics: %w", err)
	}
	return nil
}
