// Package roster keeps the state of every agent. Each agent has one writer, a
// shard; changes to one agent are applied in the order of Apply, its snapshots
// are numbered in that order, and whoever watches gets them in it.
//
// # Guarantees
//
//   - A snapshot is published before its records are committed; the receipt
//     (done) comes after. Receipts of one agent come in the order of Apply.
//   - If a commit fails, done gets the error, the facts of that change are
//     withdrawn and a snapshot with a higher number says so.
//   - Every fact ends by itself: expiry, lease, grace, wrap-up and the maximum
//     of a custom status are timers of the shard.
//   - Version is boot<<32|n: it only grows, also across restarts.
package roster

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
)

// Errors matched by errors.Is.
var (
	ErrClosed  = errors.New("roster: closed")
	ErrUnknown = errors.New("roster: unknown agent")
	// ErrRefused: the change is not allowed; the error's text says why.
	ErrRefused = errors.New("roster: refused")
)

// Options of a roster. The zero value of each field but Store and Directory is
// useful.
type Options struct {
	Store     store.Store
	Directory *directory.Directory
	Node      string         // default "node-1"
	Shards    int            // default: 4 per processor
	Queue     int            // waiting changes per shard, default 4096
	Log       zerolog.Logger // default: none
}

// Roster is safe for concurrent use.
type Roster struct{}

// Open commits the next boot number, reads back selections, wrap-ups and views,
// and starts the shards.
func Open(ctx context.Context, o Options) (*Roster, error) { panic("not built yet") }

// Boot is this start's number: 1 for the first.
func (r *Roster) Boot() uint32 { panic("not built yet") }

// Change is a set of operations on one agent with the records that must commit
// with it.
type Change struct {
	Cause  presence.Cause
	Actor  string
	Reason string
	Ops    []Op
	// Writes and Log commit in one batch with what the roster itself writes.
	Writes []store.Write
	Log    []store.Entry
}

// Op is one operation; the types below are all there are.
type Op interface{ op() }

// The operations. Put replaces the fact of the same id; ending what is not
// there does nothing.
type (
	PutSession       struct{ presence.Session }
	DropSession      struct{ ID string }
	PutRegistration  struct{ presence.Registration }
	DropRegistration struct{ ID string }
	PutLeg           struct{ presence.Leg }
	EndLeg           struct{ ID string }
	PutOffer         struct{ presence.Offer }
	EndOffer         struct{ ID string }
	// Select is the agent's word (or a supervisor's); it ends a wrap-up
	// (decision 13), except that selecting what is already selected changes
	// nothing (decision 12).
	Select struct{ Status presence.Selectable }
	// SetOptions replaces the forwarding options, remembering the set to
	// restore when all go off.
	SetOptions struct{ Options presence.Options }
	// AllOptionsOff and RestoreOptions are the two buttons of decision 1.
	AllOptionsOff  struct{}
	RestoreOptions struct{}
	// FinishWrapUp ends a running wrap-up.
	FinishWrapUp struct{}
	// Logout drops all webphone sessions at once, without grace.
	Logout struct{}
)

func (PutSession) op()       {}
func (DropSession) op()      {}
func (PutRegistration) op()  {}
func (DropRegistration) op() {}
func (PutLeg) op()           {}
func (EndLeg) op()           {}
func (PutOffer) op()         {}
func (EndOffer) op()         {}
func (Select) op()           {}
func (SetOptions) op()       {}
func (AllOptionsOff) op()    {}
func (RestoreOptions) op()   {}
func (FinishWrapUp) op()     {}
func (Logout) op()           {}

// Apply queues a change. done, which may be nil, is called exactly once: with
// nil once everything the change implies is durable (at once when there is
// nothing to write), else with why not. It is called on the store's writer or a
// shard and must not block. The snapshot handed to it is the agent's after the
// change, nil on error.
//
// An agent the directory does not know is ErrUnknown, unless it is a bare
// address of record opened with Bare.
func (r *Roster) Apply(a presence.AgentID, c Change, done func(*presence.Snapshot, error)) {
	panic("not built yet")
}

// Do is Apply and wait.
func (r *Roster) Do(ctx context.Context, a presence.AgentID, c Change) (*presence.Snapshot, error) {
	panic("not built yet")
}

// Bare opens (or finds) the presentity of an address of record without an
// agent; it is forgotten when its last leg ends.
func (r *Roster) Bare(dom presence.DomainID, aor string) presence.AgentID { panic("not built yet") }

// Snapshot is the newest snapshot of an agent. It never blocks on a shard. An
// agent that no fact was ever heard of has one too: Offline.
func (r *Roster) Snapshot(a presence.AgentID) (*presence.Snapshot, bool) { panic("not built yet") }

// Each calls f with the newest snapshot of every agent of the domain, by number.
func (r *Roster) Each(dom presence.DomainID, f func(*presence.Snapshot) bool) {
	panic("not built yet")
}

// Watch calls f with every snapshot published from now on, in order for one
// agent, on its shard: f must only take note and return. The returned function
// ends the watch; when it returns, f is not running and will not run again.
func (r *Roster) Watch(f func(*presence.Snapshot)) (stop func()) { panic("not built yet") }

// Close stops the shards after what is queued was applied. It does not close
// the store.
func (r *Roster) Close() error { panic("not built yet") }

var _ = time.Now
