package mailbox

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence/directory"
	"lamplight/store"
)

// Options of the mailboxes. Store and Directory are required; the zero value of
// everything else is useful.
type Options struct {
	Store     store.Store
	Directory *directory.Directory
	Log       zerolog.Logger
	Metrics   prometheus.Registerer // nil: none

	// MinExpires, MaxExpires and DefaultExpires bound what a publication is
	// granted (RFC 3903 §6); defaults 60 s, 24 h and 1 h.
	MinExpires, MaxExpires, DefaultExpires time.Duration
	// Total limits the mailboxes, PerMailbox the publications of one, Waiting the
	// changes that wait for its turn; defaults 200,000, 16 and 64. Beyond: 503.
	Total, PerMailbox, Waiting int
}

// Validate names what is missing or contradictory.
func (o Options) Validate() error {
	switch {
	case o.Store == nil, o.Directory == nil:
		return errors.New("mailbox: store and directory are required")
	case o.withDefaults().MinExpires > o.withDefaults().MaxExpires:
		return errors.New("mailbox: the shortest expiry is longer than the longest")
	}
	return nil
}

func (o Options) withDefaults() Options {
	set(&o.MinExpires, time.Minute)
	set(&o.MaxExpires, 24*time.Hour)
	set(&o.DefaultExpires, time.Hour)
	set(&o.Total, 200_000)
	set(&o.PerMailbox, 16)
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
