package compositor

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/transaction"
	"lamplight/store"
)

// Roster is what the compositor uses of roster.Roster.
type Roster interface {
	Apply(a presence.AgentID, c roster.Change, done func(*presence.Snapshot, error))
	Bare(dom presence.DomainID, aor string) presence.AgentID
}

// Authority is what it asks of digest.Authority.
type Authority interface {
	Authenticate(*transaction.Request) (digest.Identity, bool)
}

// Options of a compositor. Store, Directory and Roster are required; the zero
// value of everything else is useful.
type Options struct {
	Store     store.Store
	Directory *directory.Directory
	Roster    Roster
	// Auth tells the phones that may PUBLISH their agent's calls
	// (presence.Device.PublishCalls); nil: none may.
	Auth    Authority
	Log     zerolog.Logger
	Metrics prometheus.Registerer // nil: none

	// Node is the owner of the stored publications; default "node-1".
	Node string
	// MinExpires, MaxExpires and DefaultExpires bound what is granted (RFC 3903
	// §6); defaults 10 s, 12 h and 1 h. PBXs publish the end of a call for a few
	// seconds only.
	MinExpires, MaxExpires, DefaultExpires time.Duration
	// EndedMemory is how long a dialog that ended stays ended whatever is told
	// of it; default 32 s, the life of a SIP transaction.
	EndedMemory time.Duration
	// Total limits the publications, PerPresentity those of one agent or
	// address, Waiting the PUBLISHes that wait for one presentity's turn;
	// defaults 200,000, 256 and 64. Beyond: 503.
	Total, PerPresentity, Waiting int
}

// Validate names what is missing or contradictory.
func (o Options) Validate() error {
	switch {
	case o.Store == nil, o.Directory == nil, o.Roster == nil:
		return errors.New("compositor: store, directory and roster are required")
	case o.withDefaults().MinExpires > o.withDefaults().MaxExpires:
		return errors.New("compositor: the shortest expiry is longer than the longest")
	}
	return nil
}

func (o Options) withDefaults() Options {
	set(&o.Node, "node-1")
	set(&o.MinExpires, 10*time.Second)
	set(&o.MaxExpires, 12*time.Hour)
	set(&o.DefaultExpires, time.Hour)
	set(&o.EndedMemory, 32*time.Second)
	set(&o.Total, 200_000)
	set(&o.PerPresentity, 256)
	set(&o.Waiting, 64)
	return o
}

// set gives a field its default.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
