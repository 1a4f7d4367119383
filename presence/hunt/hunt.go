// Package hunt remembers what ring groups need to know of their members beyond
// their status: who was offered the last call, who has had how many today, who
// does not take calls; and who is being offered one just now.
//
// # Guarantees
//
//   - A member is offered one group call at a time: of two calls that ask at once
//     one gets the lease. A lease ends by Release, or by its time.
//   - Tallies outlive a restart, leases do not: the calls they were for are gone.
//   - Callers never wait for the store.
package hunt

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/store"
)

// Options of a Board. Store is required.
type Options struct {
	Store store.Store
	Log   zerolog.Logger
}

// Board is safe for concurrent use and owns no goroutine.
type Board struct {
	o Options

	mu      sync.Mutex
	tallies map[place]*Tally           // guarded by mu, as all below
	last    map[presence.GroupID]turn  // who was offered the last call
	leases  map[presence.AgentID]lease // who is being offered one
	turns   uint64
}

// place is a member of a group.
type place struct {
	group presence.GroupID
	agent presence.AgentID
}

type turn struct {
	agent presence.AgentID
	n     uint64
}

type lease struct {
	call string
	ends time.Time
}

// Tally is what a group remembers of a member.
type Tally struct {
	// Day is the one that Calls were answered on, as 2006-01-02 in the domain's
	// time zone.
	Day   string `json:"day,omitempty"`
	Calls int    `json:"calls,omitempty"`
	// Missed counts the calls that the member did not take, since the last one he
	// took.
	Missed int `json:"missed,omitempty"`
	// Rest: the member is skipped until then.
	Rest time.Time `json:"rest,omitzero"`
	// Turn grows with each call offered to somebody of the group.
	Turn uint64 `json:"turn,omitempty"`
}

// The space of the tallies; a row is forgotten when nothing has happened for
// keepFor.
const (
	space     = "hunt"
	codecJSON = 1
	keepFor   = 48 * time.Hour
)

// Open reads the tallies back. ctx bounds the reading.
func Open(ctx context.Context, o Options) (*Board, error) {
	b := &Board{
		o: o, tallies: make(map[place]*Tally), last: make(map[presence.GroupID]turn), leases: make(map[presence.AgentID]lease),
	}
	now := time.Now()
	err := o.Store.Scan(ctx, space, func(r store.Record) error {
		var k row
		if r.Codec != codecJSON || !r.Expires.After(now) {
			return nil
		}
		if err := json.Unmarshal(r.Data, &k); err != nil {
			o.Log.Warn().Err(err).Str("key", r.Key.Key).Msg("what a group remembers of a member is left out")
			return nil
		}
		b.tallies[place{k.Group, k.Agent}] = &k.Tally
		b.turns = max(b.turns, k.Turn)
		if t := b.last[k.Group]; k.Turn > t.n {
			b.last[k.Group] = turn{k.Agent, k.Turn}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("hunt: read tallies: %w", err)
	}
	return b, nil
}

// row is a tally as it is stored.
type row struct {
	Group presence.GroupID `json:"group"`
	Agent presence.AgentID `json:"agent"`
	Tally
}

// Tally is what is known of a member, Calls being those of the day.
func (b *Board) Tally(g presence.GroupID, a presence.AgentID, day string) Tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tallies[place{g, a}]
	if t == nil {
		return Tally{}
	}
	out := *t
	if out.Day != day {
		out.Day, out.Calls = day, 0
	}
	return out
}

// Last is who was offered the group's last call; zero: nobody yet.
func (b *Board) Last(g presence.GroupID) presence.AgentID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last[g].agent
}

// Reserve gives the agent to a call until then; false: another call has him.
func (b *Board) Reserve(a presence.AgentID, call string, until, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l, ok := b.leases[a]; ok && l.call != call && now.Before(l.ends) {
		return false
	}
	b.leases[a] = lease{call, until}
	return true
}

// Reserved reports whether another call than this one has the agent.
func (b *Board) Reserved(a presence.AgentID, call string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.leases[a]
	return ok && l.call != call && now.Before(l.ends)
}

// Release ends the call's lease of the agent.
func (b *Board) Release(a presence.AgentID, call string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leases[a].call == call {
		delete(b.leases, a)
	}
}

// Offered notes that it was this member's turn.
func (b *Board) Offered(d presence.DomainID, g presence.GroupID, a presence.AgentID) {
	b.change(d, g, a, func(t *Tally) {
		b.turns++
		t.Turn = b.turns
		b.last[g] = turn{a, b.turns}
	})
}

// Answered notes that the member has taken a call.
func (b *Board) Answered(d presence.DomainID, g presence.GroupID, a presence.AgentID, day string) {
	b.change(d, g, a, func(t *Tally) {
		if t.Day != day {
			t.Day, t.Calls = day, 0
		}
		t.Calls++
		t.Missed, t.Rest = 0, time.Time{}
	})
}

// Missed notes that the member did not take a call, and is skipped until then; it
// gives how many that are in a row.
func (b *Board) Missed(d presence.DomainID, g presence.GroupID, a presence.AgentID, rest time.Time) (inARow int) {
	b.change(d, g, a, func(t *Tally) {
		t.Missed++
		t.Rest = rest
		inARow = t.Missed
	})
	return inARow
}

// Rest has the member skipped until then, for a reason that is no fault of his.
func (b *Board) Rest(d presence.DomainID, g presence.GroupID, a presence.AgentID, until time.Time) {
	b.change(d, g, a, func(t *Tally) { t.Rest = until })
}

// Forgive begins the row of misses anew, as when something was done about them.
func (b *Board) Forgive(d presence.DomainID, g presence.GroupID, a presence.AgentID) {
	b.change(d, g, a, func(t *Tally) { t.Missed = 0 })
}

// change changes a tally and has it stored.
func (b *Board) change(d presence.DomainID, g presence.GroupID, a presence.AgentID, f func(*Tally)) {
	b.mu.Lock()
	k := place{g, a}
	t := b.tallies[k]
	if t == nil {
		t = new(Tally)
		b.tallies[k] = t
	}
	f(t)
	data, err := json.Marshal(row{g, a, *t})
	if err != nil {
		b.mu.Unlock()
		return // of plain values, cannot be
	}
	// Submitted under the lock, so that what is stored last is what is true.
	b.o.Store.Submit(store.Batch{Writes: []store.Write{store.Put(store.Record{
		Key: store.Key{Domain: d.String(), Space: space, Key: g.String() + "/" + a.String()}, Codec: codecJSON, Expires: time.Now().Add(keepFor), Data: data,
	})}}, func(err error) {
		if err != nil {
			b.o.Log.Error().Err(err).Stringer("group", g).Stringer("agent", a).Msg("what a group remembers of its member is not stored")
		}
	})
	b.mu.Unlock()
}
