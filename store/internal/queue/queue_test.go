package queue_test

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"lamplight/store"
	"lamplight/store/internal/queue"
)

func item(name string, rows int) queue.Item {
	it := queue.Item{}
	for range rows {
		it.Log = append(it.Log, store.Entry{Entity: name})
	}
	return it
}

// TestQueue compares the queue with a slice.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 20
		q := queue.New(limit)
		var waiting, taken []queue.Item
		rows := 0
		for n := range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				it := item(fmt.Sprint(n), rapid.IntRange(1, 30).Draw(t, "rows"))
				want := rows == 0 || rows+it.Rows() <= limit
				if err := q.Put(it); (err == nil) != want || err != nil && !errors.Is(err, store.ErrFull) {
					t.Fatalf("put %d rows to %d: %v", it.Rows(), rows, err)
				}
				if want {
					waiting = append(waiting, it)
					rows += it.Rows()
				}
			case 2:
				room := rapid.IntRange(1, 10).Draw(t, "room")
				got, closed := q.Take(nil, room)
				if closed {
					t.Fatal("closed")
				}
				sum := 0
				for i, it := range got {
					sum += it.Rows()
					if it.Log[0].Entity != waiting[i].Log[0].Entity {
						t.Fatalf("took %s, want %s", it.Log[0].Entity, waiting[i].Log[0].Entity)
					}
				}
				if sum > room && len(got) > 1 || len(got) == 0 && len(waiting) > 0 {
					t.Fatalf("took %d items of %d rows with room for %d", len(got), sum, room)
				}
				waiting = waiting[len(got):]
				if len(waiting) > 0 && sum+waiting[0].Rows() <= room {
					t.Fatal("left what had room")
				}
				taken = append(taken, got...)
			case 3:
				q.Release(taken)
				for _, it := range taken {
					rows -= it.Rows()
				}
				taken = nil
			}
			if q.Rows() != rows {
				t.Fatalf("counts %d rows, want %d", q.Rows(), rows)
			}
		}
		q.Close()
		if err := q.Put(item("late", 1)); !errors.Is(err, store.ErrClosed) {
			t.Fatalf("put after close: %v", err)
		}
		for range waiting {
			if got, closed := q.Take(nil, 1); closed || len(got) != 1 {
				t.Fatal("what waited was lost by closing")
			}
		}
		if _, closed := q.Take(nil, 1); !closed {
			t.Fatal("not closed when empty")
		}
	})
}
