package roster

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/store"
	"lamplight/store/sim"
)

func record(key string) store.Write {
	return store.Put(store.Record{Key: store.Key{Space: "test", Key: key}, Codec: 1, Data: []byte("{}")})
}

// TestFailedCommitIsWithdrawn: what the store refused leaves no trace, but for
// the higher number that says so.
func TestFailedCommitIsWithdrawn(t *testing.T) {
	for name, c := range map[string]struct {
		before []Op
		failed []Op
	}{
		"new registration":     {failed: []Op{desk("r", time.Hour)}},
		"changed registration": {before: []Op{desk("r", time.Hour)}, failed: []Op{moved("r")}},
		"removed registration": {before: []Op{desk("r", time.Hour)}, failed: []Op{DropRegistration{"r"}}},
		"new leg":              {failed: []Op{campaignLeg("l", "c", presence.LegTalking)}},
		"changed leg":          {before: []Op{campaignLeg("l", "c", presence.LegRinging)}, failed: []Op{campaignLeg("l", "c", presence.LegTalking)}},
		"new session":          {failed: []Op{webphone("tab")}},
		"selection":            {before: []Op{webphone("tab")}, failed: []Op{Select{presence.SelectDND}}},
		"options":              {before: []Op{webphone("tab")}, failed: []Op{AllOptionsOff{}}},
		"wrap-up finished": {before: []Op{webphone("tab"), campaignLeg("l", "c", presence.LegTalking), EndLeg{"l"}},
			failed: []Op{FinishWrapUp{}}},
		"several at once": {before: []Op{desk("r", time.Hour)},
			failed: []Op{DropRegistration{"r"}, desk("q", time.Hour), desk("r", time.Minute), webphone("tab"), Select{presence.SelectDND}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, presence.Policy{}, 1, sim.Options{Latency: time.Millisecond})
				before := b.do("", c.before...)
				b.store.FailNext(1)
				var seen []*presence.Snapshot
				stop := b.roster.Watch(func(s *presence.Snapshot) { seen = append(seen, s) })
				_, err := b.roster.Do(t.Context(), b.agents[0], Change{Ops: c.failed, Writes: []store.Write{record("x")}})
				if !errors.Is(err, sim.ErrInjected) {
					t.Fatalf("got %v", err)
				}
				after := b.snapshot()
				stop()
				if len(seen) != 2 || seen[1] != after || after.Version <= seen[0].Version {
					t.Errorf("%d snapshots were published, the last one being %x", len(seen), after.Version)
				}
				if !sameEvaluation(&before.Evaluation, &after.Evaluation) || !sameView(before.Team, after.Team) ||
					!sameView(before.Own, after.Own) || len(before.Legs) != len(after.Legs) || before.Selected != after.Selected {
					t.Errorf("before: %+v\nafter:  %+v", before, after)
				}
				time.Sleep(time.Minute)
				b.ok(b.roster.Healthy())
				b.close()
			})
		})
	}
}

func moved(id string) PutRegistration {
	r := desk(id, time.Hour)
	r.Contact = "sip:1001@198.51.100.7"
	return r
}

// TestWhatEndedStaysEnded: a lost record does not bring a call back.
func TestWhatEndedStaysEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		b.do(presence.CauseLogin, webphone("tab"))
		b.do(presence.CauseCallStart, campaignLeg("l", "c", presence.LegTalking))
		b.store.FailNext(1)
		if _, err := b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{EndLeg{"l"}}}); !errors.Is(err, sim.ErrInjected) {
			t.Fatalf("got %v", err)
		}
		b.want("Wrap Up", "Wrap Up", "")
		if rec, err := b.store.Get(t.Context(), stateKey(b.domain, b.agents[0])); err != nil || !containsStatus(rec, "on_a_call") {
			t.Errorf("on disk: %s, %v", rec.Data, err)
		}
		time.Sleep(retryAfter)
		synctest.Wait()
		if rec, err := b.store.Get(t.Context(), stateKey(b.domain, b.agents[0])); err != nil || !containsStatus(rec, "wrap_up") {
			t.Errorf("on disk after the retry: %s, %v", rec.Data, err)
		}
		if n := len(b.log("status")); n != 3 {
			t.Errorf("%d status entries, want 3", n)
		}
	})
}

