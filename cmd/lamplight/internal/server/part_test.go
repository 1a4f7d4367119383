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
	for _, size := range []int{0, 1, 9, 10, 11, 19, 20, 21, 100} {
		var all, got []string
		for i := range size {
			all = append(all, fmt.Sprintf("%03d", i))
		}
		after := ""
		for range size + 2 {
			p := part[string]{after: after, most: 10}
			for _, i := range append(rand.Perm(size), rand.Perm(size)...) { // some twice
				p.offer(all[i], func() string { return all[i] })
			}
			items, next := p.done()
			if len(items) > 10 {
				t.Fatalf("a part of %d", len(items))
			}
			got = append(got, items...)
			if after = next; after == "" {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("%d entries come back as %v", size, got)
		}
	}
}

func BenchmarkPartOfManyEntries(b *testing.B) {
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("%016x", rand.Uint64())
	}
	for b.Loop() {
		p := part[int]{most: 10_000}
		for i := range keys {
			p.offer(keys[i], func() int { return i })
		}
		p.done()
	}
}
