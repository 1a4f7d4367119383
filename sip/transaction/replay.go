package transaction

import (
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

const shards = 16

// key is a transaction key, hashed under two secret seeds: no peer can make two
// of them collide, and no message stays in memory for its branch's sake.
type key struct{ a, b uint64 }

func (k key) zero() bool { return k == key{} }

// replayCache is the non-INVITE server transactions over UDP (RFC 3261 §17.2.2):
// trying (no reply yet) or done (the reply's bytes), for life after the reply; and
// the INVITEs that are settled, for as long.
type replayCache struct {
	most   int // entries of one shard
	bytes  int // of the replies of one shard
	life   time.Duration
	seeds  [2]maphash.Seed
	shards [shards]replayShard
}

type replayShard struct {
	mu    sync.Mutex
	m     map[key]*replayEntry // guarded by mu
	order []queued             // oldest first, from head on; guarded by mu
	head  int                  // guarded by mu
	bytes int                  // of all replies; guarded by mu
}

type queued struct {
	k key
	e *replayEntry
}

type replayEntry struct {
	at    time.Time // of the request, then of the final reply
	reply []byte    // the last response; nil: none yet
	to    *transport.Flow
	// refused: it is an INVITE that was, not one that was accepted.
	refused bool
}

func newReplayCache(most, bytes int, life time.Duration) *replayCache {
	c := &replayCache{most: max(most/shards, 1), bytes: bytes / shards, life: life, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for i := range c.shards {
		c.shards[i].m = make(map[key]*replayEntry)
	}
	return c
}

// key makes the server transaction key of a request.
func (c *replayCache) key(m *message.Message) key { return c.keyOf(m, m.Method) }

// keyOf is the key of the request of that method which m belongs to: an INVITE's
// ACK and CANCEL have its branch.
func (c *replayCache) keyOf(m *message.Message, method string) key {
	var room [256]byte
	b := appendKey(room[:0], m, method)
	return key{maphash.Bytes(c.seeds[0], b), maphash.Bytes(c.seeds[1], b) | 1} // never the zero key
}

// appendKey appends a server transaction key (RFC 3261 §17.2.3): branch, sent-by
// and method; without the magic cookie what RFC 2543 peers keep the same. Parts
// end with NUL, which no message can hold there.
func appendKey(b []byte, m *message.Message, method string) []byte {
	via, _ := m.TopVia()
	if strings.HasPrefix(via.Branch, message.Cookie) {
		b = append(append(b, via.Branch...), 0)
		b = append(append(b, lower(via.Host)...), 0)
		b = append(strconv.AppendInt(b, int64(via.Port), 10), 0)
		return append(b, method...)
	}
	seq, _ := m.CSeq()
	for _, part := range [...]string{m.URI, m.FromTag(), m.CallID(), method, m.Get(message.Via)} {
		b = append(append(b, part...), 0)
	}
	return strconv.AppendUint(b, uint64(seq), 10)
}

func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

// begin enters a request. If it is known already, it returns the reply to
// repeat, nil while there is none.
func (c *replayCache) begin(k key, now time.Time) (reply []byte, to *transport.Flow, known bool) {
	s := &c.shards[k.a%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.m[k]; e != nil && now.Sub(e.at) < c.life {
		return e.reply, e.to, true
	}
	s.expireLocked(now.Add(-c.life), c.most-1)
	if old := s.m[k]; old != nil { // expired, behind one that is not
		s.bytes -= cap(old.reply)
	}
	e := &replayEntry{at: now}
	s.m[k] = e
	s.order = append(s.order, queued{k, e})
	return nil, nil, false
}

// answer notes the response to repeat.
func (c *replayCache) answer(k key, raw []byte, to *transport.Flow, final bool) {
	s := &c.shards[k.a%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.m[k]; e != nil {
		s.bytes += cap(raw) - cap(e.reply)
		e.reply, e.to = raw, to
		if final {
			e.at = time.Now()
		}
		// A reply repeats what the request said: large ones must not fill memory.
		for s.bytes > c.bytes && s.head < len(s.order) {
			s.dropOldestLocked()
		}
	}
}

// settle enters an INVITE that has its final response.
func (c *replayCache) settle(k key, now time.Time, refused bool) {
	c.begin(k, now)
	if !refused {
		return
	}
	s := &c.shards[k.a%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.m[k]; e != nil {
		e.refused = true
	}
}

// settled reports whether an INVITE is remembered that has its final response.
func (c *replayCache) settled(k key, now time.Time) (known, refused bool) {
	s := &c.shards[k.a%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.m[k]
	if e == nil || now.Sub(e.at) >= c.life {
		return false, false
	}
	return true, e.refused
}

func (s *replayShard) dropOldestLocked() {
	q := s.order[s.head]
	if s.m[q.k] == q.e {
		delete(s.m, q.k)
		s.bytes -= cap(q.e.reply)
	}
	s.order[s.head] = queued{}
	s.head++
}

// expireLocked forgets what is older than before, and the oldest beyond most.
// Entries stand in the order of their requests, so one answered late may keep a
// few younger ones a little longer.
func (s *replayShard) expireLocked(before time.Time, most int) {
	for s.head < len(s.order) {
		q := s.order[s.head]
		if !q.e.at.Before(before) && len(s.m) <= most {
			break
		}
		s.dropOldestLocked()
	}
	if s.head > len(s.order)/2 && s.head > 64 || s.head == len(s.order) {
		n := copy(s.order, s.order[s.head:])
		clear(s.order[n:])
		s.order, s.head = s.order[:n], 0
		if n == 0 && cap(s.order) > 1024 {
			s.order = nil
		}
	}
}

// purge forgets what has expired and returns how many are left.
func (c *replayCache) purge(now time.Time) int {
	left := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.expireLocked(now.Add(-c.life), c.most)
		left += len(s.m)
		s.mu.Unlock()
	}
	return left
}

func (c *replayCache) len() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}
