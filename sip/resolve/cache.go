package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// How long an answer is kept, whatever it says of itself: not so short that every
// call asks, and not so long that a change of the DNS takes a day.
const (
	leastKept  = 5 * time.Second
	mostKept   = time.Hour
	mostDenied = 5 * time.Minute // that there is none (RFC 2308 §5)
	failedKept = 5 * time.Second // that nobody answered (§7)
	// hostsKept is how long the system's answers hold: it does not say.
	hostsKept = 30 * time.Second
	// stale is how long an old answer is better than none, when nobody answers (RFC
	// 8767).
	stale = 24 * time.Hour
)

// maxCached bounds a cache. What is one too many is asked for again.
const maxCached = 2048

// Cache keeps what a DNS and a Hosts answered: for its time to live, also that
// there is nothing, and for a short time that nobody answered. When nobody answers,
// an answer of the last day is used again. One question is under way once, however
// many wait for it; each waits no longer than its own context. It is safe for
// concurrent use and owns no goroutine.
type Cache struct {
	dns   DNS
	hosts Hosts

	mu      sync.Mutex
	entries map[question]*entry // guarded by mu
}

type question struct {
	name string
	kind Kind // 0: addresses
}

// entry is an answer, or one that is waited for. The cache's mutex guards it.
type entry struct {
	asking chan struct{} // closed when the answer is there; nil: nobody asks
	known  bool          // there has been an answer
	answer Answer
	addrs  []netip.Addr
	got    time.Time // the answer
	until  time.Time // it need not be asked again before
	err    error     // of the last time, if that failed
}

// NewCache makes a cache in front of the two; nil is the system's.
func NewCache(dns DNS, hosts Hosts) *Cache {
	if dns == nil {
		dns = Client{}
	}
	return &Cache{dns: dns, hosts: hosts, entries: make(map[question]*entry)}
}

// Locator is one that asks the cache.
func (c *Cache) Locator() *Locator { return &Locator{DNS: c, Hosts: Hosts{Lookup: c.Lookup}} }

// Ask is DNS's.
func (c *Cache) Ask(ctx context.Context, name string, kind Kind) (Answer, error) {
	e, err := c.get(ctx, question{strings.ToLower(name), kind}, func() (entry, error) {
		a, err := c.dns.Ask(ctx, name, kind)
		most := mostKept
		if len(a.NAPTR)+len(a.SRV) == 0 {
			most = mostDenied
		}
		return entry{answer: a, until: time.Now().Add(min(max(a.TTL, leastKept), most))}, err
	})
	return e.answer, err
}

// Lookup is that of Hosts.
func (c *Cache) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	e, err := c.get(ctx, question{name: strings.ToLower(name)}, func() (entry, error) {
		addrs, err := c.hosts.lookup(ctx, name)
		var no *net.DNSError
		if errors.As(err, &no) && no.IsNotFound { // that is an answer
			addrs, err = nil, nil
		}
		return entry{addrs: addrs, until: time.Now().Add(hostsKept)}, err
	})
	return e.addrs, err
}

// get answers from the cache, or asks.
func (c *Cache) get(ctx context.Context, q question, ask func() (entry, error)) (entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		e := c.entries[q]
		if e == nil {
			c.roomLocked()
			e = &entry{}
			c.entries[q] = e
		}
		now := time.Now()
		if now.Before(e.until) {
			return e.saysLocked(now)
		}
		if e.asking == nil {
			return c.askLocked(ctx, q, e, ask)
		}
		wait := e.asking
		c.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if err := ctx.Err(); err != nil {
			return entry{}, err
		}
	}
}

// askLocked asks, with the cache unlocked meanwhile. A question that was given up
// because its caller's time was over, sooner than a name server is waited for, says
// nothing of the DNS.
func (c *Cache) askLocked(ctx context.Context, q question, e *entry, ask func() (entry, error)) (entry, error) {
	done := make(chan struct{})
	e.asking = done
	c.entries[q] = e // it may have been dropped
	c.mu.Unlock()
	began := time.Now()
	got, err := ask()
	c.mu.Lock()
	e.asking = nil
	close(done)
	now := time.Now()
	if err == nil {
		e.answer, e.addrs, e.until, e.known, e.got, e.err = got.answer, got.addrs, got.until, true, now, nil
		return *e, nil
	}
	e.err = err
	if ctx.Err() == nil || now.Sub(began) >= tryTime {
		e.until = now.Add(failedKept)
	}
	return e.saysLocked(now)
}

// saysLocked is the answer as it is known.
func (e *entry) saysLocked(now time.Time) (entry, error) {
	if e.err != nil && (!e.known || now.Sub(e.got) > stale) {
		return entry{}, e.err
	}
	return *e, nil
}

// roomLocked drops what has run out, or else anything that nobody asks for now.
func (c *Cache) roomLocked() {
	if len(c.entries) < maxCached {
		return
	}
	now := time.Now()
	for q, e := range c.entries {
		if e.asking == nil && now.After(e.until) {
			delete(c.entries, q)
		}
	}
	for q, e := range c.entries {
		if len(c.entries) < maxCached {
			return
		}
		if e.asking == nil {
			delete(c.entries, q)
		}
	}
}
