package trunk

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/sip/message"
	"lamplight/sip/resolve"
	"lamplight/sip/transport"
)

// Trunk is one that is configured.
type Trunk struct {
	Name string
	// Host is what stands in the Request-URIs of its calls, host[:port]; default: the
	// first server.
	Host string
	// Servers are tried in this order.
	Servers []resolve.Server
	// Domains it takes calls of, by any of their names; empty: all.
	Domains []string
	// Unlisted: it takes the calls of those who name its host alone.
	Unlisted bool
	// User and Password answer its challenges; with a Realm only those of that realm.
	User, Password, Realm string
	// Roots may sign its certificates; nil: whom the system trusts.
	Roots *x509.CertPool
	// Silence is how long a hop may leave an INVITE without a word before the next is
	// tried; default 4 s.
	Silence time.Duration
	// Every is how often each hop is asked by OPTIONS; default 30 s, negative: never.
	Every time.Duration
	// Tries is how many unanswered OPTIONS in a row make a hop down; default 2.
	Tries int
}

func (t Trunk) withDefaults() Trunk {
	if t.Silence <= 0 {
		t.Silence = 4 * time.Second
	}
	if t.Every == 0 {
		t.Every = 30 * time.Second
	}
	if t.Tries <= 0 {
		t.Tries = 2
	}
	if t.Host == "" && len(t.Servers) > 0 {
		t.Host = t.Servers[0].Written()
	}
	return t
}

// Validate says what is wrong with it.
func (t Trunk) Validate() error {
	switch {
	case t.Name == "":
		return errors.New("a trunk without a name")
	case len(t.Servers) == 0:
		return fmt.Errorf("trunk %s has no server", t.Name)
	case len(t.Servers) > maxServers:
		return fmt.Errorf("trunk %s has more than %d servers", t.Name, maxServers)
	}
	return nil
}

const (
	maxServers = 16 // of one trunk
	maxHops    = 32 // of one trunk
	// lookTime bounds the search for one server's addresses.
	lookTime = 2 * time.Second
	// mostObeyed is how long a Retry-After is believed.
	mostObeyed = 10 * time.Minute
	// downFor is how long a hop that nobody asks by OPTIONS is tried last, after it
	// has failed a call.
	downFor = 30 * time.Second
	// askTime is how long an OPTIONS is waited for.
	askTime = 5 * time.Second
)

// Transactions is what it uses of transaction.Layer.
type Transactions interface {
	SendRawWithin(f *transport.Flow, branch string, raw []byte, limit time.Duration, done func(*message.Message, error))
	Via(f *transport.Flow, branch string) string
	LocalURI(f *transport.Flow, user string) string
}

// Flows is what it uses of transport.Layer.
type Flows interface {
	Flow(ctx context.Context, transport string, to netip.AddrPort) (*transport.Flow, error)
	Secure(ctx context.Context, name string, roots *x509.CertPool, to netip.AddrPort) (*transport.Flow, error)
	Trust(a netip.Addr)
}

// Options of Trunks. Transactions and Flows are required.
type Options struct {
	Transactions Transactions
	Flows        Flows
	Finder       resolve.Finder // default: a resolve.Cache before the system's DNS
	Log          zerolog.Logger
	Metrics      prometheus.Registerer // default: none
}
