package worklist

import (
	"slices"
	"sync"
	"testing"
)

func TestOrderOfOneWorker(t *testing.T) {
	l := New[int]()
	var want, got []int
	for i := range 1000 { // more than the ring begins with
		l.Push(i)
		want = append(want, i)
	}
	if d := l.Depth(); d != 1000 {
		t.Errorf("depth %d", d)
	}
	l.Close()
	l.Work(func(i int) {
		got = append(got, i)
		if i == 500 {
			l.Push(-1) // from within a task, after Close: still done
		}
	})
	if want = append(want, -1); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if d := l.Depth(); d != 0 {
		t.Errorf("depth %d at the end", d)
	}
}

func TestEachTaskOnce(t *testing.T) {
	l := New[int]()
	var mu sync.Mutex
	seen := map[int]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			l.Work(func(i int) {
				mu.Lock()
				seen[i]++
				mu.Unlock()
			})
		})
	}
	for i := range 5000 {
		l.Push(i)
	}
	l.Close()
	wg.Wait()
	for i := range 5000 {
		if seen[i] != 1 {
			t.Fatalf("task %d done %d times", i, seen[i])
		}
	}
}
