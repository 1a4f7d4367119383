package sqlite_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"lamplight/store"
	"lamplight/store/sqlite"
)

func one(k string) store.Record {
	return store.Record{Key: store.Key{Domain: "d", Space: "s", Key: k}, Data: []byte("x")}
}

// TestGroupCommit holds the first commit up: what is submitted meanwhile must
// share the next ones, up to their bound, conflicts among it notwithstanding.
func TestGroupCommit(t *testing.T) {
	const waiting, rows = 500, 200
	hold, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	reg := prometheus.NewPedanticRegistry()
	s := open(t, sqlite.WithBeforeCommit(sqlite.Options{
		Dir: t.TempDir(), CommitRows: rows, PurgeEvery: -1, Metrics: reg,
	}, func() error {
		once.Do(func() { close(held); <-hold })
		return nil
	}))
	defer s.Close()
	s.Submit(store.Batch{Writes: []store.Write{store.Put(one("first"))}}, nil)
	<-held
	var wg sync.WaitGroup
	wg.Add(waiting)
	var conflicts, others int // by the writer's goroutine alone
	for i := range waiting {
		w := store.Put(one(fmt.Sprint(i)))
		if i%10 == 0 {
			w = store.Write{Record: one("first"), If: 0}
		}
		s.Submit(store.Batch{Writes: []store.Write{w}}, func(err error) {
			switch {
			case errors.Is(err, store.ErrConflict):
				conflicts++
			case err != nil:
				others++
			}
			wg.Done()
		})
	}
	if n := metric(t, reg, "lamplight_store_queue_rows").GetGauge().GetValue(); n != waiting+1 {
		t.Errorf("queue counts %v rows, want %d", n, waiting+1)
	}
	close(hold)
	wg.Wait()
	if conflicts != waiting/10 || others != 0 {
		t.Errorf("%d conflicts and %d other errors, want %d and 0", conflicts, others, waiting/10)
	}
	h := metric(t, reg, "lamplight_store_commit_rows").GetHistogram()
	if h.GetSampleCount() != 4 || h.GetSampleSum() != 1+waiting*9/10 {
		t.Errorf("%d commits of %v rows, want 4 of %d", h.GetSampleCount(), h.GetSampleSum(), 1+waiting*9/10)
	}
	if n := metric(t, reg, "lamplight_store_conflicts_total").GetCounter().GetValue(); n != waiting/10 {
		t.Errorf("metrics count %v conflicts", n)
	}
	if n := metric(t, reg, "lamplight_store_commit_seconds").GetHistogram().GetSampleCount(); n != 4 {
		t.Errorf("metrics time %d commits", n)
	}
}

func metric(t *testing.T, reg *prometheus.Registry, name string) *dto.Metric {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0]
		}
	}
	t.Fatalf("no metric %s", name)
	return nil
}

// TestFailureFailsTheGroup gives one group a conflict and a good batch, and fails
// it: a verdict about a state that never came to be is not given.
func TestFailureFailsTheGroup(t *testing.T) {
	broken := errors.New("broken")
	var failing atomic.Bool
	reg := prometheus.NewPedanticRegistry()
	s := open(t, sqlite.WithBeforeCommit(sqlite.Options{Dir: t.TempDir(), PurgeEvery: -1, Metrics: reg}, func() error {
		if failing.Load() {
			return broken
		}
		return nil
	}))
	defer s.Close()
	got := make(chan error, 2)
	s.Submit(store.Batch{Writes: []store.Write{store.Put(one("a"))}}, func(error) {
		failing.Store(true) // both of these are in the next group
		for range 2 {
			s.Submit(store.Batch{Writes: []store.Write{{Record: one("b"), If: 0}}}, func(err error) { got <- err })
		}
	})
	for range 2 {
		if err := <-got; !errors.Is(err, broken) || errors.Is(err, store.ErrConflict) {
			t.Fatalf("batch of a failed group was told %v", err)
		}
	}
	failing.Store(false)
	if n := metric(t, reg, "lamplight_store_commit_failures_total").GetCounter().GetValue(); n < 1 {
		t.Errorf("metrics count %v failures", n)
	}
	if err := s.Commit(t.Context(), store.Batch{Writes: []store.Write{{Record: one("b"), If: 0}}}); err != nil {
		t.Fatal(err)
	}
	// Two engines cannot share a registry; the second must not take the first's
	// metrics away.
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Metrics: reg}); err == nil {
		t.Fatal("registered twice")
	}
	metric(t, reg, "lamplight_store_commit_rows")
}

// TestRowAllocations holds the cost of a row: arguments become interface values
// and the driver allocates its rows and result; more than that is ours.
func TestRowAllocations(t *testing.T) {
	s := open(t, sqlite.Options{Dir: t.TempDir(), PurgeEvery: -1})
	defer s.Close()
	const rows = 500
	b := store.Batch{}
	for i := range rows {
		b.Writes = append(b.Writes, store.Put(one(fmt.Sprint(i))))
	}
	perCommit := testing.AllocsPerRun(20, func() {
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	})
	if perRow := perCommit / rows; perRow > 12 {
		t.Errorf("%.1f allocations a row, want at most 12", perRow)
	}
}
