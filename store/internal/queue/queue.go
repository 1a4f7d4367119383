// Package queue is the bounded line of batches in front of an engine's writer.
//
// Batches leave in the order they came. The bound counts rows (writes and log
// entries), not batches, because rows are what costs memory and time; rows stay
// counted until the writer releases them, that is, while their commit runs. A
// batch larger than the whole bound is let in when it is alone.
//
// A batch that nobody waits for (store.Batch.Later) may wait for company: Held says
// how long still.
package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"lamplight/store"
)

// Item is one batch and whom to tell.
type Item struct {
	store.Batch
	Done func(error) // may be nil
}

// Rows is what the item counts against the bound.
func (it Item) Rows() int { return max(1, len(it.Writes)+len(it.Log)) }

// Tell calls Done, if there is one.
func (it Item) Tell(err error) {
	if it.Done != nil {
		it.Done(err)
	}
}

// Queue is safe for concurrent producers and one consumer.
type Queue struct {
	limit int
	wake  chan struct{} // capacity 1: something changed since the last Take

	mu     sync.Mutex
	items  []Item    // guarded by mu; waiting, oldest at head
	head   int       // guarded by mu
	rows   int       // guarded by mu; waiting and taken but not released
	closed bool      // guarded by mu
	hurry  int       // guarded by mu; how many of those waiting are waited for
	since  time.Time // guarded by mu; when the first of the others came
}

// New makes a queue bounded to limit rows.
func New(limit int) *Queue {
	return &Queue{limit: limit, wake: make(chan struct{}, 1)}
}

// Put appends an item, or answers store.ErrFull, store.ErrTooLarge or
// store.ErrClosed.
func (q *Queue) Put(it Item) error {
	if tooLarge(it.Batch) {
		return store.ErrTooLarge
	}
	n := it.Rows()
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return store.ErrClosed
	case q.rows > 0 && q.rows+n > q.limit:
		return store.ErrFull
	}
	q.rows += n
	q.items = append(q.items, it)
	switch {
	case !it.Later:
		q.hurry++
	case len(q.items)-q.head == q.hurry+1: // the first that may wait
		q.since = time.Now()
	case q.rows <= q.limit/2: // the consumer knows already
		return nil
	}
	q.signal()
	return nil
}

// Submit is Store.Submit on the queue: a refusal is told before it returns. The
// error is what was told, for the engine's counters.
func (q *Queue) Submit(b store.Batch, done func(error)) error {
	it := Item{Batch: b, Done: done}
	err := q.Put(it)
	if err != nil {
		it.Tell(err)
	}
	return err
}

// Commit is Store.Commit by way of submit.
func Commit(ctx context.Context, b store.Batch, submit func(store.Batch, func(error))) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	got := make(chan error, 1)
	submit(b, func(err error) { got <- err })
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Take appends to dst the oldest items, as many as have together at most rows
// rows, but at least one if one waits. closed is true once the queue is closed
// and nothing is left.
func (q *Queue) Take(dst []Item, rows int) (taken []Item, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := len(dst)
	for q.head < len(q.items) {
		n := q.items[q.head].Rows()
		if len(dst) > first && n > rows {
			break
		}
		rows -= n
		dst = append(dst, q.items[q.head])
		if !q.items[q.head].Later {
			q.hurry--
		}
		q.items[q.head] = Item{}
		q.head++
	}
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return dst, q.closed && len(q.items) == 0 && len(dst) == first
}

// Held is for how long what waits may go on waiting, so that more shares its
// commit: not at all if somebody waits for any of it, if half of the bound is
// reached, or if the queue is closed.
func (q *Queue) Held() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.items) || q.hurry > 0 || q.closed || q.rows > q.limit/2 {
		return 0
	}
	return max(0, store.HoldBack-time.Since(q.since))
}

// Release gives back the rows of items that were taken.
func (q *Queue) Release(items []Item) {
	n := 0
	for _, it := range items {
		n += it.Rows()
	}
	q.mu.Lock()
	q.rows -= n
	q.mu.Unlock()
}

// Wake receives after something was put or the queue was closed.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Rows is how many rows wait or are being committed.
func (q *Queue) Rows() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rows
}

// Close refuses further items; those waiting are still taken.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func tooLarge(b store.Batch) bool {
	for i := range b.Writes {
		if len(b.Writes[i].Data) > store.MaxData {
			return true
		}
	}
	for i := range b.Log {
		if len(b.Log[i].Before)+len(b.Log[i].After) > store.MaxData {
			return true
		}
	}
	return false
}

// Failing reports whether err means that the medium failed, rather than that
// the batch was refused or in conflict.
func Failing(err error) bool {
	return err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrClosed) &&
		!errors.Is(err, store.ErrFull) && !errors.Is(err, store.ErrTooLarge)
}
