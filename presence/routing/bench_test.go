package routing

import (
	"testing"
	"time"

	"lamplight/presence"
)

// TestDecideAllocations: reasons, steps and targets of a typical call.
func TestDecideAllocations(t *testing.T) {
	p := house()
	for name, tc := range map[string]struct {
		s   *presence.Snapshot
		max float64
	}{
		"rings three devices": {snapshot(typical(), p), 5},
		"refused":             {snapshot(typical(leg(presence.Inbound, presence.LegTalking)), p), 2},
	} {
		if got := testing.AllocsPerRun(100, func() { Decide(tc.s, p, Call{Kind: presence.CallRegular, At: t0}) }); got > tc.max {
			t.Errorf("%s: %v allocations, want at most %v", name, got, tc.max)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	p := house()
	for name, f := range map[string]presence.Facts{
		"three devices": typical(),
		"with numbers": typical(numbers(
			presence.Number{ID: dev(8), Number: "+49301", Enabled: true, Delay: 10 * time.Second},
			presence.Number{ID: dev(9), Number: "+49302", Enabled: true, Delay: 20 * time.Second})),
		"refused": typical(leg(presence.Inbound, presence.LegTalking)),
	} {
		s := snapshot(f, p)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(s, p, Call{Kind: presence.CallRegular, At: t0})
			}
		})
	}
}

func BenchmarkDecideOutbound(b *testing.B) {
	p := house()
	s := snapshot(typical(), p)
	b.ReportAllocs()
	for b.Loop() {
		DecideOutbound(s, p, OutboundCall{Number: "+493012345", Device: desk, At: t0})
	}
}

// aRecord is the record of a call that rang three devices, and one answered.
func aRecord() *Record {
	p := house()
	s := snapshot(typical(), p)
	call := Call{ID: "a84b4c76e66710@192.0.2.1", Kind: presence.CallRegular, Caller: "sip:+390612345@acme.example", At: t0}
	r := &Record{
		Inputs:  Inputs{Snapshot: s, Policy: p, Call: &call},
		Outcome: Outcome{ID: presence.NewID().String(), Decision: Decide(s, p, call), Status: 200},
	}
	for _, what := range []string{"called", "rings", "answered"} {
		r.Tries = append(r.Tries, Try{Target: "b0", What: what, Status: 180, At: t0})
	}
	return r
}

func BenchmarkEncode(b *testing.B) {
	r := aRecord()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}
