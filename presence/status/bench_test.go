package status

import (
	"testing"
	"time"

	"lamplight/presence"
)

// TestEvaluateAllocations: the list of devices, and nothing else, for an agent at
// rest; the list of dialogs more for one on a call.
func TestEvaluateAllocations(t *testing.T) {
	p := house()
	for name, tc := range map[string]struct {
		facts presence.Facts
		max   float64
	}{
		"nothing known": {presence.Facts{}, 0},
		"typical":       {agent(), 1},
		"on a call":     {agent(leg("a", presence.Inbound, presence.LegTalking)), 2},
		"custom":        {agent(selected(presence.SelectCustom("Lunch"))), 1},
	} {
		if got := testing.AllocsPerRun(100, func() { Evaluate(tc.facts, p, t0) }); got > tc.max {
			t.Errorf("%s: %v allocations, want at most %v", name, got, tc.max)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p := house()
	for name, f := range map[string]presence.Facts{
		"nothing":   {},
		"typical":   agent(),
		"on a call": agent(leg("a", presence.Inbound, presence.LegTalking), wrapUp(t0.Add(time.Minute))),
		"much": agent(leg("a", presence.Inbound, presence.LegHeld), leg("b", presence.Outbound, presence.LegTalking),
			offer(t0.Add(time.Second)), selected(presence.SelectCustom("Campaign")), func(f *presence.Facts) {
				f.Settings.Options.Numbers = []presence.Number{{ID: dev(8), Number: "1", Enabled: true}, {ID: dev(9), Number: "2", Enabled: true}}
			}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(f, p, t0)
			}
		})
	}
}
