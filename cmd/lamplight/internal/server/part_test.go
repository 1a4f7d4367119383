package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPartsAreTheWholeInOrder: whatever the order entries are offered in, the
// parts together have each once.
func TestPartsAreTheWholeInOrder(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 11, 100} {
		var all, got []string
		for i := range size {
			all = append(all, fmt.Sprintf("%03d", i))
		}
		after := ""
		for range size + 2 {
			p := part[string]{after: after, most: 10}
			for _, i := range rand.Perm(size) {
				p.offer(all[i], func() string { return all[i] })
			}
			if len(p.items) > 10 {
				t.Fatalf("a part of %d", len(p.items))
			}
			got = append(got, p.items...)
			if after = p.next(); after == "" {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("%d entries come back as %v", size, got)
		}
	}
}
