package sqlite_test

import (
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"

	"lamplight/store"
	"lamplight/store/sqlite"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashChildEnv); dir != "" {
		crashChild(dir) // does not return
	}
	goleak.VerifyTestMain(m)
}

func TestOneServerADatabase(t *testing.T) {
	dir := t.TempDir()
	a, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Put(store.Record{Key: store.Key{Space: "s", Key: "k"}, Data: []byte("1")})}}); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir}); !errors.Is(err, sqlite.ErrLocked) {
		t.Fatalf("second open: %v, want ErrLocked", err)
	}
	r, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Get(t.Context(), store.Key{Space: "s", Key: "k"})
	if err != nil || string(got.Data) != "1" || got.Rev != 1 {
		t.Fatalf("reader got %+v, %v", got, err)
	}
	if err := r.Commit(t.Context(), store.Batch{}); !errors.Is(err, sqlite.ErrReadOnly) {
		t.Fatalf("write by reader: %v", err)
	}
	if err := errors.Join(r.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}
