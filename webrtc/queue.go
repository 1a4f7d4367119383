package webrtc

import "sync"

// queue lets a bounded number of test calls run and a bounded number wait, in
// order. Its lock is taken last of all.
type queue struct {
	mu    sync.Mutex
	free  int
	limit int
	line  []*place // guarded by mu
}

// place is one in the queue; once ready it holds a slot. leave gives either
// back, once.
type place struct {
	q     *queue
	nudge func() // called when the slot is free
	slot  bool   // guarded by q.mu
	left  bool   // guarded by q.mu
}

func newQueue(slots, waiting int) *queue { return &queue{free: slots, limit: waiting} }

// enter queues up, or returns false if too many wait.
func (q *queue) enter(nudge func()) (*place, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := &place{q: q, nudge: nudge}
	if q.free > 0 {
		q.free--
		p.slot = true
		return p, true
	}
	if len(q.line) >= q.limit {
		return nil, false
	}
	q.line = append(q.line, p)
	return p, true
}

func (p *place) ready() bool {
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	return p.slot && !p.left
}

func (p *place) leave() {
	q := p.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	if !p.slot {
		for i, o := range q.line {
			if o == p {
				q.line = append(q.line[:i], q.line[i+1:]...)
				return
			}
		}
		return
	}
	if len(q.line) == 0 {
		q.free++
		return
	}
	next := q.line[0]
	q.line = q.line[1:]
	next.slot = true
	next.nudge()
}

// waiting is how many are in line.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.line)
}
