package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/store"
)

// FileName is the database's name inside Options.Dir.
const FileName = "lamplight.db"

// Options of an engine. Dir or Path is needed, all else has a default.
type Options struct {
	// Dir is the data directory; it is made if it is missing. The database is
	// FileName in it.
	Dir string
	// Path is the database file itself, instead of Dir.
	Path string
	// ReadOnly opens an existing database for reading, beside a running server
	// or without one. Writes answer ErrReadOnly and watches end at once.
	ReadOnly bool

	QueueLimit int // rows that may wait for their commit; default 65536
	CommitRows int // most rows in one commit, default 1000; a larger batch goes alone
	Readers    int // most reading connections; default 4
	// PurgeEvery is the time between two looks for expired records and old log
	// entries, each at a slice of at most 512 of them; default 1 s, negative is
	// never.
	PurgeEvery time.Duration
	KeepLog    time.Duration // age of log entries; default store.DefaultKeepLog

	Log     zerolog.Logger        // default: none
	Metrics prometheus.Registerer // default: none

	hooks hooks
}

// hooks let this package's own tests break things.
type hooks struct {
	// beforeCommit is called with a transaction complete but for its commit; an
	// error fails it.
	beforeCommit func() error
	// pages bounds the database's size, as a full disk does; 0 is no bound.
	pages int
}

// Validate says what is wrong with the options.
func (o Options) Validate() error {
	switch {
	case o.Dir == "" && o.Path == "":
		return errors.New("sqlite: neither Dir nor Path is set")
	case o.Dir != "" && o.Path != "":
		return errors.New("sqlite: both Dir and Path are set")
	case o.QueueLimit < 0, o.CommitRows < 0, o.Readers < 0, o.KeepLog < 0:
		return errors.New("sqlite: a limit is negative")
	}
	return nil
}

func (o Options) withDefaults() (Options, error) {
	if err := o.Validate(); err != nil {
		return o, err
	}
	if o.Path == "" {
		o.Path = filepath.Join(o.Dir, FileName)
	}
	abs, err := filepath.Abs(o.Path)
	if err != nil {
		return o, fmt.Errorf("sqlite: find %s: %w", o.Path, err)
	}
	o.Path = abs
	if o.QueueLimit == 0 {
		o.QueueLimit = 65536
	}
	if o.CommitRows == 0 {
		o.CommitRows = 1000
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	if o.KeepLog == 0 {
		o.KeepLog = store.DefaultKeepLog
	}
	if o.PurgeEvery == 0 {
		o.PurgeEvery = time.Second
	}
	return o, nil
}
