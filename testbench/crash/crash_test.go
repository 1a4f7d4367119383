//go:build testbench

package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// rounds is how often the server is killed; CRASH_ROUNDS says otherwise.
func rounds(t *testing.T) int {
	v := os.Getenv("CRASH_ROUNDS")
	if v == "" {
		return 3
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("CRASH_ROUNDS=%s", v)
	}
	return n
}

// lampsWithin is how soon after a restart every lamp must be right.
const lampsWithin = 10 * time.Second

func TestKillUnderLoad(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("CRASH_SEED"); v != "" {
		seed, _ = strconv.ParseUint(v, 10, 64)
	}
	t.Logf("CRASH_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	for round := range rounds(t) {
		w.run(r, 2*time.Second+time.Duration(r.Int64N(int64(3*time.Second))), w.srv.Kill)
		restarted := time.Now()
		w.srv.Run()
		ready := time.Since(restarted)
		lamps := w.lampsRight(restarted)
		w.acknowledged()
		t.Logf("round %d: ready after %v, lamps right after %v", round+1, ready.Round(time.Millisecond), lamps.Round(time.Millisecond))
		if t.Failed() {
			return
		}
	}
	w.endCalls()
	t.Logf("acknowledged: %d registrations, %d subscriptions, %d publications, %d selections; %d hidden by a crash, %d refused",
		w.counts[registered].Load(), w.counts[subscribed].Load(), w.counts[published].Load(), w.counts[selected].Load(),
		w.counts[unknown].Load(), w.counts[refused].Load())
	for what, name := range map[int]string{registered: "registration", subscribed: "subscription", published: "publication", selected: "selection"} {
		if w.counts[what].Load() < 20 {
			t.Errorf("only %d times was a %s acknowledged: that is no load", w.counts[what].Load(), name)
		}
	}
}

