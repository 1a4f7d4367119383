// Package store is the storage contract of Lamplight: records with an owner, a
// revision and an end; batches that commit whole or not at all; an append-only
// log; and a watch. It knows nothing of SIP or of agents.
//
// # Guarantees every engine keeps
//
//   - A batch is atomic: after a crash either all of its writes and log entries
//     are there or none.
//   - A batch whose done function was called with a nil error is durable: it
//     survives kill -9 and, where the medium honours fsync, loss of power.
//   - Batches submitted by one goroutine commit, and their done functions run,
//     in the order of submission. Batches of several goroutines are ordered by
//     their arrival.
//   - Revisions of one key only grow, also across deletion and restart. They
//     are drawn from one counter of the whole store, so the later of any two
//     writes has the greater revision, whatever their keys.
//   - The conditions (Write.If) of a batch are checked against what is stored
//     before any of its writes; of two writes to one key the later one stays.
//   - Expires is information for the reader: an engine may delete a record that
//     has expired, at any later time, but never earlier.
//   - The change log is kept for a time the engine is opened with
//     (DefaultKeepLog). What is older by its own Time is removed little by
//     little from the oldest on, as long as the engine is at work, never
//     earlier. Its numbers are not given out again.
//
// The conformance suite in storetest holds an engine to this contract.
package store

import (
	"context"
	"errors"
	"time"
)

// Errors an engine answers with, matched by errors.Is.
var (
	// ErrConflict: a write's If did not match the stored revision. Nothing of
	// the batch was written.
	ErrConflict = errors.New("store: revision conflict")
	// ErrNotFound: Get met no record.
	ErrNotFound = errors.New("store: not found")
	// ErrClosed: the store is closed or closing.
	ErrClosed = errors.New("store: closed")
	// ErrFull: the queue of uncommitted batches is at its bound.
	ErrFull = errors.New("store: write queue full")
	// ErrTooLarge: a record or log entry of the batch is above MaxData.
	ErrTooLarge = errors.New("store: record too large")
)

// MaxData bounds Record.Data, and Entry.Before plus Entry.After, in bytes.
const MaxData = 16 << 20

// Key names a record. Domain is the tenant's id, or empty for what belongs to
// the node or to all tenants.
type Key struct {
	Domain string
	Space  string // kind of record, such as "binding" or "agent"
	Key    string
}

// Record is one stored value.
type Record struct {
	Key
	// Owner is the node or flow the record lives with; empty if it outlives both.
	Owner string
	// Rev is set by the engine: never 0, and greater with every write of the key.
	// By how much says nothing.
	Rev uint64
	// Expires is when the record means nothing any more; zero is never. It is
	// kept to the nanosecond and read back in UTC.
	Expires time.Time
	// Codec is the version of the encoding of Data, chosen by the writer.
	Codec uint16
	Data  []byte
}

// Any as Write.If writes whatever the stored revision is.
const Any = ^uint64(0)

// Write puts or deletes one record.
type Write struct {
	Record
	Delete bool
	// If is the revision the key must have for the batch to commit: 0 for a key
	// that must not exist, Any for no condition. Whether a record that has expired
	// still exists for this is open until it is removed; to replace one, use Any.
	If uint64
}

// Put is an unconditional write of r.
func Put(r Record) Write { return Write{Record: r, If: Any} }

// Delete is an unconditional deletion of k.
func Delete(k Key) Write { return Write{Record: Record{Key: k}, Delete: true, If: Any} }

// Entry is one line of the append-only change log.
type Entry struct {
	Domain string
	Seq    uint64    // set by the engine; grows within the whole store
	Time   time.Time // zero: the engine sets it to when it commits
	Node   string
	Actor  string // who did it: "agent:1001", "token:demo-admin", "system"
	Cause  string // why: one of presence.Cause's words, or "config", "route"
	Kind   string // what the entry is about: "status", "selection", "decision"…
	Entity string // id of what changed
	Before []byte // JSON, may be nil
	After  []byte // JSON, may be nil
}

// Batch is what commits together.
type Batch struct {
	Writes []Write
	Log    []Entry
	// Later says that nobody waits for it: an engine may hold it back for HoldBack,
	// so that it shares the commit of what comes next. The order stays.
	Later bool
}

// HoldBack is how long a batch that nobody waits for is held back at most. A crash
// takes no more than that of them, beside what was being committed.
const HoldBack = 10 * time.Millisecond

// LogQuery selects log entries, ascending by Seq unless Newest is set.
type LogQuery struct {
	Domain string // empty: every domain
	Kind   string // empty: every kind
	Entity string // empty: every entity
	After  uint64 // only entries with a greater Seq
	Before uint64 // only entries with a smaller Seq; 0: no bound
	// Until selects only entries whose Time is not later; zero: no bound. It is
	// compared entry by entry, so name an entity or a bound of Seq beside it.
	Until  time.Time
	Newest bool // descending
	Limit  int  // 0 means DefaultLogLimit
}

// DefaultKeepLog is how long the change log is kept: a year and the weeks until
// somebody looks back at it.
const DefaultKeepLog = 400 * 24 * time.Hour

// DefaultLogLimit is how many entries a LogQuery without Limit answers at most.
const DefaultLogLimit = 1000

// Change is what a watch reports: the record after a committed write, or its
// key and the revision of the deletion with Deleted set. The removal of an
// expired record is not reported, nor the deletion of what was not there.
// Watchers share Data and do not write to it.
type Change struct {
	Record
	Deleted bool
}

// Store is implemented by the engines below this package.
type Store interface {
	// Get reads the committed record of k, or ErrNotFound. A record that has
	// expired is answered until it is removed.
	Get(ctx context.Context, k Key) (Record, error)
	// Scan calls f for every committed record of the space in every domain
	// (order unspecified) until f returns an error, which Scan returns. Expired
	// records may be left out. f may call the store, and keeps what it is given.
	// What is committed meanwhile may be seen or not, record by record; a watch
	// begun before tells the rest.
	Scan(ctx context.Context, space string, f func(Record) error) error
	// Submit queues a batch for the writer and returns without waiting for it.
	// done, which may be nil, is called exactly once, on the writer's goroutine,
	// and must not block; it may Submit. If the queue is full, the batch too
	// large or the store closed, done is called before Submit returns. The caller
	// does not touch the batch afterwards.
	Submit(b Batch, done func(error))
	// Commit is Submit and wait. An error of ctx does not undo a batch that is
	// already queued.
	Commit(ctx context.Context, b Batch) error
	// Watch reports every change committed to the space after Watch returned,
	// in order, until ctx ends; the channel is then closed. A reader that falls
	// behind the bound loses the watch: the channel is closed early.
	Watch(ctx context.Context, space string) <-chan Change
	// Log reads the change log.
	Log(ctx context.Context, q LogQuery) ([]Entry, error)
	// Healthy is nil while commits succeed, otherwise why the last one failed.
	// An engine that is unhealthy and idle tries again by itself. A conflict is
	// no failure.
	Healthy() error
	// Close waits for what is queued, then closes: it ends the watches, and later
	// calls answer ErrClosed. Closing again does nothing.
	Close() error
}
