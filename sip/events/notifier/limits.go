package notifier

import (
	"hash/maphash"
	"sync"

	"lamplight/presence"
)

// watcherID is whose a subscription is: a device's id, or one derived from a
// peer's name.
type watcherID [16]byte

func peerID(name string) watcherID {
	return watcherID(presence.DeriveID(presence.ID{}, "peer:"+name))
}

// counts holds the limits on subscriptions.
type counts struct {
	mu         sync.Mutex
	perWatcher map[watcherID]int32 // mu guards it and the fields below
	lists      map[watcherID]int32 // subscriptions to lists
	total      int
	pending    int
}

// The outcomes of take.
type room uint8

const (
	granted room = iota
	fullWatcher
	fullTotal
	fullPending
)

// take claims room for one subscription that waits for the store.
func (c *counts) take(n *Notifier, owner watcherID, peer bool) room {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.pending >= n.maxPending:
		return fullPending
	case c.total >= n.maxTotal:
		return fullTotal
	case !peer && int(c.perWatcher[owner]) >= n.maxPerWatcher:
		return fullWatcher
	}
	c.addLocked(owner, 1)
	c.pending++
	return granted
}

func (c *counts) addLocked(owner watcherID, by int32) {
	c.total += int(by)
	if c.perWatcher[owner] += by; c.perWatcher[owner] <= 0 {
		delete(c.perWatcher, owner)
	}
}

// takeList claims room for a subscription to a list; of a peer's only the total
// is bounded.
func (c *counts) takeList(n *Notifier, owner watcherID, peer bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !peer && c.lists[owner] >= n.maxLists {
		return false
	}
	c.lists[owner]++
	return true
}

func (c *counts) giveList(owner watcherID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lists[owner]--; c.lists[owner] <= 0 {
		delete(c.lists, owner)
	}
}

// listed is how many watchers there are of lists.
func (c *counts) listed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lists)
}

// settled ends the wait of one subscription.
func (c *counts) settled() {
	c.mu.Lock()
	c.pending--
	c.mu.Unlock()
}

// give returns the room of a subscription that ended.
func (c *counts) give(owner watcherID) {
	c.mu.Lock()
	c.addLocked(owner, -1)
	c.mu.Unlock()
}

// restore counts a subscription that was reloaded; limits do not end what is
// there.
func (c *counts) restore(owner watcherID) {
	c.mu.Lock()
	c.addLocked(owner, 1)
	c.mu.Unlock()
}

func (c *counts) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending
}

// merged finds requests that reach us twice by different ways (RFC 3261
// §8.2.2.2: 482 for the second). It remembers a request between 32 and 64 s, in
// two generations, each bounded.
type merged struct {
	mu       sync.Mutex
	now, old map[uint64]struct{} // mu guards them and turn
	turn     stamp
}

const (
	mergedLife = 32 // seconds: how long a non-INVITE transaction lives (§17.1.2.2)
	maxMerged  = 1 << 16
)

// seen notes the request and reports whether it was there before.
func (g *merged) seen(seed maphash.Seed, callID, fromTag, cseq string, now stamp) bool {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, s := range [...]string{callID, fromTag, cseq} {
		h.WriteString(s)
		h.WriteByte(0)
	}
	k := h.Sum64()
	g.mu.Lock()
	defer g.mu.Unlock()
	if now >= g.turn+mergedLife || len(g.now) >= maxMerged {
		g.old, g.now = g.now, make(map[uint64]struct{})
		if now >= g.turn+2*mergedLife {
			g.old = nil
		}
		g.turn = now
	}
	if _, ok := g.now[k]; ok {
		return true
	}
	if _, ok := g.old[k]; ok {
		return true
	}
	g.now[k] = struct{}{}
	return false
}
