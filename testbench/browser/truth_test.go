//go:build testbench

package browser

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// truth collects how long the server took to know what happened to a page.
type truth struct {
	mu    sync.Mutex
	order []string                   // guarded by mu
	took  map[string][]time.Duration // guarded by mu
	limit map[string]time.Duration   // guarded by mu
}

var timings = truth{took: map[string][]time.Duration{}, limit: map[string]time.Duration{}} //nolint:gochecknoglobals // one table for the whole run, printed at its end

// held notes one time and fails the test when it is over the limit.
func held(t testing.TB, what string, took, limit time.Duration) {
	t.Helper()
	timings.held(t, what, took, limit)
}

func (t *truth) held(tb testing.TB, what string, took, limit time.Duration) {
	tb.Helper()
	t.note(what, took, limit)
	if took > limit {
		tb.Errorf("%s: %s, at most %s", what, took.Round(time.Millisecond), limit)
	}
}

func (t *truth) note(what string, took, limit time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.took[what] == nil {
		t.order = append(t.order, what)
	}
	t.took[what] = append(t.took[what], took)
	t.limit[what] = limit
}

// percentile of sorted times: the smallest that so many percent do not exceed.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

func (t *truth) table() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	b.WriteString("| what happened | times | p50 ms | p99 ms | max ms | at most ms |\n|---|--:|--:|--:|--:|--:|\n")
	slices.Sort(t.order)
	for _, what := range t.order {
		l := slices.Sorted(slices.Values(t.took[what]))
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", what, len(l), percentile(l, 50).Milliseconds(),
			percentile(l, 99).Milliseconds(), l[len(l)-1].Milliseconds(), t.limit[what].Milliseconds())
	}
	return b.String()
}
