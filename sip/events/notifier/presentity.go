package notifier

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/presence"
)

// presentity is what is watched: an agent or a bare address of record. It
// exists while somebody watches it.
type presentity struct {
	agent presence.AgentID
	// queued is set while the presentity waits for a worker, so that it waits
	// only once however often it changes.
	queued atomic.Bool
	// dirty is when the change a worker has not seen yet came, in nanoseconds
	// since 1970; 0: none.
	dirty atomic.Int64

	mu sync.Mutex
	// subs are the subscriptions that get NOTIFYs; mu guards them and all their
	// fields.
	subs []*subscription
	// moves counts removals: another subscription then took the removed one's
	// place, and a worker in the middle of the list starts over.
	moves uint32
	// surveyors counts those of subs that watch who watches, census numbers the
	// changes of the rest, by package, and leavers are the last that ended; mu
	// guards them.
	surveyors int32
	census    []uint64 // nil while nobody asks
	leavers   []leaver
	// gone is set when the presentity left the table.
	gone bool
	// roll is who is on it, if it is a list; lists are those it is on itself. mu
	// guards both.
	roll  *roll
	lists map[*presentity]struct{}
}

// addLocked appends a subscription.
func (p *presentity) addLocked(s *subscription) {
	s.index = int32(len(p.subs))
	p.subs = append(p.subs, s)
}

// removeLocked takes a subscription out in constant time.
func (p *presentity) removeLocked(s *subscription) {
	last := len(p.subs) - 1
	if int(s.index) > last || p.subs[s.index] != s {
		return
	}
	p.subs[s.index] = p.subs[last]
	p.subs[s.index].index = s.index
	p.subs[last] = nil
	p.subs = p.subs[:last]
	p.moves++
}

// idleLocked reports whether nobody watches it any more, directly or by a list.
func (p *presentity) idleLocked() bool { return len(p.subs) == 0 && len(p.lists) == 0 && !p.gone }

// presentities is the table of what is watched.
type presentities struct {
	shards [64]struct {
		mu sync.RWMutex
		m  map[presence.AgentID]*presentity // mu guards it
	}
}

func (t *presentities) shard(a presence.AgentID) int {
	return int(binary.LittleEndian.Uint64(a.ID[8:]) % uint64(len(t.shards)))
}

// find returns the presentity if anybody watches it.
func (t *presentities) find(a presence.AgentID) *presentity {
	sh := &t.shards[t.shard(a)]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.m[a]
}

// open finds or makes the presentity and returns it locked.
func (t *presentities) open(a presence.AgentID) *presentity {
	sh := &t.shards[t.shard(a)]
	for {
		sh.mu.Lock()
		p := sh.m[a]
		if p == nil {
			if sh.m == nil {
				sh.m = make(map[presence.AgentID]*presentity)
			}
			p = &presentity{agent: a}
			sh.m[a] = p
		}
		sh.mu.Unlock()
		p.mu.Lock()
		if !p.gone {
			return p
		}
		p.mu.Unlock() // it left the table between the two locks
	}
}

// release forgets the presentity if nobody watches it any more, and reports
// whether it did.
func (t *presentities) release(p *presentity) bool {
	sh := &t.shards[t.shard(p.agent)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.idleLocked() || sh.m[p.agent] != p {
		return false
	}
	p.gone = true
	delete(sh.m, p.agent)
	return true
}

// each calls f with every presentity.
func (t *presentities) each(f func(*presentity) bool) {
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.RLock()
		all := make([]*presentity, 0, len(sh.m))
		for _, p := range sh.m {
			all = append(all, p)
		}
		sh.mu.RUnlock()
		for _, p := range all {
			if !f(p) {
				return
			}
		}
	}
}

// tags finds subscriptions by our tag.
type tags struct {
	shards [64]struct {
		mu sync.RWMutex
		m  map[uint64]*subscription // mu guards it
	}
}

func (t *tags) find(tag uint64) *subscription {
	sh := &t.shards[tag%uint64(len(t.shards))]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.m[tag]
}

func (t *tags) add(s *subscription) {
	sh := &t.shards[s.tag%uint64(len(t.shards))]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.m == nil {
		sh.m = make(map[uint64]*subscription)
	}
	sh.m[s.tag] = s
}

func (t *tags) remove(tag uint64) {
	sh := &t.shards[tag%uint64(len(t.shards))]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.m, tag)
}

// mark notes that a presentity changed and gives it to a worker.
func (n *Notifier) mark(p *presentity) {
	p.dirty.CompareAndSwap(0, time.Now().UnixNano())
	if p.queued.CompareAndSwap(false, true) {
		n.queue.Push(task{p: p})
	}
}

// markSubLocked gives a single subscription to a worker. The caller holds its
// presentity's mutex.
func (n *Notifier) markSubLocked(s *subscription) {
	if !s.queued {
		s.queued = true
		n.queue.Push(task{s: s})
	}
}
