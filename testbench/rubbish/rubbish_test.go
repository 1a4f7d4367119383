//go:build testbench

// Package rubbish sends a real server everything a server on the Internet is
// sent that it should not be, while a well-behaved phone refreshes and a
// well-behaved watcher watches, who must not notice.
package rubbish

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

const domain = "demo.lamplight.test"

// What the server may not exceed.
const (
	// worstAnswer bounds what a well-behaved client waits for during an attack. A
	// datagram lost to a flood comes again after 500 ms, on processors that the
	// attacker shares with the server.
	worstAnswer = 2 * time.Second
	// growth bounds the resident memory over what a fresh server has, in MB, at any
	// moment of any attack: garbage not yet collected and 1,500 sockets included.
	growth = 128.0
	// kept bounds what is still in use of it when the attackers are gone, in MB.
	kept = 32.0
	// leftGoroutines is how many more goroutines than at the start may be there
	// when all attackers are gone.
	leftGoroutines = 10
)

func TestRubbish(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	w := newWitness(t, srv)
	time.Sleep(2 * time.Second) // everything has been used once
	goroutines, rss, inUse := metric(t, srv, "go_goroutines"), memory(t, srv), live(t, srv)
	w.worst() // of the start does not count
	t.Logf("before: %.0f goroutines, %.0f MB resident, %.0f MB in use", goroutines, rss, inUse)
	for _, a := range []struct {
		name   string
		attack func(*testing.T, *lab.Server)
	}{
		{"torn streams", tornStreams},
		{"too large", tooLarge},
		{"bad XML", badXML},
		{"wrong digests", wrongDigests},
		{"torture messages", torture},
		{"random and mutated datagrams", mutated},
		{"many sources", manySources},
		{"WebSockets", webSockets},
		{"HTTP", badHTTP},
		{"half-open sockets", halfOpen},
	} {
		t.Run(a.name, func(t *testing.T) {
			stop := watchMemory(srv)
			a.attack(t, srv)
			most := stop()
			register, lamp, n := w.worst()
			t.Logf("worst REGISTER %v, worst lamp %v of %d; memory at most %+.0f MB", register.Round(time.Millisecond), lamp.Round(time.Millisecond), n, most-rss)
			if register > worstAnswer || lamp > worstAnswer {
				t.Errorf("a well-behaved client waited %v and %v, more than %v", register, lamp, worstAnswer)
			}
			if most-rss > growth {
				t.Errorf("memory grew by %.0f MB, more than %.0f", most-rss, growth)
			}
			if srv.PID() == 0 || ready(srv) != http.StatusOK {
				t.Fatal("the server is not ready any more")
			}
		})
	}
	w.stop()
	took := lab.Eventually(t, 45*time.Second, func() error {
		if now := metric(t, srv, "go_goroutines"); now > goroutines+leftGoroutines {
			return fmt.Errorf("%.0f goroutines, %.0f at the start", now, goroutines)
		}
		return nil
	})
	left := live(t, srv)
	t.Logf("after: %.0f goroutines after %v, %.0f MB resident, %.0f MB in use", metric(t, srv, "go_goroutines"), took.Round(time.Millisecond), memory(t, srv), left)
	if left > inUse+kept {
		t.Errorf("%.0f MB are in use, %.0f at the start: more than %.0f MB are kept", left, inUse, kept)
	}
	for _, word := range []string{"panic", "runtime error", "fatal error"} {
		if i := strings.Index(srv.Log(), word); i >= 0 {
			t.Errorf("%q in the log: %.2000s", word, srv.Log()[max(0, i-500):])
		}
	}
}

// witness is a phone that refreshes and a watcher whose agent's calls begin and
// end, all the time.
type witness struct {
	t    *testing.T
	done chan struct{}
	all  sync.WaitGroup

	mu             sync.Mutex
	register, lamp time.Duration // worst since last asked; guarded by mu
	n              int           // guarded by mu
}

