package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/testbench/load/phone"
)

// refreshAtOnce has thousands of subscriptions refreshed at the same moment, as
// after a power cut or when a switch comes back: once with nothing to write, once
// with a new contact each, so that every one is committed.
func (b *bench) refreshAtOnce() error {
	watches := b.watches[:min(b.o.burst, len(b.watches))]
	for _, moved := range []bool{false, true} {
		name := fmt.Sprintf("%s SUBSCRIBE refreshes sent at once, nothing to write", thousands(len(watches)))
		if moved {
			name = fmt.Sprintf("%s SUBSCRIBE refreshes sent at once, each with a new contact: 200 after the commit", thousands(len(watches)))
			for _, w := range watches {
				w.Contact = "<" + w.Phone.Contact(1) + ">"
			}
		}
		if err := b.burst(name, watches); err != nil {
			return err
		}
	}
	return nil
}

// mend is how long the retransmissions of a request go on (RFC 3261 §17.1.2.2).
const mend = 32 * time.Second

func (b *bench) burst(name string, watches []*phone.Watch) error {
	n := len(watches)
	granted, told := make([]time.Duration, n), make([]time.Duration, n)
	var start time.Time
	var refused, untold atomic.Int64
	var ready, all sync.WaitGroup
	ready.Add(n)
	release := make(chan struct{})
	resent := b.resent()
	for _, l := range b.lines {
		l.Timeout = mend
	}
	for i, w := range watches {
		news := make(chan time.Time, 1)
		w.OnNotify = func(*phone.Watch) {
			select {
			case news <- time.Now():
			default:
			}
		}
		all.Go(func() {
			ready.Done()
			<-release
			if !ok(w.Subscribe(3600)) {
				refused.Add(1)
				return
			}
			granted[i] = time.Since(start)
			select {
			case at := <-news:
				told[i] = at.Sub(start)
			case <-time.After(mend):
				untold.Add(1)
			}
		})
	}
	ready.Wait()
	b.s.forgetPeak()
	peaks := b.s.peaks("lamplight_notify_queue", "lamplight_store_queue_rows", `lamplight_sip_transactions{kind="client"}`)
	cpu := b.s.cpu()
	b.s.profiled(slug(name), func() {
		start = time.Now()
		close(release)
		all.Wait()
	})
	cpu = b.s.cpu() - cpu
	depth := peaks()
	_, most := b.s.memory()
	for i, w := range watches {
		w.OnNotify = nil
		w.Phone.Line.Timeout = 5 * time.Second
		told[i] = max(told[i], granted[i]) // a refresh is over with both
	}
	r := row{name: name, ops: n, cpu: float64(cpu.Microseconds()) / float64(n), failures: int(refused.Load() + untold.Load())}
	r.p50, r.p99 = percentiles(granted)
	n50, n99 := percentiles(told)
	last200, lastNotify := granted[n-1], told[n-1]
	r.perSec = float64(n) / lastNotify.Seconds()
	b.rows = append(b.rows, r)
	b.fact("%s: last 200 after **%.2f s**, last NOTIFY after **%.2f s** (p50 %s ms, p99 %s ms, all since the first was sent); %.1f s of CPU; "+
		"at most %s waiting for a worker, %s rows for the store, %s NOTIFYs in flight; RSS at most %.0f MB; %s requests sent again by the phones.",
		name, last200.Seconds(), lastNotify.Seconds(), ms(n50), ms(n99), cpu.Seconds(),
		thousands(depth[0]), thousands(depth[1]), thousands(depth[2]), most, thousands(int(b.resent()-resent)))
	// What bounds the queues: a subscription waits for a worker at most once, and
	// so does its SUBSCRIBE; it has at most one row under way, and one NOTIFY in
	// flight.
	for i, limit := range []int{2 * n, n, n} {
		if slack := limit / 10; depth[i] > limit+slack {
			b.wrong = append(b.wrong, fmt.Sprintf("%s: %d waiting where %d should be the most", name, depth[i], limit))
		}
	}
	return nil
}

func (b *bench) resent() (n int64) {
	for _, l := range b.lines {
		n += l.Resent.Load()
	}
	return n
}

// forgetPeak makes the highest resident set begin anew (proc_pid_clear_refs(5)).
func (s *server) forgetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0o200)
}

// peaks looks at gauges of the server often until the function returned is
// called, which returns the highest value of each.
func (s *server) peaks(names ...string) (end func() []int) {
	stop, done := make(chan struct{}), make(chan struct{})
	highest := make([]int, len(names))
	ask := poller()
	look := func() {
		res, err := ask.Get("http://" + s.http + "/metrics")
		if err != nil {
			return
		}
		defer func() { _ = res.Body.Close() }()
		sum := make([]int, len(names)) // of the series of a name
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			for i, name := range names {
				rest, is := strings.CutPrefix(lines.Text(), name)
				if !is || rest == "" || rest[0] != ' ' && rest[0] != '{' {
					continue
				}
				v, _ := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
				sum[i] += int(v)
			}
		}
		if res.StatusCode == http.StatusOK {
			for i, v := range sum {
				highest[i] = max(highest[i], v)
			}
		}
	}
	go func() {
		defer close(done)
		t := time.NewTicker(25 * time.Millisecond)
		defer t.Stop()
		for {
			look()
			select {
			case <-stop:
				return
			case <-t.C:
			}
		}
	}()
	return func() []int {
		close(stop)
		<-done
		return highest
	}
}
