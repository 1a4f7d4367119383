package queue_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/store"
	"lamplight/store/internal/queue"
)

func later(rows int) queue.Item {
	it := item("later", rows)
	it.Later = true
	return it
}

func put(t *testing.T, q *queue.Queue, items ...queue.Item) {
	t.Helper()
	for _, it := range items {
		if err := q.Put(it); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHeld: only what nobody waits for is held back, and never for longer than it may be.
func TestHeld(t *testing.T) {
	const limit = 20
	for name, tc := range map[string]struct {
		fill func(*testing.T, *queue.Queue)
		want time.Duration
	}{
		"empty":                   {func(*testing.T, *queue.Queue) {}, 0},
		"waited for":              {func(t *testing.T, q *queue.Queue) { put(t, q, item("now", 1)) }, 0},
		"nobody waits":            {func(t *testing.T, q *queue.Queue) { put(t, q, later(1)) }, store.HoldBack},
		"somebody waits behind":   {func(t *testing.T, q *queue.Queue) { put(t, q, later(1), item("now", 1)) }, 0},
		"somebody waits in front": {func(t *testing.T, q *queue.Queue) { put(t, q, item("now", 1), later(1)) }, 0},
		"counted from the first": {func(t *testing.T, q *queue.Queue) {
			put(t, q, later(1))
			time.Sleep(store.HoldBack / 4)
			put(t, q, later(1))
		}, store.HoldBack * 3 / 4},
		"over": {func(t *testing.T, q *queue.Queue) {
			put(t, q, later(1))
			time.Sleep(2 * store.HoldBack)
		}, 0},
		"half full": {func(t *testing.T, q *queue.Queue) { put(t, q, later(limit/2), later(1)) }, 0},
		"closed":    {func(t *testing.T, q *queue.Queue) { put(t, q, later(1)); q.Close() }, 0},
		"the one waited for is taken": {func(t *testing.T, q *queue.Queue) {
			put(t, q, item("now", 1), later(1))
			q.Take(nil, 1)
		}, store.HoldBack},
		"counted anew": {func(t *testing.T, q *queue.Queue) {
			put(t, q, later(1))
			time.Sleep(store.HoldBack)
			q.Take(nil, 1)
			put(t, q, later(1))
		}, store.HoldBack},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := queue.New(limit)
				tc.fill(t, q)
				if got := q.Held(); got != tc.want {
					t.Errorf("held for %v, want %v", got, tc.want)
				}
			})
		})
	}
}

// TestHeldWakes: the consumer hears of what comes first, and of what cannot wait.
func TestHeldWakes(t *testing.T) {
	q := queue.New(20)
	woken := func() bool {
		select {
		case <-q.Wake():
			return true
		default:
			return false
		}
	}
	for i, step := range []struct {
		item queue.Item
		want bool
	}{{later(1), true}, {later(1), false}, {item("now", 1), true}, {later(8), true}} {
		put(t, q, step.item)
		if got := woken(); got != step.want {
			t.Errorf("step %d: woken %v, want %v", i, got, step.want)
		}
	}
}