func containsStatus(r store.Record, status presence.Status) bool {
	k, err := readState(r)
	return err == nil && k.team.Status == status
}

// TestLaterChangesAndFailures: a change that fails takes with it those that
// relied on it, and no others.
func TestLaterChangesAndFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{Latency: 10 * time.Millisecond, CommitRows: 1})
		defer b.close()
		b.do("", desk("a", time.Hour))
		b.store.FailNext(1)
		var answers []string
		apply := func(name string, c Change) {
			b.roster.Apply(b.agents[0], c, func(s *presence.Snapshot, err error) {
				answers = append(answers, fmt.Sprint(name, " ", err == nil))
			})
		}
		w := []store.Write{record("x")}
		apply("b", Change{Ops: []Op{desk("b", time.Hour)}, Writes: w}) // fails
		apply("b again", Change{Ops: []Op{desk("b", 2*time.Hour)}})    // nothing to write: relies on it
		apply("b the same", Change{Ops: []Op{desk("b", 2*time.Hour)}})
		apply("a again", Change{Ops: []Op{desk("a", 2*time.Hour)}})    // nothing to do with it
		apply("c", Change{Ops: []Op{desk("c", time.Hour)}, Writes: w}) // has a commit of its own
		apply("refused", Change{Ops: []Op{RestoreOptions{}}})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := fmt.Sprint(answers); got != "[b false b again false b the same false a again true c true refused false]" {
			t.Errorf("receipts %s", got)
		}
		ids := make([]string, 0, 2)
		for _, d := range b.snapshot().Devices {
			ids = append(ids, d.ID)
		}
		if fmt.Sprint(ids) != "[a c]" {
			t.Errorf("devices %v", ids)
		}
	})
}

// TestReceiptsComeInOrder, whatever has something to write and whatever not.
func TestReceiptsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 3, sim.Options{Latency: time.Millisecond, Jitter: 5 * time.Millisecond, CommitRows: 20, Seed: 7})
		defer b.close()
		const n = 300
		var mu sync.Mutex
		got := map[presence.AgentID][]int{}
		failed := 0
		for i := range n {
			for _, id := range b.agents {
				c := Change{Ops: []Op{desk("r", time.Hour)}}
				switch i % 4 {
				case 0:
					c.Writes = []store.Write{record(fmt.Sprint(id, i))}
				case 1:
					c.Ops = []Op{webphone("tab")}
				case 3:
					c.Ops = []Op{Logout{}}
				}
				b.roster.Apply(id, c, func(s *presence.Snapshot, err error) {
					if (s == nil) != (err != nil) {
						t.Errorf("receipt %v with %v", s, err)
					}
					mu.Lock()
					got[id] = append(got[id], i)
					if err != nil {
						failed++
					}
					mu.Unlock()
				})
			}
			if i%70 == 0 {
				b.store.FailNext(1)
			}
			if i%50 == 49 {
				time.Sleep(3 * time.Millisecond)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if failed == 0 || failed > n {
			t.Errorf("%d failures; the test shows little", failed)
		}
		for _, id := range b.agents {
			if len(got[id]) != n {
				t.Errorf("%d receipts, want %d", len(got[id]), n)
			}
			for i, v := range got[id] {
				if v != i {
					t.Fatalf("receipt %d came at place %d", v, i)
				}
			}
		}
	})
}

// TestSlowStoreBlocksNobody: snapshots go on while a commit takes an hour.
func TestSlowStoreBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		slow := &slowStore{Store: b.store, delay: time.Hour, answers: make(chan func(), 100)}
		b.roster.store = slow
		go slow.answer()
		defer close(slow.answers)
		defer b.close()
		start := time.Now()
		var receipts atomic.Int32
		for i := range 10 {
			b.roster.Apply(b.agents[0], Change{Ops: []Op{webphone("tab")}, Writes: []store.Write{record("x")}},
				func(*presence.Snapshot, error) { receipts.Add(1) })
			b.roster.Apply(b.agents[0], Change{Ops: []Op{Logout{}}}, nil)
			synctest.Wait()
			if got, want := b.snapshot().Version&0xffffffff, uint64(1+2*(i+1)); got != want {
				t.Fatalf("snapshot %d, want %d", got, want)
			}
		}
		if time.Since(start) != 0 || receipts.Load() != 0 {
			t.Errorf("after %v there are %d receipts", time.Since(start), receipts.Load())
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if receipts.Load() != 10 {
			t.Errorf("%d receipts", receipts.Load())
		}
	})
}

