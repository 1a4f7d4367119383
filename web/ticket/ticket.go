// Package ticket issues the tickets with which a page that has logged in opens
// the webphone's WebSocket: a browser cannot put a header on that request, and
// a cookie alone would let another site's page open it.
package ticket

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"lamplight/presence"
)

// ErrFull says that too many tickets are waiting to be redeemed.
var ErrFull = errors.New("ticket: too many tickets are waiting")

// Subject is whom a ticket lets in.
type Subject struct {
	Domain presence.DomainID
	Agent  presence.AgentID
	// Session identifies the page session that asked for the ticket, so that
	// its logout can end the webphone too.
	Session string
}

// Options of Tickets. The zero value is useful.
type Options struct {
	Life time.Duration // how long a ticket is good for; default 30 s
	Max  int           // tickets waiting at once; default 10,000
	// PerAgent is how many of an agent's may wait; of more the oldest is good no longer.
	// Default 32.
	PerAgent int
}

// Tickets is safe for concurrent use. A ticket is good once, for a short time,
// and in this process only. No agent's pages can take the room of everybody's.
type Tickets struct {
	life     time.Duration
	max      int
	perAgent int

	mu sync.Mutex
	// waiting is guarded by mu; the key is the ticket's hash, so that finding it
	// takes a time that says nothing of the ticket.
	waiting map[key]entry
	// of are each agent's, the oldest first; guarded by mu.
	of map[presence.AgentID][]key
}

type key [sha256.Size]byte

type entry struct {
	subject Subject
	until   time.Time
}

// New makes an empty set of tickets.
func New(o Options) *Tickets {
	if o.Life <= 0 {
		o.Life = 30 * time.Second
	}
	if o.Max <= 0 {
		o.Max = 10_000
	}
	if o.PerAgent <= 0 {
		o.PerAgent = 32
	}
	return &Tickets{
		life: o.Life, max: o.Max, perAgent: o.PerAgent, waiting: make(map[key]entry), of: make(map[presence.AgentID][]key),
	}
}

// Issue makes a ticket for s and says how long it is good for.
func (t *Tickets) Issue(s Subject) (ticket string, life time.Duration, err error) {
	now := time.Now()
	ticket = rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if own := t.of[s.Agent]; len(own) >= t.perAgent {
		t.dropLocked(own[0])
	}
	if len(t.waiting) >= t.max {
		t.sweepLocked(now)
	}
	if len(t.waiting) >= t.max {
		return "", 0, ErrFull
	}
	k := key(sha256.Sum256([]byte(ticket)))
	t.waiting[k] = entry{s, now.Add(t.life)}
	t.of[s.Agent] = append(t.of[s.Agent], k)
	return ticket, t.life, nil
}

// Redeem takes the ticket in: it is good once.
func (t *Tickets) Redeem(ticket string) (Subject, bool) {
	k := key(sha256.Sum256([]byte(ticket)))
	t.mu.Lock()
	e, ok := t.waiting[k]
	t.dropLocked(k)
	t.mu.Unlock()
	if !ok || time.Now().After(e.until) {
		return Subject{}, false
	}
	return e.subject, true
}

// Revoke takes back what a session asked for and did not redeem.
func (t *Tickets) Revoke(session string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, e := range t.waiting {
		if e.subject.Session == session {
			t.dropLocked(k)
		}
	}
}

func (t *Tickets) sweepLocked(now time.Time) {
	for k, e := range t.waiting {
		if now.After(e.until) {
			t.dropLocked(k)
		}
	}
}

// dropLocked forgets a ticket, if it is known.
func (t *Tickets) dropLocked(k key) {
	e, ok := t.waiting[k]
	if !ok {
		return
	}
	delete(t.waiting, k)
	a := e.subject.Agent
	if own := slices.DeleteFunc(t.of[a], func(o key) bool { return o == k }); len(own) > 0 {
		t.of[a] = own
	} else {
		delete(t.of, a)
	}
}
