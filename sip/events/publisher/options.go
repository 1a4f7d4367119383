package publisher

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/resolve"
	"lamplight/sip/transport"
	"lamplight/store"
)

// Roster is what is read of roster.Roster.
type Roster interface {
	Boot() uint32
	Snapshot(presence.AgentID) (*presence.Snapshot, bool)
	Watch(func(*presence.Snapshot)) (stop func())
}

// Transactions is what is used of transaction.Layer.
type Transactions interface {
	SendRaw(f *transport.Flow, branch string, raw []byte, done func(*message.Message, error))
	Via(f *transport.Flow, branch string) string
}

// Flows finds the way to an upstream; transport.Layer does it.
type Flows interface {
	Flow(ctx context.Context, transport string, to netip.AddrPort) (*transport.Flow, error)
	Secure(ctx context.Context, name string, roots *x509.CertPool, to netip.AddrPort) (*transport.Flow, error)
	Trust(netip.Addr)
}

// The events that can be published.
const (
	Dialog   = "dialog"
	Presence = "presence"
)

// Upstream is a presence server that is told. Name and Server are required; the
// zero value of everything else is useful.
type Upstream struct {
	Name   string
	Server resolve.Server
	// User and Password answer its challenges.
	User, Password string
	// Roots are who may sign its certificate over TLS; nil: the system's.
	Roots *x509.CertPool
	// Domains limit whose agents it is told of; empty: all.
	Domains []string
	// Events are what it is told; default both.
	Events []string
	// Expiry is how long it shall keep what it is told; default 30 min.
	Expiry time.Duration
	// DialogExpiry is the same of dialogs; default 2 min, Expiry at most. A
	// terminated that could not be told is over by then.
	DialogExpiry time.Duration
	// HideCallers keeps from it who is at the other end of a call.
	HideCallers bool
	// Rate is how many PUBLISHes a second it is sent; default 500.
	Rate int
	// InFlight is how many wait for its answer at once; default 100.
	InFlight int
	// Verify is the longest time in which no tag is used; default 10 s.
	Verify time.Duration
}

func (u Upstream) withDefaults() Upstream {
	if len(u.Events) == 0 {
		u.Events = []string{Dialog, Presence}
	}
	set(&u.Expiry, 30*time.Minute)
	set(&u.DialogExpiry, 2*time.Minute)
	u.DialogExpiry = min(u.DialogExpiry, u.Expiry)
	set(&u.Rate, 500)
	set(&u.InFlight, 100)
	set(&u.Verify, 10*time.Second)
	return u
}

// identity tells whether two upstreams are the same place: tags of the one mean
// nothing to another.
func (u Upstream) identity() string {
	return fmt.Sprintf("%s|%s|%s|%d", u.Name, u.Server.Transport, u.Server.Host, u.Server.Port)
}

func (u Upstream) wants(k kind) bool { return slices.Contains(u.Events, k.event()) }

// covers reports whether the domain is one of the upstream's.
func (u Upstream) covers(d *presence.Domain) bool {
	return len(u.Domains) == 0 || slices.ContainsFunc(u.Domains, func(name string) bool {
		return slices.Contains(d.Names, strings.ToLower(name))
	})
}

func (u Upstream) validate() error {
	switch {
	case u.Name == "" || strings.ContainsAny(u.Name, "|/"):
		return fmt.Errorf("%q is no name for an upstream", u.Name)
	case u.Server.Host == "":
		return fmt.Errorf("upstream %s has no address", u.Name)
	case !slices.Contains([]string{transport.UDP, transport.TCP, transport.TLS}, u.Server.Transport):
		return fmt.Errorf("upstream %s: transport %q is not UDP, TCP or TLS", u.Name, u.Server.Transport)
	}
	for _, e := range u.Events {
		if e != Dialog && e != Presence {
			return fmt.Errorf("upstream %s: event %q is neither dialog nor presence", u.Name, e)
		}
	}
	return nil
}

// Options of a publisher. Store, Directory, Roster, Transactions and Flows are
// required; the zero value of everything else is useful.
type Options struct {
	Store        store.Store
	Directory    *directory.Directory
	Roster       Roster
	Transactions Transactions
	Flows        Flows
	Finder       resolve.Finder // default resolve.Hosts
	Upstreams    []Upstream
	Log          zerolog.Logger
	Metrics      prometheus.Registerer // nil: none
	Node         string                // owner of what is stored; default "node-1"
}

// Validate names what is missing or contradictory.
func (o Options) Validate() error {
	if o.Store == nil || o.Directory == nil || o.Roster == nil || o.Transactions == nil || o.Flows == nil {
		return errors.New("publisher: store, directory, roster, transactions and flows are required")
	}
	return validateAll(o.Upstreams)
}

func validateAll(list []Upstream) error {
	names := map[string]bool{}
	for _, u := range list {
		if err := u.validate(); err != nil {
			return fmt.Errorf("publisher: %w", err)
		}
		if names[u.Name] {
			return fmt.Errorf("publisher: upstream %s is named twice", u.Name)
		}
		names[u.Name] = true
	}
	return nil
}

func (o Options) withDefaults() Options {
	set(&o.Node, "node-1")
	if o.Finder == nil {
		o.Finder = resolve.Hosts{}
	}
	return o
}

// set gives a field its default.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
