package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"lamplight/store"
)

func submitAfterClose(t *testing.T, m Medium) {
	s := open(t, m)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatalf("close: %v", err)
	}
	var got error
	told := 0
	s.Submit(writes(put("a", "1", 0)), func(err error) { got = err; told++ })
	if told != 1 {
		t.Fatalf("done called %d times before Submit returned, want 1", told)
	}
	wantErr(t, got, store.ErrClosed)
	wantErr(t, s.Commit(t.Context(), writes(put("a", "1", 0))), store.ErrClosed)
	_, err := s.Get(t.Context(), key("a"))
	wantErr(t, err, store.ErrClosed)
	_, err = s.Log(t.Context(), store.LogQuery{})
	wantErr(t, err, store.ErrClosed)
	wantErr(t, s.Scan(t.Context(), space, func(store.Record) error { return nil }), store.ErrClosed)
	gone(t, open(t, m), "a")
}

func closeCommits(t *testing.T, m Medium) {
	s := open(t, m)
	const n = 500
	told := 0
	for i := range n {
		s.Submit(writes(put(fmt.Sprint(i), "x", 0)), func(err error) {
			if err == nil {
				told++
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if told != n {
		t.Fatalf("%d batches told when Close returned, want %d", told, n)
	}
	if got := len(scan(t, open(t, m))); got != n {
		t.Fatalf("%d records after reopening, want %d", got, n)
	}
}

func fullQueue(t *testing.T, m Medium) {
	const bound = 50
	s := m.Open(t, Limits{QueueRows: bound})
	defer s.Close()
	release := stall(s)
	var full, ok int
	for i := range 3 * bound {
		told := false
		var got error
		s.Submit(store.Batch{Writes: []store.Write{put(fmt.Sprint(i), "x", 0)}, Log: []store.Entry{{}}}, func(err error) {
			told, got = true, err
			if err == nil {
				ok++
			}
		})
		if told { // only a refusal is told while the writer is held
			wantErr(t, got, store.ErrFull)
			full++
		}
	}
	release()
	if full < 2*bound {
		t.Fatalf("%d of %d batches refused by a queue of %d rows", full, 3*bound, bound)
	}
	deadline := time.Now().Add(10 * time.Second)
	for s.Commit(t.Context(), store.Batch{}) != nil {
		if time.Now().After(deadline) {
			t.Fatal("the queue stays full")
		}
	}
	if ok+full != 3*bound || ok == 0 {
		t.Fatalf("%d committed and %d refused, want %d together", ok, full, 3*bound)
	}
	if n := len(scan(t, s)) - 1; n != ok {
		t.Fatalf("%d records, want %d", n, ok)
	}
}

func largeBatch(t *testing.T, m Medium) {
	s := m.Open(t, Limits{QueueRows: 10})
	defer s.Close()
	var b store.Batch
	for i := range 5000 {
		b.Writes = append(b.Writes, put(fmt.Sprint(i), "x", 0))
	}
	commit(t, s, b)
	if n := len(scan(t, s)); n != 5000 {
		t.Fatalf("%d records, want 5000", n)
	}
}

func tooLarge(t *testing.T, m Medium) {
	s := open(t, m)
	data := make([]byte, store.MaxData+1)
	wantErr(t, s.Commit(t.Context(), writes(put("a", "1", 0), store.Put(store.Record{Key: key("b"), Data: data}))), store.ErrTooLarge)
	wantErr(t, s.Commit(t.Context(), store.Batch{Log: []store.Entry{{After: data}}}), store.ErrTooLarge)
	gone(t, s, "a")
	commit(t, s, writes(store.Put(store.Record{Key: key("b"), Data: data[1:]})))
	if err := s.Healthy(); err != nil {
		t.Fatal(err)
	}
}

func endedContext(t *testing.T, m Medium) {
	s := open(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, s.Commit(ctx, writes(put("a", "1", 0))), context.Canceled)
	_, err := s.Get(ctx, key("a"))
	wantErr(t, err, context.Canceled)
	_, err = s.Log(ctx, store.LogQuery{})
	wantErr(t, err, context.Canceled)
	gone(t, s, "a")
	commit(t, s, writes(put("a", "1", 0)))
	wantErr(t, s.Scan(ctx, space, func(store.Record) error { return nil }), context.Canceled)

	// What is queued commits though its caller no longer waits.
	release := stall(s)
	ctx, cancel = context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() { got <- s.Commit(ctx, writes(put("late", "1", 0))) }()
	time.Sleep(20 * time.Millisecond)
	cancel()
	err, _ = receive(t, got)
	wantErr(t, err, context.Canceled)
	release()
	commit(t, s, store.Batch{})
	get(t, s, "late")
}

func failedCommit(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, store.Batch{Writes: []store.Write{put("a", "1", 0)}, Log: []store.Entry{{Entity: "1"}}})
	before := get(t, s, "a")
	broken := errors.New("broken")
	m.Fail(broken)
	for range 2 {
		b := store.Batch{
			Writes: []store.Write{put("a", "2", store.Any), put("b", "2", 0), store.Delete(key("a"))},
			Log:    []store.Entry{{Entity: "2"}},
		}
		wantErr(t, s.Commit(t.Context(), b), broken)
		wantErr(t, s.Healthy(), broken)
	}
	check := func(s store.Store) {
		t.Helper()
		if r := get(t, s, "a"); r.Rev != before.Rev || string(r.Data) != "1" {
			t.Fatalf("failed commit left %+v", r)
		}
		gone(t, s, "b")
		if es := logged(t, s, store.LogQuery{}); len(es) != 1 {
			t.Fatalf("failed commit left the log %+v", es)
		}
	}
	check(s)
	m.Fail(nil)
	check(reopen(t, m, s))
}

func healthReturns(t *testing.T, m Medium) {
	s := open(t, m)
	broken := errors.New("broken")
	m.Fail(broken)
	wantErr(t, s.Commit(t.Context(), writes(put("a", "1", 0))), broken)
	m.Fail(nil)
	for range 2 {
		commit(t, s, writes(put("a", "1", store.Any)))
		if err := s.Healthy(); err != nil {
			t.Fatalf("after a commit: %v", err)
		}
	}
	m.Fail(broken)
	wantErr(t, s.Commit(t.Context(), writes(put("a", "2", store.Any))), broken)
	if s.Commit(t.Context(), writes(put("never", "2", 77))) == nil {
		t.Fatal("a batch with a wrong condition committed while failing")
	}
	wantErr(t, s.Healthy(), broken) // whatever it was told, a conflict heals nothing
	m.Fail(nil)
	for end := time.Now().Add(10 * time.Second); s.Healthy() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("idle for 10 s, still %v", s.Healthy())
		}
	}
	commit(t, s, writes(put("a", "3", store.Any)))
}
