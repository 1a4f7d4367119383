//go:build !race

package digest

import "testing"

// A verification makes no garbage, whatever the algorithm. (The race detector
// makes sync.Pool forget at random, so it is not counted there.)
func TestVerifyAllocations(t *testing.T) {
	for _, alg := range []string{MD5, SHA256} {
		a := testAuthority(t, newUsers(t, alg), Options{})
		ms := prepared(t, a, 1200)
		i := 0
		got := testing.AllocsPerRun(1000, func() {
			if v := a.Verify(ms[i], src()); v.Status != 0 {
				t.Fatalf("request %d: %+v", i, v)
			}
			i++
		})
		if got > 0 {
			t.Errorf("%s: %v allocations per verification", alg, got)
		}
	}
}
