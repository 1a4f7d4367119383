package digest

import (
	"sync"
	"time"
)

// windows remembers which counts of which nonces were taken, in bounded memory.
//
// Each shard keeps two generations of nonces: one being filled and the one
// before it. A nonce that is used moves to the newer. When the newer is full,
// or as old as a nonce may get, the older is dropped and everything issued up
// to the newest of what was dropped is from then on stale unless it is still
// known.
type windows struct {
	shards [windowShards]windowShard
	room   int           // nonces in one generation of a shard
	life   time.Duration // of a nonce
	start  int64         // when this process began to remember, Unix milliseconds
}

const windowShards = 16

type windowShard struct {
	mu       sync.Mutex
	now, old map[nonceID]window // mu
	born     time.Time          // mu; when now began
	lost     int64              // mu; newest issue time of what was forgotten
	newest   [2]int64           // mu; newest issue time in now and old
}

// window is the highest count taken and, as bits, which of the 64 below it.
type window struct {
	high uint32
	seen uint64 // bit i: high-i was taken
}

func newWindows(nonces int, life time.Duration, start time.Time) *windows {
	w := &windows{room: max(1, nonces/2/windowShards), life: life, start: start.UnixMilli()}
	for i := range w.shards {
		w.shards[i].now = make(map[nonceID]window)
	}
	return w
}

// take marks the count as taken, or reports that it was, may have been, or is
// too far behind to tell.
func (w *windows) take(n nonceID, count uint32, now time.Time) bool {
	// The random part of a nonce spreads them evenly.
	s := &w.shards[n[nonceBody-1]%windowShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	win, known := s.now[n]
	if !known {
		if win, known = s.old[n]; !known && n.issued() <= s.lost {
			return false
		}
		w.makeRoomLocked(s, now)
		s.newest[0] = max(s.newest[0], n.issued())
	}
	ok := win.take(count)
	if !known && n.issued() < w.start {
		win.seen = ^uint64(0) // what came before the start cannot be told apart
	}
	s.now[n] = win
	return ok
}

func (w *windows) makeRoomLocked(s *windowShard, now time.Time) {
	if s.born.IsZero() {
		s.born = now
	}
	if len(s.now) < w.room && now.Sub(s.born) < w.life {
		return
	}
	if len(s.old) > 0 {
		s.lost = max(s.lost, s.newest[1])
	}
	s.old, s.now = s.now, make(map[nonceID]window)
	s.newest = [2]int64{0, s.newest[0]}
	s.born = now
}

func (w *window) take(count uint32) bool {
	switch {
	case count > w.high:
		if d := count - w.high; d < 64 && w.high > 0 {
			w.seen = w.seen<<d | 1
		} else {
			w.seen = 1
		}
		w.high = count
		return true
	case w.high-count >= 64:
		return false
	}
	bit := uint64(1) << (w.high - count)
	if w.seen&bit != 0 {
		return false
	}
	w.seen |= bit
	return true
}
