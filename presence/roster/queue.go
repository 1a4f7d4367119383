package roster

import (
	"sync"

	"lamplight/presence"
)

type itemKind uint8

const (
	itemChange    itemKind = iota
	itemCommitted          // the store answered to a change
	itemAgent              // the directory changed, made or deleted the agent
	itemDomain             // the directory changed the domain
	itemDevice             // a device may be no longer the agent's
	itemDeleted            // devices were deleted
	itemOpened             // a bare address was opened
)

// item is what a shard is asked to do.
type item struct {
	kind   itemKind
	id     presence.AgentID
	change Change
	done   func(*presence.Snapshot, error)

	actor   *actor   // of itemCommitted
	applied *applied // of itemCommitted
	err     error    // of itemCommitted
	domain  presence.DomainID
	device  presence.DeviceID
	devices map[presence.DeviceID]bool // of itemDeleted
}

// queue is what waits for a shard, in order. Changes are bounded; what comes
// from within (answers of the store, edits of the directory) is not refused,
// since its own source bounds it.
type queue struct {
	limit int
	wake  chan struct{} // capacity 1: there is something to do

	mu      sync.Mutex
	items   []item // guarded by mu
	changes int    // guarded by mu; how many of items are changes
	closed  bool   // guarded by mu
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1)}
}

// push queues a change; one that only ends facts has twice the room.
func (q *queue) push(it item, ends bool) error {
	limit := q.limit
	if ends {
		limit *= 2
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	if q.changes >= limit {
		q.mu.Unlock()
		return ErrBusy
	}
	q.changes++
	q.items = append(q.items, it)
	q.mu.Unlock()
	q.signal()
	return nil
}

// notify queues what comes from within. A closed queue takes the store's answers
// alone.
func (q *queue) notify(it item) {
	q.mu.Lock()
	if q.closed && it.kind != itemCommitted {
		q.mu.Unlock()
		return
	}
	q.items = append(q.items, it)
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take hands over all that waits, and gives the queue an empty slice to go on
// with.
func (q *queue) take(empty []item) (items []item, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return empty, q.closed
	}
	items, q.items, q.changes = q.items, empty, 0
	return items, q.closed
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.changes
}

// state is ErrClosed, ErrBusy or nil.
func (q *queue) state() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case q.changes >= q.limit:
		return ErrBusy
	}
	return nil
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}
