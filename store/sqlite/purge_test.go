package sqlite_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/store"
	"lamplight/store/sqlite"
)

// TestPurge has more expired records than one look reads, mixed with living ones.
func TestPurge(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := open(t, sqlite.Options{Dir: t.TempDir(), PurgeEvery: time.Millisecond, Metrics: reg})
	defer s.Close()
	ch := s.Watch(t.Context(), "s")
	const n = 3000
	var b store.Batch
	for i := range n {
		r := one(fmt.Sprintf("%05d", i))
		switch i % 3 {
		case 0:
			r.Expires = time.Now().Add(-time.Second)
		case 1:
			r.Expires = time.Now().Add(time.Hour)
		}
		b.Writes = append(b.Writes, store.Put(r))
	}
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	waitPurged(t, reg, n/3)
	for i := range n {
		_, err := s.Get(t.Context(), one(fmt.Sprintf("%05d", i)).Key)
		if dead := i%3 == 0; dead != errors.Is(err, store.ErrNotFound) {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	told := len(ch)
	// The looks come round to the first record again.
	late := one("00001")
	late.Expires = time.Now().Add(-time.Second)
	if err := s.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Put(late)}}); err != nil {
		t.Fatal(err)
	}
	waitPurged(t, reg, n/3+1)
	if told != n {
		t.Fatalf("the watch was told %d changes, want only the %d writes", told, n)
	}
}

func waitPurged(t *testing.T, reg *prometheus.Registry, n float64) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); metric(t, reg, "lamplight_store_purged_total").GetCounter().GetValue() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not %v purged in 10 s", n)
		}
	}
}
