package webrtc

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/webrtc/iceport"
	"lamplight/webrtc/liveness"
	"lamplight/webrtc/signalling"
)

// Subject is who a ticket was made for.
type Subject struct {
	Domain presence.DomainID
	Agent  presence.AgentID
	// Session is the id of the login (not of the webphone session), so that a
	// logout ends what was opened under it.
	Session string
}

// Redeemer exchanges a ticket. A ticket is good once and for a short time; only
// its first Redeem succeeds.
type Redeemer interface {
	Redeem(ticket string) (Subject, bool)
}

// Roster is what is needed of *roster.Roster.
type Roster interface {
	Apply(a presence.AgentID, c roster.Change, done func(*presence.Snapshot, error))
	Snapshot(a presence.AgentID) (*presence.Snapshot, bool)
	Watch(f func(*presence.Snapshot)) (stop func())
}

// Directory is what is needed of *directory.Directory.
type Directory interface {
	Agent(id presence.AgentID) (*presence.Agent, bool)
	Domain(id presence.DomainID) (*presence.Domain, bool)
	DevicesOf(a presence.AgentID, at time.Time) []*presence.Device
}

// Options of a Server. Roster, Directory and Redeemer are required, and Port, UDP
// or UDPConn unless TrustWithoutTest is set.
type Options struct {
	Roster    Roster
	Directory Directory
	Redeemer  Redeemer

	// Port is what pages reach test calls by, shared with whoever else serves
	// browsers; it must outlive the Server. UDP and what follows are not used then.
	Port *iceport.Port
	// UDP is the address on which all media arrives, "0.0.0.0:40000".
	UDP string
	// UDPConn is used instead of UDP; the Server closes it.
	UDPConn net.PacketConn
	// External are the addresses pages reach UDP by, where they differ from the
	// machine's own; the port stays the same.
	External []string
	// Loopback gives pages the loopback address too: for demo and tests.
	Loopback bool
	// ICEServers are told to pages (STUN and TURN), for networks from which the
	// server cannot be reached directly.
	ICEServers []signalling.ICEServer
	// ICEServersOf are told to the pages of an agent besides, with a credential of
	// the agent's own.
	ICEServersOf func(agent string) []signalling.ICEServer
	// ICELife is how long such a credential is good: pages are told fresh ones when
	// half of it is over. 0: for good.
	ICELife time.Duration
	// TrustWithoutTest takes the page's word for its microphone: no test call is
	// made, and nothing proves that audio passes.
	TrustWithoutTest bool

	// Calling makes pages phones; zero: they take and make no calls.
	Calling Calling

	// Origins are the web origins besides the server's own that may connect,
	// "https://desk.example.com".
	Origins []string
	// Source is the address a request is from, which limits count and logs name; nil: that
	// of the other end of its connection.
	Source func(*http.Request) netip.Addr
	// Hello is the time a page has to say who it is, default 5 s; Write the time
	// one message may take to be written, default 2 s.
	Hello, Write time.Duration
	Timing       liveness.Timing
	Limits       Limits
	Log          zerolog.Logger
	Metrics      prometheus.Registerer // nil: not registered
}

// Limits of a Server. Zero means the default.
type Limits struct {
	Sessions int // webphone sessions in all, default 20,000
	PerAgent int // sessions an agent, default 5
	Waiting  int // sockets that have not said who they are, default 1,024
	// WaitingFrom is how many of them one address may have, default 256: a call centre
	// behind one says hello within milliseconds.
	WaitingFrom int
	Rate        float64 // messages a second from one page, default 20
	Burst       int     // messages at once from one page, default 60
	Tests       int     // test calls at the same time, default 64
	TestQueue   int     // pages waiting for one, default 4,096
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.Sessions, 20000)
	set(&l.PerAgent, 5)
	set(&l.Waiting, 1024)
	set(&l.WaitingFrom, 256)
	set(&l.Burst, 60)
	set(&l.Tests, 64)
	set(&l.TestQueue, 4096)
	if l.Rate <= 0 {
		l.Rate = 20
	}
	return l
}

func (o Options) withDefaults() Options {
	if o.Hello <= 0 {
		o.Hello = 5 * time.Second
	}
	if o.Write <= 0 {
		o.Write = 2 * time.Second
	}
	if o.ICEServers == nil {
		o.ICEServers = []signalling.ICEServer{} // a list on the wire, not null
	}
	if o.Calling.AckWithin <= 0 {
		o.Calling.AckWithin = ackWithin
	}
	o.Timing = o.Timing.WithDefaults()
	o.Limits = o.Limits.withDefaults()
	return o
}

// Validate reports every mistake in what people may set.
func (o Options) Validate() error {
	var errs []error
	if o.Roster == nil || o.Directory == nil || o.Redeemer == nil {
		errs = append(errs, errors.New("roster, directory and redeemer are required"))
	}
	if o.Port == nil && o.UDP == "" && o.UDPConn == nil && !o.TrustWithoutTest {
		errs = append(errs, errors.New("a UDP address is required unless microphones are trusted without a test"))
	}
	if (o.Calling.Phone == nil) != (o.Calling.Bridge == nil) {
		errs = append(errs, errors.New("calls need a phone and a bridge"))
	}
	if o.UDP != "" {
		if _, _, err := net.SplitHostPort(o.UDP); err != nil {
			errs = append(errs, fmt.Errorf("UDP address %q: %w", o.UDP, err))
		}
	}
	for _, ip := range o.External {
		if net.ParseIP(ip) == nil {
			errs = append(errs, fmt.Errorf("external address %q is no IP address", ip))
		}
	}
	for _, s := range o.Origins {
		if u, err := url.Parse(s); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			errs = append(errs, fmt.Errorf("origin %q: want scheme://host or scheme://host:port", s))
		}
	}
	if t := o.Timing.WithDefaults(); t.Suspect >= t.Lost {
		errs = append(errs, fmt.Errorf("suspect after %v must come before lost after %v", t.Suspect, t.Lost))
	}
	if len(errs) > 0 {
		return fmt.Errorf("webrtc: %w", errors.Join(errs...))
	}
	return nil
}
