package notifier

import (
	"fmt"
	"testing"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store/sim"
)

// TestWatchersAreListedInPieces: a list that is longer than what is read under
// one lock has everybody once, whole or in parts.
func TestWatchersAreListedInPieces(t *testing.T) {
	bubble(t, func(o *Options) { o.PerWatcher = 1000 }, func(t *testing.T, r *rig) {
		const count = 2*chunk + 88
		base := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		for i := range count {
			p := newPhone(t, base.Peer, "201", "sip:101@ex.test")
			p.callID = fmt.Sprint("call-", i)
			p.live()
		}
		seen := map[string]int{}
		r.n.Subscriptions(presence.AgentID{}, func(i Info) bool { seen[i.CallID]++; return true })
		parts := 0
		for from, more := 0, true; more; from += 100 {
			var list []Info
			if list, more = r.n.Watchers(r.agents["101"], from, 100); len(list) > 100 {
				t.Errorf("a part of %d", len(list))
			}
			for _, i := range list {
				seen[i.CallID]++
			}
			parts++
		}
		if len(seen) != count || parts != count/100 {
			t.Errorf("%d watchers in %d parts", len(seen), parts)
		}
		for id, times := range seen {
			if times != 2 {
				t.Errorf("%s was seen %d times", id, times)
			}
		}
		if list, more := r.n.Watchers(r.agents["101"], count+5, 10); len(list) != 0 || more {
			t.Errorf("beyond the end: %v, %v", list, more)
		}
		var watched []presence.AgentID
		r.n.Watched(func(a presence.AgentID) bool { watched = append(watched, a); return true })
		if len(watched) != 1 || watched[0] != r.agents["101"] {
			t.Errorf("watched are %v", watched)
		}
	})
}

// BenchmarkListingWatchers reads 100,000 subscriptions, piece by piece.
func BenchmarkListingWatchers(b *testing.B) {
	const count = 100_000
	of := &Notifier{packages: []Package{lampPackage{}}, boot: 1}
	n := emptyLike(of)
	st := sim.New(sim.Options{})
	defer st.Close()
	d, err := directory.Open(b.Context(), st)
	if err != nil {
		b.Fatal(err)
	}
	n.directory = d
	read(b, n, records(of, count))
	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		n.Subscriptions(presence.AgentID{}, func(Info) bool { seen++; return true })
		if seen != count {
			b.Fatalf("%d seen", seen)
		}
	}
}
