package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"lamplight/store"
)

func conditions(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, writes(put("there", "1", 0)))
	commit(t, s, writes(put("was", "1", 0)))
	was := get(t, s, "was").Rev
	commit(t, s, writes(store.Delete(key("was"))))
	old := get(t, s, "there").Rev
	commit(t, s, writes(put("there", "2", old)))
	rev := get(t, s, "there").Rev

	del := func(k string, rev uint64) store.Write {
		w := store.Delete(key(k))
		w.If = rev
		return w
	}
	for name, c := range map[string]struct {
		w    store.Write
		want error
	}{
		"create what is there":        {put("there", "x", 0), store.ErrConflict},
		"write at an old revision":    {put("there", "x", old), store.ErrConflict},
		"write at a future revision":  {put("there", "x", rev+1), store.ErrConflict},
		"write what was never":        {put("never", "x", 1), store.ErrConflict},
		"write what was deleted":      {put("was", "x", was), store.ErrConflict},
		"delete at an old revision":   {del("there", old), store.ErrConflict},
		"delete what must not exist":  {del("there", 0), store.ErrConflict},
		"delete what is not, if not":  {del("never", 0), nil},
		"delete what is not, anyway":  {store.Delete(key("never")), nil},
		"delete what is not, at one":  {del("never", 1), store.ErrConflict},
		"write without a condition":   {put("free", "x", store.Any), nil},
		"create again what was there": {put("was", "x", 0), nil},
	} {
		if err := s.Commit(t.Context(), writes(c.w)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if r := get(t, s, "there"); string(r.Data) != "2" || r.Rev != rev {
		t.Fatalf("conflicts changed the record to %+v", r)
	}
	commit(t, s, writes(del("there", rev)))
	gone(t, s, "there")
}

func conflictWritesNothing(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, writes(put("a", "1", 0), put("d", "1", 0)))
	b := store.Batch{
		Writes: []store.Write{put("b", "2", 0), store.Delete(key("d")), put("a", "2", 0), put("c", "2", 0)},
		Log:    []store.Entry{{Domain: "d1", Kind: "status", Entity: "a"}},
	}
	wantErr(t, s.Commit(t.Context(), b), store.ErrConflict)
	check := func(s store.Store) {
		t.Helper()
		gone(t, s, "b")
		gone(t, s, "c")
		if a, d := get(t, s, "a"), get(t, s, "d"); string(a.Data) != "1" || string(d.Data) != "1" {
			t.Fatalf("a is %q, d is %q, want 1", a.Data, d.Data)
		}
		if es := logged(t, s, store.LogQuery{}); len(es) != 0 {
			t.Fatalf("log has %+v", es)
		}
	}
	check(s)
	check(reopen(t, m, s))
}

// conflictLeavesOthers puts batches in one group, behind one that is slow to be
// told, of which some conflict.
func conflictLeavesOthers(t *testing.T, m Medium) {
	s := open(t, m)
	release := stall(s)
	const n = 20
	got := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		w := put(fmt.Sprint(i), "x", 0)
		if i%3 == 1 {
			w = put("never", "x", 99)
		}
		wg.Add(1)
		s.Submit(store.Batch{Writes: []store.Write{w}, Log: []store.Entry{{Entity: fmt.Sprint(i)}}},
			func(err error) { got[i] = err; wg.Done() })
	}
	release()
	wg.Wait()
	es := logged(t, s, store.LogQuery{})
	for i := range n {
		if i%3 == 1 {
			wantErr(t, got[i], store.ErrConflict)
			continue
		}
		if got[i] != nil {
			t.Fatalf("batch %d: %v", i, got[i])
		}
		get(t, s, fmt.Sprint(i))
		if len(es) == 0 || es[0].Entity != fmt.Sprint(i) {
			t.Fatalf("log goes on with %+v, want entity %d", es, i)
		}
		es = es[1:]
	}
}

// stall holds the writer in a done function until release is called.
func stall(s store.Store) (release func()) {
	held, hold := make(chan struct{}), make(chan struct{})
	s.Submit(writes(put("stall", "", store.Any)), func(error) {
		close(held)
		<-hold
	})
	<-held
	return func() { close(hold) }
}

