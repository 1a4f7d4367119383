//go:build testbench

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// What is found out is printed at the end, and with RESULTS=1 written into
// testbench/RESULTS.md, each in a section of its own.

const truthIntro = "Repeat, after `make build`: `RESULTS=1 TRUTH=100 testbench/truth` (a quarter of an hour).\n" +
	"A real Chromium, headless, with a fake microphone; the servers and browsers on the same machine, over loopback, three at once. From " +
	"the moment something happened to the page until the server's API says so: *no target* means that a call is not offered to the " +
	"webphone any more, *Offline* what the team sees, *known* that the API names the microphone's state. The grace time of a closed " +
	"socket is 5 s. \"At most\" holds for p99. *Simulated in the page*: it is told as a browser tells it, so " +
	"the time from the plug to the browser is not in that figure; a source of PulseAudio's is really removed, while the microphone is open." +
	"\n\n"

const hiddenIntro = "Repeat, after `make build`: `RESULTS=1 HIDDEN=30m testbench/truth`.\n" +
	"A real Chromium, headless, without the flags that keep test browsers awake. A 1 s timer in the page shows how much it was " +
	"throttled; the pings are answered all the same. *Slow* are pings answered after more than 1 s. The agent was looked at four times " +
	"a second, as routing and as the team see it: *suspect*, *no target* and *Offline* must be 0.\n\n"

// rows is a table that grows.
type rows struct {
	head string
	mu   sync.Mutex
	all  [][]string // guarded by mu
}

//nolint:gochecknoglobals // one table for the whole run, printed at its end
var hidden = rows{head: "| page | watched | timer ran | longest gap ms | gaps over 50 s | pings | answers | longest between answers ms | slow | looks | suspect | no target | Offline |"}

func (r *rows) add(t testing.TB, cells []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, cells)
}

func (r *rows) table() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	b.WriteString(r.head + "\n|---|" + strings.Repeat("--:|", strings.Count(r.head, "|")-2) + "\n")
	for _, cells := range r.all {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}

// load is how busy the machine is, for the record.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

var loadBefore = load() //nolint:gochecknoglobals // of the whole run

// replace writes a section of a file anew, or adds it at the end, and leaves the
// others alone.
func replace(file, section, is string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	is = section + "\n\n" + is
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

// stamp is when and on what the figures were taken.
func stamp() string {
	return fmt.Sprintf("%s, %d cores; load average before %s, after %s. ", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), loadBefore, load())
}

func TestMain(m *testing.M) {
	code := m.Run()
	file := filepath.Join("..", "RESULTS.md")
	// Only a whole run, which names its size by a variable, is worth writing down.
	record := func(title, size, intro, table string) {
		fmt.Print("\n" + title + ":\n\n" + stamp() + "\n\n" + table + "\n")
		if code != 0 || os.Getenv("RESULTS") != "1" || os.Getenv(size) == "" {
			return
		}
		if err := replace(file, "## "+title, stamp()+intro+table); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	if len(cuts.order) > 0 {
		fmt.Print("\nA browser's network is cut:\n\n" + cuts.table() + "\n")
	}
	if code == 0 && os.Getenv("RESULTS") == "1" && os.Getenv("CUTS") != "" && len(cuts.order) > 0 {
		if err := cuts.writeCuts(file); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	if len(timings.order) > 0 {
		record("Webphone truth", "TRUTH", truthIntro, timings.table())
	}
	if len(hidden.all) > 0 {
		record("Webphones hidden", "HIDDEN", hiddenIntro, hidden.table())
	}
	os.Exit(code)
}
