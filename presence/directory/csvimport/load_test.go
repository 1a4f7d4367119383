package csvimport

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/store/sqlite"
)

// BenchmarkHundredThousand imports 100,000 agents with four devices each into a
// database on disk, and starts from it. rss-MB is the process's resident memory
// after the import, before anything asked for it to be given back.
func BenchmarkHundredThousand(b *testing.B) {
	const n = 100_000
	var file bytes.Buffer
	file.WriteString("number,password,name,team\n")
	for i := range n {
		fmt.Fprintf(&file, "%06d,pw-%d,Agent %d,team-%d\n", 100000+i, i, i, i%40)
	}
	for b.Loop() {
		dir := b.TempDir()
		st, err := sqlite.Open(b.Context(), sqlite.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		d, err := directory.Open(b.Context(), st)
		if err != nil {
			b.Fatal(err)
		}
		dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"one.test"}, Realm: "one.test"}
		if err := d.Apply(b.Context(), directory.Edit{Domains: []presence.Domain{dom}}); err != nil {
			b.Fatal(err)
		}
		start, used := time.Now(), processor(b)
		r, err := Import(b.Context(), Options{Directory: d, Domain: dom.ID, HA1: ha1}, bytes.NewReader(file.Bytes()))
		if err != nil || r.Created != n {
			b.Fatal(r.Created, err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "import-s")
		b.ReportMetric(processor(b)-used, "import-cpu-s")
		b.ReportMetric(resident(b), "rss-MB")
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "heap-MB")
		runtime.KeepAlive(d)
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
		st, err = sqlite.Open(b.Context(), sqlite.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		start, used = time.Now(), processor(b)
		d, err = directory.Open(b.Context(), st)
		if err != nil {
			b.Fatal(err)
		}
		ro, err := roster.Open(b.Context(), roster.Options{Store: st, Directory: d})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "open-s")
		b.ReportMetric(processor(b)-used, "open-cpu-s")
		_ = ro.Close()
		_ = st.Close()
	}
}

// resident is the memory of this process in megabytes; 0 where it cannot be told.
func resident(tb testing.TB) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return kb / 1000
		}
	}
	return 0
}

// processor is the time this process has computed for, in seconds: on a busy
// machine it says more than the clock.
func processor(tb testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
