package login

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// attempts bounds how often a key (a source address, a user) may fail: a bucket
// of tries that fills up again with time. A try is taken before the password is
// verified and given back when it was right, so that a whole office behind one
// address can log in at once. It remembers a bounded number of keys, the least
// recently seen going first.
type attempts struct {
	every time.Duration // one try comes back in this time
	burst float64       // tries of a full bucket
	max   int           // keys remembered

	mu    sync.Mutex
	keys  map[string]*list.Element // guarded by mu
	order *list.List               // guarded by mu; most recent in front
}

// bucket is the tries left to a key; guarded by attempts.mu.
type bucket struct {
	key   string
	tries float64
	at    time.Time
}

func newAttempts(every time.Duration, burst, keys int) *attempts {
	return &attempts{
		every: every, burst: float64(burst), max: keys,
		keys: make(map[string]*list.Element), order: list.New(),
	}
}

// take spends one try of key; when none is left it says how long until there is
// one.
func (a *attempts) take(key string, now time.Time) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.bucketLocked(key, now)
	if b.tries < 1 {
		return time.Duration((1 - b.tries) * float64(a.every))
	}
	b.tries--
	return 0
}

// giveBack returns a try that was no failure.
func (a *attempts) giveBack(key string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.bucketLocked(key, now)
	b.tries = min(a.burst, b.tries+1)
}

func (a *attempts) bucketLocked(key string, now time.Time) *bucket {
	if e, ok := a.keys[key]; ok {
		a.order.MoveToFront(e)
		b := e.Value.(*bucket)
		b.tries = min(a.burst, b.tries+float64(now.Sub(b.at))/float64(a.every))
		b.at = now
		return b
	}
	for a.order.Len() >= a.max {
		last := a.order.Back()
		a.order.Remove(last)
		delete(a.keys, last.Value.(*bucket).key)
	}
	b := &bucket{key: key, tries: a.burst, at: now}
	a.keys[key] = a.order.PushFront(b)
	return b
}

// sourceKey is the address that is counted: of IPv6 the /64, since a host has a
// whole one to choose from.
func sourceKey(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
