//go:build testbench

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// spans are how long the steps of calls took. They are told, not judged: what must be
// true is waited for with patience, and a busy machine fails no test.
type spans struct {
	mu   sync.Mutex
	took map[string][]time.Duration // guarded by mu
}

var calling = spans{took: map[string][]time.Duration{}} //nolint:gochecknoglobals // one table for the whole run

// took notes how long a step of a call took.
func took(t testing.TB, what string, since time.Time) {
	t.Helper()
	d := time.Since(since)
	t.Logf("%s: %s", what, d.Round(time.Millisecond))
	calling.mu.Lock()
	defer calling.mu.Unlock()
	calling.took[what] = append(calling.took[what], d)
}

func (s *spans) tableLocked() string {
	var whats []string
	for what := range s.took {
		whats = append(whats, what)
	}
	slices.Sort(whats)
	var b strings.Builder
	b.WriteString("| from: to | times | p50 ms | max ms |\n|---|--:|--:|--:|\n")
	for _, what := range whats {
		l := slices.Sorted(slices.Values(s.took[what]))
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", what, len(l), l[len(l)/2].Milliseconds(), l[len(l)-1].Milliseconds())
	}
	return b.String()
}

const spansSection = "## Calls in a browser"

const spansIntro = "Repeat, after `make build` and `testbench/install sipp chromium`: " +
	"`RESULTS=1 go test -tags testbench -count 3 -parallel 1 -timeout 20m -run 'CallsOf|TransfersOf|PagesCallEach|EarlyMedia|StopsRinging' ./testbench/browser`.\n" +
	"A real Chromium, headless, whose microphone hears a tone; the other side is SIPp, another Chromium, or a desk phone of the testbench, " +
	"all on the same machine, over loopback. *Heard*: the tone of the other side is the loudest there is, by its frequency; " +
	"that alone takes 0.2 s to 0.4 s of sound. The page is looked at every 5 ms, SIPp's log too.\n\n"

// figures has RESULTS.md tell what this run took so far, once the test has passed.
func figures(t *testing.T) {
	t.Helper()
	if os.Getenv("RESULTS") != "1" {
		return
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		calling.mu.Lock()
		defer calling.mu.Unlock()
		file := filepath.Join("..", "RESULTS.md")
		busy, err := os.ReadFile("/proc/loadavg")
		if err != nil {
			t.Error(err)
		}
		is := fmt.Sprintf("%s, %d cores, load average at the end %.14s. %s", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), busy, spansIntro)
		if err := replace(file, spansSection, is+calling.tableLocked()); err != nil {
			t.Error(err)
		}
	})
}
