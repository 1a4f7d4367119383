package hunt

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/store"
	"lamplight/store/sim"
)

var (
	dom = presence.DomainID{ID: presence.ID{1}}
	g   = presence.GroupID{ID: presence.ID{2}}
	ada = presence.AgentID{ID: presence.ID{3}}
	bob = presence.AgentID{ID: presence.ID{4}}
	t0  = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
)

func closing(t *testing.T, st *sim.Store) *sim.Store {
	t.Helper()
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func board(t *testing.T, st *sim.Store) *Board {
	t.Helper()
	b, err := Open(t.Context(), Options{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Of calls that want the same agent at once, one gets him.
func TestOneCallGetsTheLease(t *testing.T) {
	b := board(t, closing(t, sim.New(sim.Options{})))
	var got atomic.Int32
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if b.Reserve(ada, string(rune('a'+i)), t0.Add(time.Minute), t0) {
				got.Add(1)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 {
		t.Errorf("%d calls have the agent", got.Load())
	}
}

func TestALeaseEnds(t *testing.T) {
	b := board(t, closing(t, sim.New(sim.Options{})))
	b.Reserve(ada, "c1", t0.Add(time.Minute), t0)
	for name, c := range map[string]struct {
		at   time.Duration
		call string
		want bool
	}{"for another": {0, "c2", true}, "for its own": {0, "c1", false}, "over": {time.Minute, "c2", false}} {
		if b.Reserved(ada, c.call, t0.Add(c.at)) != c.want {
			t.Errorf("%s: reserved is not %v", name, c.want)
		}
	}
	b.Release(ada, "c2") // not his to end
	if !b.Reserved(ada, "c2", t0) {
		t.Error("another call has ended the lease")
	}
	b.Release(ada, "c1")
	if !b.Reserve(ada, "c2", t0.Add(time.Minute), t0) {
		t.Error("the agent is not free again")
	}
}

// What a group knows of its members outlives a restart; who is being offered a
// call does not.
func TestTalliesOutliveARestart(t *testing.T) {
	st := sim.New(sim.Options{})
	b := board(t, st)
	b.Offered(dom, g, ada)
	b.Answered(dom, g, ada, "2026-03-02")
	b.Offered(dom, g, bob)
	b.Missed(dom, g, bob, t0.Add(time.Minute))
	if n := b.Missed(dom, g, bob, t0.Add(time.Hour)); n != 2 {
		t.Errorf("%d misses in a row", n)
	}
	b.Reserve(ada, "c1", time.Now().Add(time.Hour), time.Now())
	if err := st.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Delete(store.Key{Space: "x", Key: "x"})}}); err != nil { // behind all before
		t.Fatal(err)
	}
	st.Crash()
	again, err := st.Reopen(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	b = board(t, again)
	if got := b.Tally(g, ada, "2026-03-02"); got.Calls != 1 || got.Missed != 0 {
		t.Errorf("who answered: %+v", got)
	}
	if got := b.Tally(g, ada, "2026-03-03"); got.Calls != 0 {
		t.Errorf("the next day: %+v", got)
	}
	if got := b.Tally(g, bob, "2026-03-02"); got.Missed != 2 || !got.Rest.Equal(t0.Add(time.Hour)) {
		t.Errorf("who did not answer: %+v", got)
	}
	if b.Last(g) != bob {
		t.Error("the turn is lost")
	}
	if b.Reserved(ada, "c2", time.Now()) {
		t.Error("a lease of a call that is gone")
	}
	b.Answered(dom, g, bob, "2026-03-02")
	if got := b.Tally(g, bob, "2026-03-02"); got.Missed != 0 || !got.Rest.IsZero() || got.Calls != 1 {
		t.Errorf("who answers again: %+v", got)
	}
}