func conditionsBeforeWrites(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, writes(put("a", "1", 0), put("a", "2", 0)))
	if r := get(t, s, "a"); string(r.Data) != "2" {
		t.Fatalf("data %q, want that of the later write", r.Data)
	}
	rev := get(t, s, "a").Rev
	commit(t, s, writes(store.Delete(key("a")), put("a", "3", rev)))
	if r := get(t, s, "a"); string(r.Data) != "3" || r.Rev <= rev {
		t.Fatalf("record %+v after delete and write in one batch", r)
	}
}

func doneInOrder(t *testing.T, m Medium) {
	s := open(t, m)
	const producers, each = 8, 200
	var mu sync.Mutex
	seen := make([][]int, producers)
	var wg sync.WaitGroup
	wg.Add(producers * each)
	for p := range producers {
		go func() {
			for i := range each {
				b := store.Batch{
					Writes: []store.Write{put(fmt.Sprintf("p%d", p), fmt.Sprint(i), store.Any)},
					Log:    []store.Entry{{Entity: fmt.Sprintf("p%d", p), After: fmt.Append(nil, i)}},
					Later:  (i+p)%3 == 0, // which changes no order
				}
				s.Submit(b, func(err error) {
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						seen[p] = append(seen[p], i)
					}
					wg.Done()
				})
			}
		}()
	}
	wg.Wait()
	for p := range producers {
		es := logged(t, s, store.LogQuery{Entity: fmt.Sprintf("p%d", p)})
		if len(seen[p]) != each || len(es) != each {
			t.Fatalf("producer %d: %d told, %d logged, want %d", p, len(seen[p]), len(es), each)
		}
		for i := range each {
			if seen[p][i] != i || string(es[i].After) != fmt.Sprint(i) {
				t.Fatalf("producer %d: place %d told %d, logged %s", p, i, seen[p][i], es[i].After)
			}
		}
		if r := get(t, s, fmt.Sprintf("p%d", p)); string(r.Data) != fmt.Sprint(each-1) {
			t.Fatalf("producer %d: last write is %s", p, r.Data)
		}
	}
}

func doneMaySubmit(t *testing.T, m Medium) {
	s := open(t, m)
	end := make(chan error)
	s.Submit(writes(put("a", "1", 0)), func(err error) {
		if err != nil {
			go func() { end <- err }()
			return
		}
		s.Submit(writes(put("b", "1", 0)), func(err error) { go func() { end <- err }() })
	})
	if err, _ := receive(t, end); err != nil {
		t.Fatal(err)
	}
	get(t, s, "b")
}

func doneIsOptional(t *testing.T, m Medium) {
	s := open(t, m)
	s.Submit(writes(put("a", "1", 0)), nil)
	s.Submit(writes(put("a", "2", 0)), nil)
	commit(t, s, store.Batch{})
	if r := get(t, s, "a"); string(r.Data) != "1" {
		t.Fatalf("data %q", r.Data)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Submit(writes(put("a", "3", 0)), nil)
}

func readableWhenDone(t *testing.T, m Medium) {
	s := open(t, m)
	for i := range 50 {
		commit(t, s, store.Batch{Writes: []store.Write{put("a", fmt.Sprint(i), store.Any)}, Log: []store.Entry{{Entity: fmt.Sprint(i)}}})
		if r := get(t, s, "a"); string(r.Data) != fmt.Sprint(i) {
			t.Fatalf("reads %s after %d was committed", r.Data, i)
		}
		if es := logged(t, s, store.LogQuery{Newest: true, Limit: 1}); len(es) != 1 || es[0].Entity != fmt.Sprint(i) {
			t.Fatalf("log ends with %+v after %d was committed", es, i)
		}
	}
}

func oneWins(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, writes(put("n", "0", 0)))
	const workers, rounds = 8, 10
	var wg sync.WaitGroup
	wins := make([]int, workers)
	for w := range workers {
		wg.Go(func() {
			for range rounds {
				r, err := s.Get(t.Context(), key("n"))
				if err != nil {
					t.Error(err)
					return
				}
				var n int
				_, _ = fmt.Sscan(string(r.Data), &n)
				switch err := s.Commit(t.Context(), writes(put("n", fmt.Sprint(n+1), r.Rev))); {
				case err == nil:
					wins[w]++
				case !errors.Is(err, store.ErrConflict):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range wins {
		total += n
	}
	if r := get(t, s, "n"); total == 0 || string(r.Data) != fmt.Sprint(total) {
		t.Fatalf("%d increments won, the record counts %s", total, r.Data)
	}
}
