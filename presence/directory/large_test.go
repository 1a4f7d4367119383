package directory

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// TestLargeEditIsWholeOrNothing fails a large edit at each of its batches in
// turn. Memory, and a directory opened from what is on disk, must both be as
// before; also when the tidying up fails as well, as after a crash.
func TestLargeEditIsWholeOrNothing(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, dead := range []bool{false, true} {
		for at := 1; ; at++ {
			st := newStore(t)
			d, dom := house(t, st)
			before := crew(dom, 1, 10)
			must(t, d.Apply(t.Context(), before))
			was := maps.Clone(st.recs)
			e := crew(dom, 1001, 700) // 2800 records
			for i := range before.Agents {
				a := before.Agents[i]
				a.Name = "changed"
				e.Agents = append(e.Agents, a)
			}
			e.DeleteDevices = []presence.DeviceID{before.Devices[0].ID}
			n := 0
			st.fail = func(store.Batch) error {
				if n++; n == at || dead && n > at {
					return broken
				}
				return nil
			}
			err := d.Apply(t.Context(), e)
			st.fail = nil
			if err == nil {
				if at < 4 {
					t.Fatalf("the edit took %d batches only; the test shows nothing", at-1)
				}
				break
			}
			t.Run(fmt.Sprintf("batch %d, dead %v", at, dead), func(t *testing.T) {
				if !errors.Is(err, broken) {
					t.Fatal(err)
				}
				again, err := Open(t.Context(), st)
				must(t, err)
				for name, d := range map[string]*Directory{"memory": d, "disk": again} {
					if agents, devices := d.Len(); agents != 10 || devices != 30 {
						t.Errorf("%s: %d agents, %d devices", name, agents, devices)
					}
					if a, _ := d.AgentByNumber(dom, "1"); a == nil || a.Name != "Agent 1" {
						t.Errorf("%s: agent 1 is %+v", name, a)
					}
				}
				if len(st.recs) != len(was) {
					t.Errorf("%d records are left on disk, want %d", len(st.recs), len(was))
				}
			})
		}
	}
}

func TestLargeEditSurvivesReopening(t *testing.T) {
	st := newStore(t)
	d, dom := house(t, st)
	must(t, d.Apply(t.Context(), crew(dom, 1, 1)))
	e := crew(dom, 1001, 700)
	old, _ := d.AgentByNumber(dom, "1")
	e.DeleteAgents = []presence.AgentID{old.ID}
	must(t, d.Apply(t.Context(), e))
	for range 3 { // every opening tidies up a little more
		d, err := Open(t.Context(), st)
		must(t, err)
		if agents, devices := d.Len(); agents != 700 || devices != 2100 {
			t.Fatalf("%d agents, %d devices", agents, devices)
		}
		if _, ok := d.Credential(dom, "1500-mobile"); !ok {
			t.Fatal("no credential 1500-mobile")
		}
	}
	log, err := st.Log(t.Context(), store.LogQuery{Kind: "config"})
	must(t, err)
	if len(log) != 1+4+1 {
		t.Errorf("%d log entries, want one for the large edit", len(log))
	}
}

func TestImportOfAHundredThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	d, dom := house(t, newStore(t))
	e := crew(dom, 100000, 100000)
	start := time.Now()
	must(t, d.Apply(t.Context(), e))
	t.Logf("import of 100,000 agents and 300,000 devices: %v", time.Since(start))
	start = time.Now()
	_, err := Open(t.Context(), d.store)
	must(t, err)
	t.Logf("open: %v", time.Since(start))
}

func BenchmarkLookUp(b *testing.B) {
	d, dom := house(b, newStore(b))
	e := crew(dom, 100000, 100000)
	must(b, d.Apply(b.Context(), e))
	now := time.Now()
	b.Run("AgentByAOR", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			a := &e.Agents[i*7919%len(e.Agents)]
			if _, ok := d.AgentByAOR(a.Number, "example.com"); !ok {
				b.Fatal("not found")
			}
		}
	})
	b.Run("Credential", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c := &e.Credentials[i*7919%len(e.Credentials)]
			if _, ok := d.Credential(dom, c.Username); !ok {
				b.Fatal("not found")
			}
		}
	})
	b.Run("Holder", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := d.Holder(e.Devices[i*7919%len(e.Devices)].ID, now); !ok {
				b.Fatal("not found")
			}
		}
	})
	b.Run("Holder/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				d.Holder(e.Devices[i*7919%len(e.Devices)].ID, now)
			}
		})
	})
}
