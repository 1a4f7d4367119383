package sqlite_test

import (
	"sync/atomic"
	"testing"
	"time"

	"lamplight/store"
	"lamplight/store/sqlite"
)

// What nobody waits for shares the commit of what comes next, and is told of first;
// alone it is held back, and committed then.
func TestLaterSharesTheNextCommit(t *testing.T) {
	var commits atomic.Int32
	s := open(t, sqlite.WithBeforeCommit(sqlite.Options{Dir: t.TempDir(), PurgeEvery: -1}, func() error {
		commits.Add(1)
		return nil
	}))
	defer s.Close()
	later := store.Batch{Later: true, Writes: []store.Write{store.Put(one("later"))}}
	shared := false
	for range 100 { // until one of them is not held up by the machine
		var told atomic.Bool
		before, began := commits.Load(), time.Now()
		s.Submit(later, func(error) { told.Store(true) })
		if err := s.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Put(one("now"))}}); err != nil {
			t.Fatal(err)
		}
		if !told.Load() {
			t.Fatal("what came first was told of last")
		}
		if time.Since(began) < store.HoldBack {
			if n := commits.Load() - before; n != 1 {
				t.Fatalf("%d commits, want 1", n)
			}
			shared = true
			break
		}
	}
	if !shared {
		t.Error("no commit within the time that a batch is held back")
	}
	done, began := make(chan error, 1), time.Now()
	s.Submit(later, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < store.HoldBack {
		t.Errorf("alone it was committed after %v, before anything could join it", took)
	}
}
