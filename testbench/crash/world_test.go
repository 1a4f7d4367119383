//go:build testbench

// Package crash kills a real server under load, again and again, and holds it to
// its promises: what was acknowledged is there, no number goes backward, and
// lamps are right again although no phone does anything.
package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

const domain = "demo.lamplight.test"

// How many take part. Watched agents have a phone that registers, calls that a
// PBX publishes and statuses selected by API; the others watch them.
const (
	watched  = 40
	watchers = 20
	first    = 2001
)

func number(i int) string { return fmt.Sprint(first + i) }

// world is everybody around the server and what the server acknowledged to each.
type world struct {
	t   *testing.T
	srv *lab.Server

	desks   []*desk
	watches []*watch
	streams []*stream
	calls   []*caller
	picks   []*picker
	counts  [6]atomic.Int64

	mu       sync.Mutex
	versions map[string]uint64 // highest snapshot seen by agent; guarded by mu
}

// config is the demo's, where every registered phone makes its agent online, so
// that all statuses are seen without browsers.
func config(t *testing.T) string {
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// The desk phones of this test have up to three contacts.
	return lab.Ports(strings.NewReplacer("    grace: 5s\n", "    grace: 5s\n    online_by: any_device\n", "desk: {contacts: 2}", "desk: {contacts: 3}").Replace(string(b)))
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, versions: map[string]uint64{}}
	w.srv = lab.Start(t, lab.Options{Config: config(t)})
	var csv strings.Builder
	csv.WriteString("number,password,name,team\n")
	for i := range watched + watchers {
		fmt.Fprintf(&csv, "%s,secret-%s,Agent %s,crash\n", number(i), number(i), number(i))
	}
	w.srv.Import(csv.String())

	line := func(local string) *phone.Line {
		l, err := phone.UDP(local, w.srv.SIP)
		if err != nil {
			t.Fatal(err)
		}
		l.Timeout = time.Second
		t.Cleanup(l.Close)
		return l
	}
	pbx := line("127.0.0.1") // the peer's address: trusted
	for i := range watched {
		p := &phone.Phone{Line: line(fmt.Sprintf("127.0.0.%d", 2+i%8)), User: number(i), Number: number(i), Domain: domain, Password: "secret-" + number(i)}
		w.desks = append(w.desks, &desk{w: w, p: p})
		w.calls = append(w.calls, &caller{w: w, number: number(i), pub: phone.Publisher{
			Phone: &phone.Phone{Line: pbx, Domain: domain, Anonymous: true}, AOR: "sip:" + number(i) + "@" + domain, Kind: "regular"}})
		w.picks = append(w.picks, &picker{w: w, number: number(i)})
	}
	for i := range watchers {
		n := number(watched + i)
		p := &phone.Phone{Line: line(fmt.Sprintf("127.0.0.%d", 20+i%5)), User: n, Number: n, Domain: domain, Password: "secret-" + n}
		for range 4 {
			for _, event := range []string{"dialog", "presence"} {
				w.watches = append(w.watches, &watch{w: w, s: &phone.Watch{Phone: p, Target: number(rand.IntN(watched)), Event: event}})
			}
		}
	}
	for i := range 4 {
		l, err := phone.TCP("127.0.0.50", w.srv.SIP)
		if err != nil {
			t.Fatal(err)
		}
		l.Timeout = time.Second
		t.Cleanup(l.Close)
		n := fmt.Sprint(1001 + i)
		p := &phone.Phone{Line: l, User: n, Number: n, Domain: domain, Password: "demo-" + n}
		w.streams = append(w.streams, &stream{w: w, line: l, d: &desk{w: w, p: p}, s: &watch{w: w, s: &phone.Watch{Phone: p, Target: number(i), Event: "dialog"}}})
	}
	return w
}

// actor is one who works until told to stop.
type actor interface{ act(r *rand.Rand) }

// run lets everybody work for a time, calls then, and waits until all have
// stopped.
func (w *world) run(r *rand.Rand, d time.Duration, then func()) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	start := func(actors ...actor) {
		seed := r.Uint64()
		all.Go(func() {
			own := rand.New(rand.NewPCG(seed, 1))
			for {
				select {
				case <-stop:
					return
				default:
					actors[own.IntN(len(actors))].act(own)
				}
			}
		})
	}
	for _, d := range w.desks {
		start(d)
	}
	for i := 0; i < len(w.watches); i += 8 { // a watcher's watches share its phone
		var mine []actor
		for _, s := range w.watches[i : i+8] {
			mine = append(mine, s)
		}
		start(mine...)
	}
	for _, s := range w.streams {
		start(s)
	}
	for i := 0; i < watched; i += 5 {
		var mine, picks []actor
		for j := i; j < i+5; j++ {
			mine, picks = append(mine, w.calls[j]), append(picks, w.picks[j])
		}
		start(mine...)
		start(picks...)
	}
	start(poll{w})
	time.Sleep(d)
	then()
	close(stop)
	all.Wait()
}

// poll looks at everybody's snapshot numbers while the others work.
type poll struct{ w *world }

func (p poll) act(*rand.Rand) {
	time.Sleep(50 * time.Millisecond)
	_ = p.w.look()
}

// look notes snapshot numbers and says which went backward.
func (w *world) look() error {
	var list struct {
		Agents []lab.Agent `json:"agents"`
	}
	status, err := w.srv.TryAPI("GET", "/agents?limit=200", nil, &list)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("list agents: HTTP %d, %w", status, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range list.Agents {
		if a.Version < w.versions[a.Number] {
			w.t.Errorf("snapshot of %s went from %d to %d", a.Number, w.versions[a.Number], a.Version)
		}
		w.versions[a.Number] = max(w.versions[a.Number], a.Version)
	}
	if len(list.Agents) < watched+watchers {
		return fmt.Errorf("only %d agents listed", len(list.Agents))
	}
	return nil
}
