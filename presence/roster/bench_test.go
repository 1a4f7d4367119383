package roster

import (
	"context"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
	"lamplight/store/sim"
)

// The refresh of a registration, which is most of what phones say, must neither
// write nor publish, and cost the roster no garbage.
func TestRefreshAllocatesNothing(t *testing.T) {
	b := newBench(t, presence.Policy{}, 1, sim.Options{})
	defer b.close()
	c := Change{Ops: []Op{desk("r", time.Hour)}}
	if _, err := b.roster.Do(t.Context(), b.agents[0], c); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{}, 1)
	done := func(*presence.Snapshot, error) { answered <- struct{}{} }
	commits := b.store.Stats().Commits
	version := b.snapshot().Version
	got := testing.AllocsPerRun(1000, func() {
		b.roster.Apply(b.agents[0], c, done)
		<-answered
	})
	if got > 0.1 {
		t.Errorf("%v allocations a refresh, want none", got)
	}
	if n := b.store.Stats().Commits - commits; n != 0 {
		t.Errorf("%d commits", n)
	}
	if v := b.snapshot().Version; v != version {
		t.Errorf("%d snapshots", v-version)
	}
}

// BenchmarkRefresh is the hot path: a queue hop and an unchanged registration
// with a later expiry.
func BenchmarkRefresh(b *testing.B) {
	bench := newBench(b, presence.Policy{}, 1000, sim.Options{})
	defer bench.close()
	changes := make([]Change, 0, 2)
	for i := range 2 {
		changes = append(changes, Change{Ops: []Op{desk("r", time.Duration(i+1)*time.Hour)}})
	}
	for _, id := range bench.agents {
		if _, err := bench.roster.Do(b.Context(), id, changes[0]); err != nil {
			b.Fatal(err)
		}
	}
	var waiting atomic.Int64
	done := func(*presence.Snapshot, error) { waiting.Add(-1) }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for waiting.Load() > 1000 {
			runtime.Gosched()
		}
		waiting.Add(1)
		bench.roster.Apply(bench.agents[i%1000], changes[i/1000%2], done)
	}
	for waiting.Load() > 0 {
		runtime.Gosched()
	}
}

// BenchmarkFlip is a change of the label told to one watcher, with its record
// and log entry, the store left out.
func BenchmarkFlip(b *testing.B) {
	bench := newBench(b, presence.Policy{}, 1000, sim.Options{})
	defer bench.close()
	bench.roster.store = void{bench.store}
	var seen atomic.Int64
	defer bench.roster.Watch(func(*presence.Snapshot) { seen.Add(1) })()
	changes := []Change{
		{Cause: presence.CauseLogin, Ops: []Op{webphone("tab")}},
		{Cause: presence.CauseLogout, Ops: []Op{Logout{}}},
	}
	b.ReportAllocs()
	n := int64(0)
	for i := 0; b.Loop(); i++ {
		for n-seen.Load() > 1000 {
			runtime.Gosched()
		}
		n++
		bench.roster.Apply(bench.agents[i%1000], changes[i/1000%2], nil)
	}
	for seen.Load() < n {
		runtime.Gosched()
	}
}

// void takes batches and forgets them.
type void struct{ store.Store }

func (void) Submit(_ store.Batch, done func(error)) { done(nil) }

// BenchmarkRestart opens a roster of 100,000 agents who all had a webphone.
func BenchmarkRestart(b *testing.B) {
	st := sim.New(sim.Options{})
	defer st.Close()
	dir, err := directory.Open(b.Context(), st)
	if err != nil {
		b.Fatal(err)
	}
	dom := presence.DomainID{ID: presence.NewID()}
	e := directory.Edit{Domains: []presence.Domain{{ID: dom, Names: []string{"demo.test"}, Realm: "demo.test"}}}
	const agents = 100_000
	for i := range agents {
		e.Agents = append(e.Agents, presence.Agent{Domain: dom, Number: strconv.Itoa(100000 + i)})
	}
	if err := dir.Apply(b.Context(), e); err != nil {
		b.Fatal(err)
	}
	o := Options{Store: st, Directory: dir, Resume: time.Hour}
	r, err := Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	var waiting atomic.Int64
	for _, a := range dir.Agents(dom) {
		waiting.Add(1)
		for waiting.Load() > 1000 {
			runtime.Gosched()
		}
		r.Apply(a.ID, Change{Ops: []Op{webphone("tab")}}, func(*presence.Snapshot, error) { waiting.Add(-1) })
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := Open(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		online := 0
		r.Each(dom, func(s *presence.Snapshot) bool {
			if s.Online {
				online++
			}
			return true
		})
		if online != agents {
			b.Fatalf("%d agents are online", online)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
