package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"lamplight/store"
	"lamplight/store/sqlite"
)

func fullKey(n int) store.Key { return store.Key{Space: "full", Key: fmt.Sprint(n)} }

// fullBatch needs about 64 KiB.
func fullBatch(n int) store.Batch {
	return store.Batch{
		Writes: []store.Write{
			store.Put(store.Record{Key: store.Key{Space: "last", Key: "n"}, Data: fmt.Append(nil, n)}),
			store.Put(store.Record{Key: fullKey(n), Data: bytes.Repeat([]byte{byte(n)}, 64<<10)}),
		},
		Log: []store.Entry{{Entity: fmt.Sprint(n)}},
	}
}

// checkFull fills the store until commits fail, looks at what that leaves, makes
// space and sees it recover.
func checkFull(t *testing.T, o sqlite.Options, makeSpace func(*testing.T, store.Store)) {
	s := open(t, o)
	t.Cleanup(func() { _ = s.Close() })
	n := 0
	var err error
	for ; err == nil; n++ {
		if n == 1000 {
			t.Fatal("60 MB fit into a full disk")
		}
		err = s.Commit(t.Context(), fullBatch(n+1))
	}
	n-- // complete batches
	if n == 0 {
		t.Fatalf("no batch fits: %v", err)
	}
	var cause sqlite3.Error
	if !errors.As(err, &cause) || cause.Code != sqlite3.ErrFull && cause.Code != sqlite3.ErrIoErr {
		t.Fatalf("commit on a full disk: %v", err)
	}
	if s.Healthy() == nil {
		t.Fatal("healthy on a full disk")
	}
	check := func(s store.Store, n int) {
		t.Helper()
		for i := 1; i <= n; i++ {
			if r, err := s.Get(t.Context(), fullKey(i)); err != nil || len(r.Data) != 64<<10 || r.Data[9] != byte(i) {
				t.Fatalf("record %d of %d: %v", i, n, err)
			}
		}
		if _, err := s.Get(t.Context(), fullKey(n+1)); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("record %d was not committed: %v", n+1, err)
		}
		last, err := s.Get(t.Context(), store.Key{Space: "last", Key: "n"})
		if err != nil || string(last.Data) != fmt.Sprint(n) {
			t.Fatalf("last is %s, %v, want %d", last.Data, err, n)
		}
		es, err := s.Log(t.Context(), store.LogQuery{})
		if err != nil || len(es) != n || es[n-1].Seq != uint64(n) {
			t.Fatalf("%d log entries, %v, want %d", len(es), err, n)
		}
	}
	check(s, n)
	makeSpace(t, s)
	for end := time.Now().Add(10 * time.Second); s.Healthy() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("10 s after space was made: %v", s.Healthy())
		}
	}
	check(s, n)
	if err := s.Commit(t.Context(), fullBatch(n+1)); err != nil {
		t.Fatalf("commit after space was made: %v", err)
	}
	check(s, n+1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	defer s.Close()
	check(s, n+1)
}

func TestFullDatabase(t *testing.T) {
	o := sqlite.WithMaxPages(sqlite.Options{Dir: t.TempDir()}, 300)
	// Space that is given back inside the file.
	filler := store.Record{Key: store.Key{Space: "filler", Key: "f"}, Data: make([]byte, 512<<10)}
	s := open(t, o)
	if err := s.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Put(filler)}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkFull(t, o, func(t *testing.T, s store.Store) {
		if err := s.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Delete(filler.Key)}}); err != nil {
			t.Fatal(err)
		}
	})
}
