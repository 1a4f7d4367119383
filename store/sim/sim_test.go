package sim_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/store"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func rec(key, data string) store.Record {
	return store.Record{Key: store.Key{Domain: "d", Space: "s", Key: key}, Data: []byte(data)}
}

func put(key, data string) store.Batch {
	return store.Batch{Writes: []store.Write{store.Put(rec(key, data))}}
}

func TestLatencyIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim.New(sim.Options{Latency: 10 * time.Millisecond, Jitter: 5 * time.Millisecond, Seed: 1})
		defer s.Close()
		began := time.Now()
		if err := s.Commit(t.Context(), put("a", "1")); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d < 10*time.Millisecond || d > 15*time.Millisecond {
			t.Fatalf("commit took %v, want 10 to 15 ms", d)
		}
	})
}

func TestCrashLosesWhatWasNotCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim.New(sim.Options{Latency: time.Second})
		if err := s.Commit(t.Context(), put("kept", "1")); err != nil {
			t.Fatal(err)
		}
		before, err := s.Get(t.Context(), rec("kept", "").Key)
		if err != nil {
			t.Fatal(err)
		}
		var errs []error
		for _, k := range []string{"running", "waiting", "kept"} {
			s.Submit(put(k, "2"), func(err error) { errs = append(errs, err) })
		}
		time.Sleep(time.Second / 2)
		s.Crash()
		if len(errs) != 3 {
			t.Fatalf("%d batches told, want 3", len(errs))
		}
		for _, err := range errs {
			if !errors.Is(err, sim.ErrCrashed) || !errors.Is(err, store.ErrClosed) {
				t.Fatalf("lost batch told %v", err)
			}
		}
		r, err := s.Reopen(sim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		after, err := r.Get(t.Context(), before.Key)
		if err != nil || after.Rev != before.Rev || string(after.Data) != "1" {
			t.Fatalf("kept record is %+v, %v after the crash", after, err)
		}
		for _, k := range []string{"running", "waiting"} {
			if _, err := r.Get(t.Context(), rec(k, "").Key); !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("%s: %v, want not found", k, err)
			}
		}
	})
}

func TestUnhealthyEngineTriesAgainWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim.New(sim.Options{})
		defer s.Close()
		broken := errors.New("broken")
		s.Fail(broken)
		if err := s.Commit(t.Context(), put("a", "1")); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if err := s.Healthy(); !errors.Is(err, broken) {
			t.Fatalf("healthy: %v", err)
		}
		s.Fail(nil)
		time.Sleep(5 * time.Second)
		if err := s.Healthy(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSameSeedSameFailures(t *testing.T) {
	run := func(seed uint64) (failed string) {
		s := sim.New(sim.Options{Seed: seed, FailureRate: 0.5, CommitRows: 1})
		defer s.Close()
		for range 64 {
			c := byte('.')
			if err := s.Commit(context.Background(), put("a", "1")); errors.Is(err, sim.ErrInjected) {
				c = 'x'
			}
			failed += string(c)
		}
		return failed
	}
	synctest.Test(t, func(t *testing.T) {
		if a, b := run(7), run(7); a != b {
			t.Fatalf("seed 7 gave\n%s and\n%s", a, b)
		}
		if a, b := run(7), run(8); a == b {
			t.Fatal("seeds 7 and 8 gave the same failures")
		}
	})
}