func newWitness(t *testing.T, srv *lab.Server) *witness {
	w := &witness{t: t, done: make(chan struct{})}
	line := func(local string) *phone.Line {
		l, err := phone.UDP(local, srv.SIP)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		return l
	}
	desk := &phone.Phone{Line: line("127.0.0.2"), User: "1001", Number: "1001", Domain: domain, Password: "demo-1001"}
	watcher := &phone.Phone{Line: line("127.0.0.3"), User: "1002", Number: "1002", Domain: domain, Password: "demo-1002"}
	pub := &phone.Publisher{Phone: &phone.Phone{Line: line("127.0.0.1"), Domain: domain, Anonymous: true}, AOR: "sip:1001@" + domain}
	told := make(chan string, 16)
	s := &phone.Watch{Phone: watcher, Target: "1001", Event: "dialog", OnNotify: func(s *phone.Watch) { told <- s.State().Lamp }}
	if res, err := s.Subscribe(3600); err != nil || res.Status != 200 {
		t.Fatalf("SUBSCRIBE: %d %v", res.Status, err)
	}
	<-told
	w.every(20*time.Millisecond, func() {
		began := time.Now()
		res, err := desk.Register("<" + desk.Contact(0) + ">;expires=3600")
		w.note(&w.register, time.Since(began))
		if err != nil || res.Status != 200 {
			t.Errorf("well-behaved REGISTER: %d %v", res.Status, err)
		}
	})
	calls, states, i := 0, [...]string{"early", "confirmed", "terminated"}, 0
	w.every(100*time.Millisecond, func() {
		if i%3 == 0 {
			calls++
		}
		began := time.Now()
		res, err := pub.Publish(fmt.Sprintf("w%d", calls), states[i%3], 600)
		if err != nil || res.Status != 200 {
			t.Errorf("well-behaved PUBLISH: %d %v", res.Status, err)
			return
		}
		select {
		case lamp := <-told:
			if lamp != states[i%3] {
				t.Errorf("the lamp shows %q, want %q", lamp, states[i%3])
			}
		case <-time.After(5 * time.Second):
			t.Errorf("the watcher was not told of %s", states[i%3])
		}
		w.note(&w.lamp, time.Since(began))
		i++
	})
	t.Cleanup(func() {
		w.stop()
		for _, wrong := range s.Wrong() {
			t.Error(wrong)
		}
	})
	return w
}

func (w *witness) every(d time.Duration, f func()) {
	w.all.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-w.done:
				return
			case <-tick.C:
				f()
			}
		}
	})
}

func (w *witness) note(worst *time.Duration, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*worst = max(*worst, took)
	w.n++
}

// worst returns the worst answers since it was last asked.
func (w *witness) worst() (register, lamp time.Duration, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	register, lamp, n = w.register, w.lamp, w.n
	w.register, w.lamp, w.n = 0, 0, 0
	return register, lamp, n
}

func (w *witness) stop() {
	w.mu.Lock()
	select {
	case <-w.done:
	default:
		close(w.done)
	}
	w.mu.Unlock()
	w.all.Wait()
}

func ready(srv *lab.Server) int {
	res, err := http.Get("http://" + srv.HTTP + "/readyz")
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// metric is the sum of a metric's samples.
func metric(t *testing.T, srv *lab.Server, name string) float64 {
	t.Helper()
	res, err := http.Get("http://" + srv.HTTP + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	sum := 0.0
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, name); ok && (strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "{")) {
			v, _ := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			sum += v
		}
	}
	return sum
}

// live is the heap that the last collections left, in MB.
func live(t *testing.T, srv *lab.Server) float64 {
	t.Helper()
	return metric(t, srv, "go_memstats_next_gc_bytes") / 2 / (1 << 20) // GOGC=100: the next one comes at twice what lives
}

// memory is the server's resident set in MB.
func memory(t *testing.T, srv *lab.Server) float64 {
	t.Helper()
	mb, err := resident(srv.PID())
	if err != nil {
		t.Fatal(err)
	}
	return mb
}

func resident(pid int) (float64, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, fmt.Errorf("statm: %q", b)
	}
	pages, err := strconv.Atoi(f[1])
	return float64(pages*os.Getpagesize()) / (1 << 20), err
}

// watchMemory looks at the resident set until stopped, and returns the most.
func watchMemory(srv *lab.Server) (stop func() float64) {
	done, result := make(chan struct{}), make(chan float64)
	go func() {
		most := 0.0
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				result <- most
				return
			case <-tick.C:
				if mb, err := resident(srv.PID()); err == nil {
					most = max(most, mb)
				}
			}
		}
	}()
	return func() float64 { close(done); return <-result }
}
