package roster

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/store"
	"lamplight/store/sim"
)

var facts = flag.Int("facts", 100_000, "random facts of TestRandomFacts; the long suite gives it 1000000")

// TestRandomFacts sends random facts of a thousand agents, with failing commits,
// from several goroutines at once, ends them all, and looks for what is left
// behind: a fact, a receipt, memory; and goroutines, by TestMain.
func TestRandomFacts(t *testing.T) {
	b := newBench(t, presence.Policy{WrapUp: presence.WrapUpNone}, 1000, sim.Options{})
	for _, id := range b.agents { // whoever is looked at is remembered: not what is measured
		b.roster.Snapshot(id)
	}
	before := heap()
	var receipts, failed, published atomic.Int64
	stop := b.roster.Watch(func(*presence.Snapshot) { published.Add(1) })
	const writers = 4
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 42))
			for i := range *facts / writers {
				id := b.agents[rng.IntN(len(b.agents))]
				c := Change{Ops: []Op{randomOp(rng)}}
				if rng.IntN(50) == 0 {
					c.Writes = []store.Write{record(fmt.Sprint(w))}
				}
				if rng.IntN(5000) == 0 {
					b.store.FailNext(1)
				}
				for {
					refused := false
					b.roster.Apply(id, c, func(_ *presence.Snapshot, err error) {
						if errors.Is(err, ErrBusy) {
							refused = true // by Apply itself, so no race
							return
						}
						receipts.Add(1)
						if err != nil && !errors.Is(err, ErrRefused) {
							failed.Add(1)
						}
					})
					if !refused {
						break
					}
					time.Sleep(time.Millisecond)
				}
				if i%1000 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	b.store.FailNext(0)
	for _, id := range b.agents {
		c := Change{Ops: []Op{Logout{}, FinishWrapUp{}, Select{presence.SelectAvailable}}}
		for n := range 4 {
			f := fmt.Sprint(n)
			c.Ops = append(c.Ops, DropRegistration{f}, EndLeg{f}, EndOffer{f})
		}
		if _, err := b.roster.Do(t.Context(), id, c); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if got := receipts.Load(); got != int64(*facts/writers*writers) {
		t.Errorf("%d receipts for %d changes", got, *facts)
	}
	for _, id := range b.agents {
		if s, _ := b.roster.Snapshot(id); s.Team.Text() != "Offline" || len(s.Devices)+len(s.Legs)+len(s.Offers) != 0 {
			t.Fatalf("%s is %s with %v", s.Number, s.Team.Text(), s.Devices)
		}
	}
	if err := b.roster.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range b.roster.shards {
		for _, a := range s.actors {
			if len(a.receipts.list)+len(a.inflight)+len(a.talked) != 0 || a.committed != nil {
				t.Fatalf("left behind: %d receipts, %d in flight, %d legs", len(a.receipts.list), len(a.inflight), len(a.talked))
			}
		}
	}
	b.ok(b.store.Close())
	// What the store keeps (its change log grows for ever, as it should) is not
	// the roster's.
	b.store, b.o, b.roster.store, b.dir, b.roster.dir = nil, Options{}, nil, nil, nil
	after := heap()
	if growth := after - before; growth > 2<<20 {
		t.Errorf("the heap grew by %d KiB", growth>>10)
	}
	t.Logf("%d facts, %d snapshots, %d failed commits; heap %d KiB before, %d KiB after",
		receipts.Load(), published.Load(), failed.Load(), before>>10, after>>10)
	runtime.KeepAlive(b)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func randomOp(rng *rand.Rand) Op {
	id := fmt.Sprint(rng.IntN(4))
	switch rng.IntN(12) {
	case 0, 1, 2, 3:
		return desk(id, time.Duration(rng.IntN(20))*time.Millisecond+time.Duration(rng.IntN(2))*time.Hour)
	case 4:
		return DropRegistration{id}
	case 5:
		return webphone(id)
	case 6:
		return []Op{closed(id), DropSession{id}, Logout{}}[rng.IntN(3)]
	case 7:
		return campaignLeg(id, id, []presence.LegState{presence.LegRinging, presence.LegTalking}[rng.IntN(2)])
	case 8:
		return EndLeg{id}
	case 9:
		return PutOffer{presence.Offer{ID: id, Expires: time.Now().Add(time.Duration(rng.IntN(20)) * time.Millisecond)}}
	case 10:
		return Select{[]presence.Selectable{presence.SelectAvailable, presence.SelectDND, "offline"}[rng.IntN(3)]}
	}
	return []Op{AllOptionsOff{}, RestoreOptions{}, FinishWrapUp{}}[rng.IntN(3)]
}
