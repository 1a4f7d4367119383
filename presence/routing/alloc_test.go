//go:build !race

package routing

import "testing"

// TestEncodeAllocations: what has a text of its own (times, identities) and the two values.
// (The race detector makes sync.Pool forget at random, so it is not counted there.)
func TestEncodeAllocations(t *testing.T) {
	r := aRecord()
	if got := testing.AllocsPerRun(1000, func() { _, _, _ = r.Encode() }); got > 26 {
		t.Errorf("%v allocations, want at most 26", got)
	}
}