func TestTerminateUnderLoad(t *testing.T) {
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	w := newWorld(t)
	w.run(r, 3*time.Second, func() {
		took, code := w.srv.Terminate(15 * time.Second)
		t.Logf("SIGTERM: ended after %v with code %d", took.Round(time.Millisecond), code)
		if code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
	restarted := time.Now()
	w.srv.Run()
	w.lampsRight(restarted)
	w.acknowledged()
	w.endCalls()
}

// agent is what the API tells of one, as far as it is compared.
type agent struct {
	lab.Agent
	Ringing, Engaged bool
	Selected         struct{ Status, Custom string }
	Legs             []struct{ State string }
}

func (w *world) agent(number string) (a agent) {
	w.t.Helper()
	if status := w.srv.API("GET", "/agents/"+number, nil, &a); status != 200 {
		w.t.Fatalf("agent %s: HTTP %d", number, status)
	}
	return a
}

// lamp is what a watcher of that event must have been told last.
func (a agent) lamp(event string) string {
	if event == "presence" {
		return a.Status.Team.Text
	}
	for _, state := range []string{"talking", "held", "dialling", "ringing"} {
		for _, l := range a.Legs {
			if l.State == state {
				return map[string]string{"talking": "confirmed", "held": "confirmed", "ringing": "early", "dialling": "early"}[state]
			}
		}
	}
	return "terminated"
}

// lampsRight waits until every UDP watcher has been told, after the restart, what
// is true, and says how long that took.
func (w *world) lampsRight(restarted time.Time) time.Duration {
	w.t.Helper()
	lab.Eventually(w.t, lampsWithin-time.Since(restarted), func() error {
		truth := map[string]agent{}
		for _, s := range w.watches {
			if !s.acked {
				continue
			}
			a, ok := truth[s.s.Target]
			if !ok {
				a = w.agent(s.s.Target)
				truth[s.s.Target] = a
			}
			st := s.s.State()
			if st.At.Before(restarted) {
				return fmt.Errorf("%s watching %s (%s) was told nothing since the restart", s.s.Phone.User, s.s.Target, s.s.Event)
			}
			if want := a.lamp(s.s.Event); !strings.HasPrefix(st.Lamp, want) {
				return fmt.Errorf("%s watching %s (%s) sees %q, true is %q", s.s.Phone.User, s.s.Target, s.s.Event, st.Lamp, want)
			}
		}
		return nil
	})
	return time.Since(restarted)
}

// acknowledged wants everything the server said 2xx to.
func (w *world) acknowledged() {
	w.t.Helper()
	if err := w.look(); err != nil {
		w.t.Error(err)
	}
	for _, d := range w.desks {
		challenged := d.p.Challenged
		if err := d.check(); err != nil {
			w.t.Error(err)
		}
		if challenged > 0 && d.p.Challenged != challenged {
			w.t.Errorf("%s was challenged anew: its nonce did not survive", d.p.User)
		}
	}
	for i, c := range w.calls {
		a := w.agent(c.number)
		if err := c.check(a); err != nil {
			w.t.Error(err)
		}
		if err := w.picks[i].check(a); err != nil {
			w.t.Error(err)
		}
	}
	for _, s := range w.streams {
		s.comeBack()
	}
	for _, s := range w.watches {
		if s.acked {
			if res, err := s.s.Subscribe(900); err != nil || res.Status != 200 {
				w.t.Errorf("refresh of %s watching %s: %d %v", s.s.Phone.User, s.s.Target, res.Status, err)
			}
		}
		for _, wrong := range s.s.Wrong() {
			w.t.Error(wrong)
		}
	}
}

func (c *caller) check(a agent) error {
	shown := a.lamp("dialog")
	expect := func(state string) bool {
		if state == "" {
			state = "terminated"
		}
		return shown == state
	}
	if !expect(c.acked) && (!c.hidden || !expect(c.maybe)) {
		return fmt.Errorf("%s: dialog %s, acknowledged was %q (under way %v %q)", c.number, shown, c.acked, c.hidden, c.maybe)
	}
	if c.hidden {
		// RFC 3903 §4.1: a PBX that does not know whether its tag was replaced
		// tries the old one, and publishes anew after 412.
		c.hidden, c.lost, c.acked = false, true, "?"
		if c.publish(c.maybe); c.acked != c.maybe {
			c.lost = false
			c.publish(c.maybe)
		}
		c.lost = false
	}
	return nil
}

func (p *picker) check(a agent) error {
	got := a.Selected.Status
	if got == "custom" {
		got = a.Selected.Custom
	}
	want := p.acked
	if want == "" {
		want = "available"
	}
	if got != want && (p.maybe == "" || got != p.maybe) {
		return fmt.Errorf("%s: %s is selected, acknowledged was %q (under way %q)", p.number, got, p.acked, p.maybe)
	}
	p.acked, p.maybe = got, ""
	return nil
}

// comeBack is what a phone on a stream does when it finds it closed: bindings
// over streams end with them, subscriptions wait for their watcher.
func (s *stream) comeBack() {
	t := s.w.t
	if err := s.line.Reconnect(); err != nil {
		t.Error(err)
		return
	}
	got, err := s.d.held()
	if err != nil {
		t.Error(err)
		return
	}
	if len(got) > 0 {
		t.Errorf("%s: contacts %v over a stream that is gone", s.d.p.User, got)
	}
	s.d.acked, s.d.maybe = nil, nil
	if !s.s.acked {
		return
	}
	before := s.s.s.State().Notifies
	if res, err := s.s.s.Subscribe(900); err != nil || res.Status != 200 {
		t.Errorf("refresh over a new stream: %d %v", res.Status, err)
		return
	}
	lab.Eventually(t, 5*time.Second, func() error {
		st := s.s.s.State()
		if want := s.w.agent(s.s.s.Target).lamp("dialog"); st.Notifies == before || st.Lamp != want {
			return fmt.Errorf("%s over a new stream sees %q, true is %q", s.d.p.User, st.Lamp, want)
		}
		return nil
	})
	for _, wrong := range s.s.s.Wrong() {
		t.Error(wrong)
	}
}

// endCalls ends every call; no lamp may stay lit.
func (w *world) endCalls() {
	w.t.Helper()
	for _, c := range w.calls {
		if slices.Contains([]string{"early", "confirmed"}, c.acked) {
			c.publish("terminated")
		}
	}
	lab.Eventually(w.t, lampsWithin, func() error {
		for _, s := range w.watches {
			if st := s.s.State(); s.acked && s.s.Event == "dialog" && st.Lamp != "terminated" {
				return fmt.Errorf("stuck lamp: %s watching %s sees %q", s.s.Phone.User, s.s.Target, st.Lamp)
			}
		}
		for _, c := range w.calls {
			if a := w.agent(c.number); a.Engaged || a.Ringing {
				return fmt.Errorf("%s still has a call", c.number)
			}
		}
		return nil
	})
}
