package roster

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store/sim"
	"lamplight/store/sqlite"
)

// TestCrash: after each of many crashes at any moment, what was acknowledged is
// there, and no version has gone backward.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 4, sim.Options{Latency: 2 * time.Millisecond, CommitRows: 3})
		rng := rand.New(rand.NewPCG(1, 2))
		type promise struct {
			at       int // how many selections had been made
			selected presence.Selectable
		}
		var mu sync.Mutex
		acked := map[presence.AgentID]promise{} // guarded by mu
		made := map[presence.AgentID][]presence.Selectable{}
		seen := map[presence.AgentID]uint64{}
		kept := 0
		for range 40 {
			for range 30 {
				id := b.agents[rng.IntN(len(b.agents))]
				want := []presence.Selectable{presence.SelectAvailable, presence.SelectDND}[rng.IntN(2)]
				made[id] = append(made[id], want)
				p := promise{len(made[id]), want}
				b.roster.Apply(id, Change{Ops: []Op{webphone("tab"), Select{want}}}, func(_ *presence.Snapshot, err error) {
					if err == nil {
						mu.Lock()
						acked[id] = p
						mu.Unlock()
					}
				})
				time.Sleep(time.Duration(rng.IntN(1500)) * time.Microsecond)
			}
			for _, id := range b.agents {
				s, _ := b.roster.Snapshot(id)
				seen[id] = s.Version
			}
			b.restart(true)
			for _, id := range b.agents {
				s, _ := b.roster.Snapshot(id)
				if s.Version <= seen[id] {
					t.Errorf("version %x after %x", s.Version, seen[id])
				}
				// What was made later may have been committed without an answer.
				p, ok := acked[id]
				possible := p.at == 0
				for i, v := range made[id] {
					if i+1 >= p.at && v == s.Selected.Status {
						possible = true
					}
				}
				if ok && p.at == len(made[id]) {
					kept++
				}
				if !possible {
					t.Fatalf("%s is selected, %s was acknowledged last", s.Selected.Status, p.selected)
				}
				delete(acked, id)
				made[id] = nil
			}
		}
		if kept == 0 {
			t.Error("nothing was ever acknowledged last; the test shows little")
		}
		b.close()
	})
}

// TestOverSQLite takes the state through a real file.
func TestOverSQLite(t *testing.T) {
	path := t.TempDir() // a data directory
	var id presence.AgentID
	for boot := range 3 {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Dir: path})
		if err != nil {
			t.Fatal(err)
		}
		dir, err := directory.Open(t.Context(), st)
		if err != nil {
			t.Fatal(err)
		}
		if boot == 0 {
			dom := presence.DomainID{ID: presence.NewID()}
			e := directory.Edit{
				Domains: []presence.Domain{{ID: dom, Names: []string{"demo.test"}, Realm: "demo.test"}},
				Agents:  []presence.Agent{{Domain: dom, Number: "1001"}},
			}
			if err := dir.Apply(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			id = e.Agents[0].ID
		}
		r, err := Open(t.Context(), Options{Store: st, Directory: dir, Metrics: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		if boot == 0 {
			c := Change{Actor: "agent:1001", Reason: "writing", Ops: []Op{
				webphone("tab"), Select{presence.SelectDND},
				SetOptions{presence.Options{Mobile: true, Numbers: []presence.Number{{Number: "+49123", Enabled: true}}}},
				campaignLeg("l", "c", presence.LegTalking), EndLeg{"l"},
			}}
			if _, err := r.Do(t.Context(), id, c); err != nil {
				t.Fatal(err)
			}
		}
		s, _ := r.Snapshot(id)
		if s.Team.Text() != "Wrap Up" || s.Selected.Status != presence.SelectDND || s.Selected.Actor != "agent:1001" ||
			s.Selected.Reason != "writing" || s.WrapUp == nil || len(s.Settings.Options.Numbers) != 1 || s.Version>>32 != uint64(boot+1) {
			t.Errorf("boot %d: %+v", boot+1, s)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		b.ok(b.roster.Close())
		reg := prometheus.NewRegistry()
		b.o.Metrics = reg
		b.open()
		b.do("", webphone("tab"))
		_, _ = b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{RestoreOptions{}}})
		for name, want := range map[string]float64{
			"lamplight_roster_changes_total": 1, "lamplight_roster_refused_total": 1, "lamplight_roster_snapshots_total": 1,
		} {
			if got, ok := counted(t, reg)[name]; !ok || got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		b.close()
		if left := counted(t, reg); len(left) != 0 {
			t.Errorf("left after Close: %v", left)
		}
	})
}

func counted(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		out[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
	}
	return out
}
