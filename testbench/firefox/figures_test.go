//go:build testbench

package firefox

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// figures collects how long things took.
type figures struct {
	mu    sync.Mutex
	took  map[string][]time.Duration // guarded by mu
	limit map[string]time.Duration   // guarded by mu
}

var timings = figures{took: map[string][]time.Duration{}, limit: map[string]time.Duration{}} //nolint:gochecknoglobals // one table for the whole run, printed at its end

// held notes one time and fails the test when it is over the limit.
func held(t testing.TB, what string, took, limit time.Duration) {
	t.Helper()
	timings.mu.Lock()
	defer timings.mu.Unlock()
	timings.took[what] = append(timings.took[what], took)
	timings.limit[what] = limit
	if took > limit {
		t.Errorf("%s: %s, at most %s", what, took.Round(time.Millisecond), limit)
	}
}

func (f *figures) table() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	b.WriteString("| what happened | times | p50 ms | max ms | at most ms |\n|---|---|---|---|---|\n")
	var all []string
	for what := range f.took {
		all = append(all, what)
	}
	slices.Sort(all)
	for _, what := range all {
		l := slices.Sorted(slices.Values(f.took[what]))
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", what, len(l), l[len(l)/2].Milliseconds(), l[len(l)-1].Milliseconds(), f.limit[what].Milliseconds())
	}
	return b.String()
}

const (
	section = "## In Firefox"
	command = "RESULTS=1 go test -tags testbench -count 5 -parallel 1 -timeout 30m -run 'Proven|Closing|Killed|Frozen|Answers|Calls' ./testbench/firefox"
)

// write replaces the section of the results and leaves the others alone.
func (f *figures) write(file, version string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	is := section + "\n\n" + time.Now().UTC().Format(time.DateOnly) + ", " + version +
		". Repeat, after `make build`: `" + command + "`.\n" +
		"A real Firefox, headless, with its fake microphone, beside the server on the same machine. *No target*: a call is not " +
		"offered to the webphone any more; *Offline*: what the team sees. The grace time is 5 s.\n\n" + f.table()
	before, after, had := strings.Cut(string(old), section+"\n")
	if !had {
		return os.WriteFile(file, []byte(strings.TrimRight(before, "\n")+"\n\n"+is), 0o644)
	}
	rest := ""
	if i := strings.Index(after, "\n## "); i >= 0 {
		rest = after[i:]
	}
	return os.WriteFile(file, []byte(before+is+rest), 0o644)
}

// beside is how many tests run at once: they mostly wait. What is measured is alone.
const beside = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	results := os.Getenv("RESULTS") == "1"
	if !results {
		_ = flag.Set("test.parallel", beside)
	}
	code := m.Run()
	if len(timings.took) > 0 {
		fmt.Print("\nIn Firefox:\n\n" + timings.table() + "\n")
	}
	if code == 0 && results {
		if err := timings.write(filepath.Join("..", "RESULTS.md"), version()); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}
