// Package ticket issues the tickets with which a page that has logged in opens
// the webphone's WebSocket: a browser cannot put a header on that request, and
// a cookie alone would let another site's page open it.
package ticket

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
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
}

// Tickets is safe for concurrent use. A ticket is good once, for a short time,
// and in this process only.
type Tickets struct {
	life time.Duration
	max  int

	mu sync.Mutex
	// waiting is guarded by mu; the key is the ticket's hash, so that finding it
	// takes a time that says nothing of the ticket.
	waiting map[[sha256.Size]byte]entry
}

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
	return &Tickets{life: o.Life, max: o.Max, waiting: make(map[[sha256.Size]byte]entry)}
}

// Issue makes a ticket for s and says how long it is good for.
func (t *Tickets) Issue(s Subject) (ticket string, life time.Duration, err error) {
	now := time.Now()
	ticket = rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= t.max {
		t.sweepLocked(now)
	}
	if len(t.waiting) >= t.max {
		return "", 0, ErrFull
	}
	t.waiting[sha256.Sum256([]byte(ticket))] = entry{s, now.Add(t.life)}
	return ticket, t.life, nil
}

// Redeem takes the ticket in: it is good once.
func (t *Tickets) Redeem(ticket string) (Subject, bool) {
	key := sha256.Sum256([]byte(ticket))
	t.mu.Lock()
	e, ok := t.waiting[key]
	delete(t.waiting, key)
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
			delete(t.waiting, k)
		}
	}
}

func (t *Tickets) sweepLocked(now time.Time) {
	for k, e := range t.waiting {
		if now.After(e.until) {
			delete(t.waiting, k)
		}
	}
}
