package transport

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const tableShards = 16

// flowTable remembers UDP peers, a bounded number of them. Forgetting one is
// harmless: it is made anew when the peer is next heard of or sent to.
type flowTable struct {
	layer  *Layer
	most   int // per shard
	seed   maphash.Seed
	shards [tableShards]flowShard
}

type flowKey struct {
	packets *packetListener
	remote  netip.AddrPort
}

type flowShard struct {
	mu sync.RWMutex
	m  map[flowKey]*Flow // guarded by mu
}

func newFlowTable(l *Layer) *flowTable {
	t := &flowTable{layer: l, most: max(l.limits.Flows/tableShards, 1), seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].m = make(map[flowKey]*Flow)
	}
	return t
}

func (t *flowTable) shard(k netip.AddrPort) *flowShard {
	return &t.shards[maphash.Comparable(t.seed, k)%tableShards]
}

// find returns the flow if it is remembered.
func (t *flowTable) find(p *packetListener, remote netip.AddrPort) *Flow {
	s := t.shard(remote)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[flowKey{p, remote}]
}

// get returns the flow, made if need be. It says nothing of the peer: who heard it
// notes that.
func (t *flowTable) get(p *packetListener, remote netip.AddrPort, now time.Time) *Flow {
	if f := t.find(p, remote); f != nil {
		return f
	}
	s, k := t.shard(remote), flowKey{p, remote}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.m[k]
	if f == nil {
		if len(s.m) >= t.most {
			s.evictLocked()
		}
		f = &Flow{layer: t.layer, transport: UDP, remote: remote, local: p.local, since: now, packets: p}
		f.seen.Store(now.UnixNano()) // or it would be forgotten at once
		s.m[k] = f
	}
	return f
}

// evictLocked makes room: of a few flows picked at random, the longest silent
// one goes. That is as good as a true LRU list here, and costs no lock on reads.
func (s *flowShard) evictLocked() {
	var old *Flow
	left := 8
	for _, f := range s.m {
		if old == nil || f.seen.Load() < old.seen.Load() {
			old = f
		}
		if left--; left == 0 {
			break
		}
	}
	delete(s.m, flowKey{old.packets, old.remote})
}

func (t *flowTable) drop(f *Flow) {
	s := t.shard(f.remote)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, flowKey{f.packets, f.remote})
}

// purge forgets who has been silent since before that time, and all of a
// listener that ended.
func (t *flowTable) purge(before time.Time, ended *packetListener) {
	limit := before.UnixNano()
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for k, f := range s.m {
			if f.seen.Load() < limit || k.packets == ended {
				delete(s.m, k)
			}
		}
		s.mu.Unlock()
	}
}

func (t *flowTable) len() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.m)
		s.mu.RUnlock()
	}
	return n
}

func (t *flowTable) visit(f func(FlowInfo)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		for _, flow := range s.m {
			f(flow.info())
		}
		s.mu.RUnlock()
	}
}