// slowStore answers late, in order.
type slowStore struct {
	store.Store
	delay   time.Duration
	answers chan func()
}

func (s *slowStore) Submit(b store.Batch, done func(error)) {
	s.Store.Submit(b, func(err error) { s.answers <- func() { done(err) } })
}

func (s *slowStore) answer() {
	time.Sleep(s.delay)
	for f := range s.answers {
		f()
	}
}

func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		b.ok(b.roster.Close())
		b.o.Queue, b.o.Shards = 10, 1
		b.open()
		defer b.close()
		block, entered := make(chan struct{}), make(chan struct{})
		var once sync.Once
		defer b.roster.Watch(func(*presence.Snapshot) {
			once.Do(func() { close(entered) })
			<-block
		})()
		b.roster.Apply(b.agents[0], Change{Ops: []Op{webphone("tab")}}, nil)
		<-entered
		var busy, ended int
		for range 15 {
			b.roster.Apply(b.agents[0], Change{Ops: []Op{desk("r", time.Hour)}}, func(_ *presence.Snapshot, err error) {
				if errors.Is(err, ErrBusy) {
					busy++
				}
			})
		}
		if busy != 5 || !errors.Is(b.roster.Healthy(), ErrBusy) || b.roster.Pending() != 10 {
			t.Errorf("%d turned away, %d pending, health %v", busy, b.roster.Pending(), b.roster.Healthy())
		}
		b.roster.Apply(b.agents[0], Change{Ops: []Op{Logout{}}}, func(_ *presence.Snapshot, err error) {
			if err == nil {
				ended++
			}
		})
		close(block)
		synctest.Wait()
		if ended != 1 {
			t.Error("the logout was not let in")
		}
	})
}

func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{Latency: time.Second})
		answered := 0
		for range 5 {
			b.roster.Apply(b.agents[0], Change{Ops: []Op{webphone("tab")}, Writes: []store.Write{record("x")}},
				func(_ *presence.Snapshot, err error) {
					if err == nil {
						answered++
					}
				})
		}
		b.close()
		if answered != 5 {
			t.Errorf("%d of 5 queued changes were answered before Close returned", answered)
		}
		if _, err := b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{Logout{}}}); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if err := b.roster.Healthy(); !errors.Is(err, ErrClosed) {
			t.Errorf("health after Close: %v", err)
		}
	})
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 8, sim.Options{})
		defer b.close()
		var mu sync.Mutex
		last := map[presence.AgentID]uint64{}
		stop := b.roster.Watch(func(s *presence.Snapshot) {
			mu.Lock()
			defer mu.Unlock()
			if s.Version <= last[s.Agent] {
				t.Errorf("version %x after %x", s.Version, last[s.Agent])
			}
			last[s.Agent] = s.Version
		})
		var late int
		stopLate := b.roster.Watch(func(*presence.Snapshot) {
			mu.Lock()
			late++
			mu.Unlock()
		})
		var wg sync.WaitGroup
		for _, id := range b.agents {
			wg.Go(func() {
				for i := range 200 {
					ops := []Op{webphone("tab")}
					if i%2 == 1 {
						ops = []Op{Logout{}}
					}
					b.roster.Apply(id, Change{Ops: ops}, nil)
				}
			})
		}
		stopLate()
		mu.Lock()
		seen := late
		mu.Unlock()
		wg.Wait()
		synctest.Wait()
		if late != seen {
			t.Errorf("a stopped watch was called %d times more", late-seen)
		}
		stop()
		for _, id := range b.agents {
			if s, _ := b.roster.Snapshot(id); s.Version != last[id] {
				t.Errorf("the newest snapshot is %x, the watcher's %x", s.Version, last[id])
			}
		}
	})
}
