package transaction

import (
	"bytes"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

const (
	tick  = 50 * time.Millisecond
	slots = 1024 // 51 s: longer than any timer here
)

// wheel is the client transactions: one goroutine, one timer, no matter how many
// of them. It is split into shards, each with its own lock and slots.
type wheel struct {
	t1, t2 time.Duration
	most   int64
	seed   maphash.Seed
	shards [shards]wheelShard
	open   atomic.Int64
	wake   chan struct{} // something to do after idleness
	stop   chan struct{}
	purge  func(now time.Time) int // the replay cache's; how many are left
	start0 time.Time
}

type wheelShard struct {
	mu     sync.Mutex
	m      map[uint64]*clientTx // guarded by mu; chained by clash
	slot   [slots]*clientTx     // lists by next and prev; guarded by mu
	closed bool                 // guarded by mu
}

// clientTx is one client transaction (RFC 3261 §17.1.2.2).
type clientTx struct {
	next, prev *clientTx
	clash      *clientTx // next with the same hash
	hash       uint64
	branch     string
	raw        []byte
	flow       *transport.Flow
	done       func(*message.Message, error)
	end        int64 // tick of Timer F
	interval   int32 // Timer E, in ticks
	slot       int32
	err        error // set: end with it at the next tick
}

func newWheel(t1, t2 time.Duration, most int, purge func(time.Time) int) *wheel {
	w := &wheel{t1: t1, t2: t2, most: int64(most), seed: maphash.MakeSeed(), wake: make(chan struct{}, 1), stop: make(chan struct{}), purge: purge, start0: time.Now()}
	for i := range w.shards {
		w.shards[i].m = make(map[uint64]*clientTx)
	}
	return w
}

func ticks(d time.Duration) int64 { return int64((d + tick - 1) / tick) }

func (w *wheel) now() int64 { return int64(time.Since(w.start0) / tick) }

func (w *wheel) start(f *transport.Flow, branch string, raw []byte, limit time.Duration, done func(*message.Message, error)) {
	tx := &clientTx{branch: branch, raw: raw, flow: f, done: done, hash: maphash.String(w.seed, branch)}
	now := w.now()
	tx.end = now + ticks(limit) + 1
	tx.interval = int32(ticks(w.t1))
	s := &w.shards[tx.hash%shards]
	if w.open.Add(1) > w.most {
		tx.err = ErrOverload
	}
	s.mu.Lock()
	if s.closed {
		tx.err = ErrClosed
	}
	switch {
	case errors.Is(tx.err, ErrClosed):
		s.mu.Unlock()
		w.open.Add(-1)
		go done(nil, ErrClosed)
		return
	case tx.err == nil:
		tx.clash = s.m[tx.hash]
		s.m[tx.hash] = tx
	}
	s.insertLocked(tx, now+1+int64(tx.interval))
	s.mu.Unlock()
	if tx.err == nil {
		if err := f.Send(raw); err != nil {
			w.fail(s, tx, err)
		}
	} else {
		w.fail(s, tx, tx.err)
	}
	w.kick()
}

// fail makes the transaction end at the next tick; an error that a
// retransmission may cure is left to it.
func (w *wheel) fail(s *wheelShard, tx *clientTx, err error) {
	if !tx.flow.Reliable() && !errors.Is(err, ErrFlowClosed) && !errors.Is(err, ErrOverload) && !errors.Is(err, transport.ErrTooLong) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if tx.slot < 0 { // it has ended meanwhile
		return
	}
	tx.err = err
	s.removeLocked(tx)
	s.insertLocked(tx, w.now()+1)
}

func (s *wheelShard) insertLocked(tx *clientTx, at int64) {
	tx.slot = int32(at % slots)
	head := s.slot[tx.slot]
	tx.prev, tx.next = nil, head
	if head != nil {
		head.prev = tx
	}
	s.slot[tx.slot] = tx
}

func (s *wheelShard) removeLocked(tx *clientTx) {
	if tx.prev != nil {
		tx.prev.next = tx.next
	} else {
		s.slot[tx.slot] = tx.next
	}
	if tx.next != nil {
		tx.next.prev = tx.prev
	}
	tx.next, tx.prev, tx.slot = nil, nil, -1
}

func (s *wheelShard) forgetLocked(tx *clientTx) {
	for p := s.m[tx.hash]; p != nil; p = p.clash {
		if p == tx {
			if tx.clash == nil {
				delete(s.m, tx.hash)
			} else {
				s.m[tx.hash] = tx.clash
			}
			return
		}
		if p.clash == tx {
			p.clash = tx.clash
			return
		}
	}
}

// response matches by branch and CSeq method (RFC 3261 §17.1.3).
func (w *wheel) response(branch, method string, m *message.Message) bool {
	hash := maphash.String(w.seed, branch)
	s := &w.shards[hash%shards]
	s.mu.Lock()
	tx := s.m[hash]
	for tx != nil && (tx.branch != branch || !tx.is(method)) {
		tx = tx.clash
	}
	if tx == nil {
		s.mu.Unlock()
		return false
	}
	if m.Status < 200 {
		// Proceeding: retransmissions go on, T2 apart.
		tx.interval = int32(ticks(w.t2))
		s.mu.Unlock()
		return true
	}
	s.removeLocked(tx)
	s.forgetLocked(tx)
	s.mu.Unlock()
	w.open.Add(-1)
	tx.done(m, nil)
	return true
}

func (tx *clientTx) is(method string) bool {
	return len(tx.raw) > len(method) && string(tx.raw[:len(method)]) == method && bytes.IndexByte(tx.raw[len(method):len(method)+1], ' ') == 0
}

// kick starts the clock if it stands still.
func (w *wheel) kick() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run turns the wheel while there is anything on it, until close.
func (w *wheel) run() {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	last, purged := w.now(), time.Now()
	for {
		select {
		case <-w.stop:
			return
		case <-timer.C:
		}
		now := w.now()
		for ; last < now; last++ {
			w.turn(last + 1)
		}
		left := 1
		if at := time.Now(); at.Sub(purged) >= time.Second {
			left, purged = w.purge(at), at
		}
		if left == 0 && w.open.Load() == 0 {
			select {
			case <-w.wake:
				last = w.now()
			case <-w.stop:
				return
			}
		}
		timer.Reset(tick)
	}
}

// turn deals with one tick: Timer E sends again, Timer F ends. What it finds is
// done outside the lock.
func (w *wheel) turn(now int64) {
	for i := range w.shards {
		s := &w.shards[i]
		var ended *clientTx
		var again []*clientTx
		s.mu.Lock()
		tx := s.slot[now%slots]
		s.slot[now%slots] = nil
		for tx != nil {
			next := tx.next
			tx.next, tx.prev, tx.slot = nil, nil, -1
			if w.overLocked(tx, now) {
				s.forgetLocked(tx)
				tx.next, ended = ended, tx
			} else {
				if !tx.flow.Reliable() {
					again = append(again, tx)
					tx.interval = min(2*tx.interval, int32(ticks(w.t2)))
				}
				s.insertLocked(tx, min(now+int64(tx.interval), max(tx.end, now+1)))
			}
			tx = next
		}
		s.mu.Unlock()
		for _, tx := range again {
			if err := tx.flow.Send(tx.raw); err != nil {
				w.fail(s, tx, err)
			}
		}
		w.endAll(ended)
	}
}

// overLocked decides whether a transaction ends now, and why.
func (w *wheel) overLocked(tx *clientTx, now int64) bool {
	if tx.err != nil {
		return true
	}
	select {
	case <-tx.flow.Done():
		tx.err = ErrFlowClosed
		return true
	default:
	}
	if now >= tx.end {
		tx.err = ErrTimeout
	}
	return tx.err != nil
}

// endAll tells the owners of a list of transactions why they ended.
func (w *wheel) endAll(tx *clientTx) {
	for tx != nil {
		next := tx.next
		tx.next = nil
		w.open.Add(-1)
		tx.done(nil, tx.err)
		tx = next
	}
}

// close ends all transactions and the clock.
func (w *wheel) close() {
	close(w.stop)
	for i := range w.shards {
		s := &w.shards[i]
		var ended *clientTx
		s.mu.Lock()
		s.closed = true
		for at := range s.slot {
			for tx := s.slot[at]; tx != nil; {
				next := tx.next
				tx.err, tx.prev, tx.slot = ErrClosed, nil, -1
				tx.next, ended = ended, tx
				tx = next
			}
			s.slot[at] = nil
		}
		clear(s.m)
		s.mu.Unlock()
		w.endAll(ended)
	}
}
