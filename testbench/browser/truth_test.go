//go:build testbench

package browser

import (
	"fmt"
	"os"
	"path/filepath"
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
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.took[what] == nil {
		t.order = append(t.order, what)
	}
	t.took[what] = append(t.took[what], took)
	t.limit[what] = limit
	if took > limit {
		tb.Errorf("%s: %s, at most %s", what, took.Round(time.Millisecond), limit)
	}
}

func (t *truth) table() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	b.WriteString("| what happened | times | p50 ms | max ms | at most ms |\n|---|---|---|---|---|\n")
	slices.Sort(t.order)
	for _, what := range t.order {
		l := slices.Sorted(slices.Values(t.took[what]))
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", what, len(l), l[len(l)/2].Milliseconds(), l[len(l)-1].Milliseconds(), t.limit[what].Milliseconds())
	}
	return b.String()
}

const section = "## Webphone truth"

// write replaces the section of the results.
func (t *truth) write(file string) error {
	return replace(file, section, time.Now().UTC().Format(time.DateOnly)+
		". Repeat, after `make build`: `RESULTS=1 go test -tags testbench -count 3 -timeout 20m -run 'Granted|Revoked|Closing|Silent|Killed|Frozen' ./testbench/browser`.\n"+
		"A real Chromium, headless, with a fake microphone; the server and it on the same machine, over loopback. From the moment "+
		"something happened to the page until the server's API says so: *no target* means that a call is not offered to the "+
		"webphone any more, *Offline* what the team sees. The grace time is 5 s.\n\n"+t.table())
}

// replace writes a section of a file anew and leaves the others alone.
func replace(file, section, is string) error {
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	text := string(old)
	if text == "" {
		text = "# Figures\n"
	}
	is = section + "\n\n" + is
	before, after, had := strings.Cut(text, section+"\n")
	if !had {
		return os.WriteFile(file, []byte(strings.TrimRight(before, "\n")+"\n\n"+is), 0o644)
	}
	rest := ""
	if i := strings.Index(after, "\n## "); i >= 0 {
		rest = after[i:]
	}
	return os.WriteFile(file, []byte(before+is+rest), 0o644)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if len(timings.order) > 0 {
		fmt.Print("\nHow soon the server knows:\n\n" + timings.table() + "\n")
	}
	if len(cuts.order) > 0 {
		fmt.Print("\nA browser's network is cut:\n\n" + cuts.table() + "\n")
	}
	if code == 0 && os.Getenv("RESULTS") == "1" && len(cuts.order) > 0 {
		if err := cuts.writeCuts(filepath.Join("..", "RESULTS.md")); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	if code == 0 && os.Getenv("RESULTS") == "1" && len(timings.order) > 0 {
		if err := timings.write(filepath.Join("..", "RESULTS.md")); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}
