package notifier

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/consent"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store"
)

// Roster is what the engine reads of roster.Roster.
type Roster interface {
	Boot() uint32
	Snapshot(presence.AgentID) (*presence.Snapshot, bool)
	Watch(func(*presence.Snapshot)) (stop func())
}

// Authority is what it asks of digest.Authority.
type Authority interface {
	Authenticate(*transaction.Request) (digest.Identity, bool)
}

// Transactions is what it uses of transaction.Layer.
type Transactions interface {
	SendRaw(f *transport.Flow, branch string, raw []byte, done func(*message.Message, error))
	Via(f *transport.Flow, branch string) string
	LocalURI(f *transport.Flow, user string) string
}

// Flows finds the way back to a watcher; transport.Layer does it.
type Flows interface {
	Flow(ctx context.Context, transport string, to netip.AddrPort) (*transport.Flow, error)
}

// Consent is what it asks of consent.Consents. Whoever decides calls
// Notifier.Decided.
type Consent interface {
	Verdict(of presence.AgentID, w consent.Watcher) (allow, decided bool)
}

// Lists is what it asks of lists.Lists.
type Lists interface {
	Find(dom presence.DomainID, holder presence.AgentID, user string) (ref lists.Ref, ok, certain bool)
	Members(lists.Ref) (users []string, ok bool)
	OnChange(func(lists.Ref))
	Most() int
}

// Options of a notifier. Store, Directory, Roster, Auth, Transactions, Flows and
// Packages are required; the zero value of everything else is useful.
type Options struct {
	Store        store.Store
	Directory    *directory.Directory
	Roster       Roster
	Auth         Authority
	Transactions Transactions
	Flows        Flows
	Packages     []Package
	Log          zerolog.Logger
	Metrics      prometheus.Registerer // nil: none

	// Node is the owner of the stored subscriptions; default "node-1".
	Node string
	// MinExpires, MaxExpires and DefaultExpires bound what is granted (RFC 6665
	// §4.2.1.1); defaults 60 s, 1 h and 1 h.
	MinExpires, MaxExpires, DefaultExpires time.Duration
	// Grace is how long an expired subscription still counts; default 10 s.
	// Some phones refresh in the last percent of the time.
	Grace time.Duration
	// MaxFailures is how many NOTIFYs in a row may fail before the subscription
	// ends; default 5. 1 is the letter of RFC 6665 §4.2.2.
	MaxFailures int
	// PerWatcher and Total limit the subscriptions of one device and of all;
	// defaults 1,000 and 1,000,000. A peer counts for Total only.
	PerWatcher, Total int
	// Pending limits the SUBSCRIBEs that wait for the store; default 65,536.
	Pending int
	// RestartRate is how many NOTIFYs a second tell restored watchers the state
	// after a restart; default 5,000.
	RestartRate int
	// Workers render and send; default: one per processor.
	Workers int
	// Phones says what is different about whose phones; nil: about none.
	Phones quirks.Table
	// Lists are the lists that can be watched (RFC 4662); nil: none, not even those
	// that a SUBSCRIBE brings (RFC 5367).
	Lists Lists
	// ListsPerWatcher limits the subscriptions of one device to lists; default 50.
	ListsPerWatcher int
	// Instances find the watchers whose contact is a GRUU; nil: NOTIFYs go to the GRUU
	// itself, the way the SUBSCRIBE came.
	Instances Instances
	// Consent is what agents decided about watchers that need it; nil: nothing.
	Consent Consent
}

// Validate names what is missing or contradictory.
func (o Options) Validate() error {
	switch {
	case o.Store == nil, o.Directory == nil, o.Roster == nil, o.Auth == nil, o.Transactions == nil, o.Flows == nil:
		return errors.New("notifier: store, directory, roster, auth, transactions and flows are required")
	case len(o.Packages) == 0 || len(o.Packages) > 255:
		return errors.New("notifier: 1 to 255 packages are required")
	case o.withDefaults().MinExpires > o.withDefaults().MaxExpires:
		return errors.New("notifier: the shortest expiry is longer than the longest")
	}
	return o.Phones.Validate()
}

func (o Options) withDefaults() Options {
	set(&o.Node, "node-1")
	set(&o.MinExpires, time.Minute)
	set(&o.MaxExpires, time.Hour)
	set(&o.DefaultExpires, time.Hour)
	set(&o.Grace, 10*time.Second)
	set(&o.MaxFailures, 5)
	set(&o.PerWatcher, 1000)
	set(&o.Total, 1_000_000)
	set(&o.ListsPerWatcher, 50)
	set(&o.Pending, 1<<16)
	set(&o.RestartRate, 5000)
	set(&o.Workers, runtime.GOMAXPROCS(0))
	return o
}

// set gives a field its default.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
