package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"lamplight/store"
)

// told is a change as text.
func told(c store.Change) string {
	if c.Deleted {
		return "-" + c.Key.Key
	}
	return "+" + c.Key.Key + "=" + string(c.Data)
}

// wantChanges receives and compares.
func wantChanges(t *testing.T, ch <-chan store.Change, want ...string) {
	t.Helper()
	last := uint64(0)
	for i, w := range want {
		c, ok := receive(t, ch)
		if !ok || told(c) != w {
			t.Fatalf("change %d is %q (open: %t), want %q", i, told(c), ok, w)
		}
		if c.Rev <= last {
			t.Fatalf("change %d has revision %d after %d", i, c.Rev, last)
		}
		last = c.Rev
	}
}

// wantClosed fails if the channel has another change or stays open.
func wantClosed(t *testing.T, ch <-chan store.Change) {
	t.Helper()
	if c, ok := receive(t, ch); ok {
		t.Fatalf("change %q, want the end", told(c))
	}
}

func watchOrder(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, writes(put("before", "1", 0)))
	ch, other := s.Watch(t.Context(), space), s.Watch(t.Context(), "other")
	commit(t, s, writes(put("a", "1", 0), put("b", "1", 0)))
	commit(t, s, writes(put("a", "2", store.Any), store.Delete(key("b")), store.Delete(key("never"))))
	commit(t, s, writes(store.Put(store.Record{Key: store.Key{Domain: "d2", Space: "other", Key: "o"}, Owner: "n", Codec: 3, Data: []byte("x")})))
	commit(t, s, writes(put("b", "3", 0)))
	if c, _ := receive(t, other); told(c) != "+o=x" || c.Domain != "d2" || c.Owner != "n" || c.Codec != 3 {
		t.Fatalf("watch of the other space told %+v", c)
	}
	wantChanges(t, ch, "+a=1", "+b=1", "+a=2", "-b", "+b=3")
	commit(t, s, writes(put("a", "4", store.Any)))
	c, _ := receive(t, ch)
	if r := get(t, s, "a"); c.Rev != r.Rev {
		t.Fatalf("watch told revision %d, the record has %d", c.Rev, r.Rev)
	}
}

func watchEnds(t *testing.T, m Medium) {
	s := open(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	ch := s.Watch(ctx, space)
	commit(t, s, writes(put("a", "1", 0)))
	cancel()
	wantChanges(t, ch, "+a=1") // what was told stays readable
	wantClosed(t, ch)
	wantClosed(t, s.Watch(ctx, space))
	commit(t, s, writes(put("a", "2", store.Any)))
}

func watchEndsWithStore(t *testing.T, m Medium) {
	s := open(t, m)
	ch := s.Watch(t.Context(), space)
	s.Submit(writes(put("a", "1", 0)), nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantChanges(t, ch, "+a=1")
	wantClosed(t, ch)
	wantClosed(t, s.Watch(t.Context(), space))
}

func watchBound(t *testing.T, m Medium) {
	s := open(t, m)
	slow, quick := s.Watch(t.Context(), space), s.Watch(t.Context(), space)
	const each, most = 1000, 100
	read := 0
	for round := range most {
		var b store.Batch
		for i := range each {
			b.Writes = append(b.Writes, put(fmt.Sprint(i), fmt.Sprint(round), store.Any))
		}
		commit(t, s, b)
		for range each {
			if _, ok := receive(t, quick); !ok {
				t.Fatal("the quick watch was lost")
			}
		}
		if read += each; len(slow) < read {
			break // its bound is reached
		}
	}
	if len(slow) == read {
		t.Fatalf("%d changes wait for a reader that does not read", read)
	}
	n := len(slow)
	for range n {
		if c, ok := receive(t, slow); !ok || c.Deleted {
			t.Fatal("what waited is gone")
		}
	}
	wantClosed(t, slow)
}

func watchConflict(t *testing.T, m Medium) {
	s := open(t, m)
	ch := s.Watch(t.Context(), space)
	commit(t, s, writes(put("a", "1", 0)))
	wantErr(t, s.Commit(t.Context(), writes(put("b", "2", 0), put("a", "2", 0))), store.ErrConflict)
	broken := errors.New("broken")
	m.Fail(broken)
	wantErr(t, s.Commit(t.Context(), writes(put("b", "3", 0))), broken)
	m.Fail(nil)
	commit(t, s, writes(put("c", "4", 0)))
	wantChanges(t, ch, "+a=1", "+c=4")
}

// scanAndWatch builds a copy of a space that is being written: begin the watch,
// scan, then apply what the watch tells.
func scanAndWatch(t *testing.T, m Medium) {
	s := open(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const keys, rounds = 50, 20
	written := make(chan error, 1)
	go func() {
		for round := range rounds {
			for i := range keys {
				w := put(fmt.Sprint(i), fmt.Sprint(round), store.Any)
				if (i+round)%5 == 0 {
					w = store.Delete(w.Key)
				}
				s.Submit(writes(w), nil)
			}
		}
		written <- s.Commit(ctx, writes(put("end", "", store.Any)))
	}()
	time.Sleep(time.Millisecond)
	ch := s.Watch(ctx, space)
	mine := scan(t, s)
	if err, _ := receive(t, written); err != nil {
		t.Fatal(err)
	}
	for len(ch) > 0 {
		c := <-ch
		switch {
		case c.Rev <= mine[c.Key].Rev:
		case c.Deleted:
			delete(mine, c.Key)
		default:
			mine[c.Key] = c.Record
		}
	}
	now := scan(t, s)
	if len(mine) != len(now) {
		t.Fatalf("the copy has %d records, the store %d", len(mine), len(now))
	}
	for k, r := range now {
		if mine[k].Rev != r.Rev || string(mine[k].Data) != string(r.Data) {
			t.Fatalf("%v: the copy has %+v, the store %+v", k, mine[k], r)
		}
	}
}
