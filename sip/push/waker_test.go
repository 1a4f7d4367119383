package push

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
)

// phones is a registrar of sleeping and waking devices, and a sender that keeps
// what it is given.
type phones struct {
	mu     sync.Mutex
	asleep map[string]Sleeper // mu; by binding
	awake  map[string]string  // mu; binding by the one that slept
	ended  []string           // mu
	sent   []Message          // mu
	done   []func(error)      // mu
}

func newPhones(bindings ...string) *phones {
	p := &phones{asleep: map[string]Sleeper{}, awake: map[string]string{}}
	for _, b := range bindings {
		p.asleep[b] = Sleeper{Binding: b, Account: "1001@demo.test", Target: Target{Provider: "x", PRID: "token of " + b}}
	}
	return p
}

func (p *phones) Sleeper(_ presence.AgentID, binding string) (Sleeper, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.asleep[binding]
	return s, ok
}

func (p *phones) Awake(_ presence.AgentID, s Sleeper, _ time.Time) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.awake[s.Binding]
	return b, ok
}

func (p *phones) EndPush(_ presence.AgentID, s Sleeper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, s.Binding)
}

func (p *phones) Send(m Message, done func(error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent, p.done = append(p.sent, m), append(p.done, done)
}

func (p *phones) wake(binding, as string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awake[binding] = as
}

// told collects events as text.
type told struct {
	mu   sync.Mutex
	text []string
}

func (c *told) on(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := e.Asked + " " + e.Text()
	if e.Woken {
		s += " by " + e.Binding
	}
	if e.Last {
		s += "."
	}
	c.text = append(c.text, s)
}

func (c *told) want(t *testing.T, text ...string) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.text, text) {
		t.Errorf("told %q, want %q", c.text, text)
	}
}

var agent = presence.AgentID{ID: presence.ID{15: 1}}

func inBubble(t *testing.T, p *phones, o WakerOptions, f func(t *testing.T, w *Waker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Bindings, o.Sender = p, p
		w := NewWaker(o)
		defer w.Close()
		f(t, w)
		if n := w.waiting.Load(); n != 0 {
			t.Errorf("%d calls wait for ever", n)
		}
	})
}

func TestDeviceWakes(t *testing.T) {
	p := newPhones("a", "b")
	inBubble(t, p, WakerOptions{}, func(t *testing.T, w *Waker) {
		var c told
		w.Wake(agent, []string{"a", "b"}, "call-1", c.on)
		if len(p.sent) != 2 || p.sent[0].Call != "call-1" || p.sent[0].Account != "1001@demo.test" || time.Until(p.sent[0].Until) != 8*time.Second {
			t.Fatalf("sent %+v", p.sent)
		}
		p.done[0](nil)
		time.Sleep(2100 * time.Millisecond)
		w.Changed(agent)
		c.want(t)
		p.wake("a", "a2")
		w.Changed(agent)
		w.Changed(agent)
		c.want(t, "a woken by push after 2.1 s by a2")
		time.Sleep(time.Minute)
		c.want(t, "a woken by push after 2.1 s by a2", "b did not wake within 8s.")
		if l, ok := w.Last("a2"); !ok || l.Text != "woken by push after 2.1 s" {
			t.Errorf("last %+v", l)
		}
	})
}

// It may have registered between the decision and the wait.
func TestDeviceThatIsAwakeAlreadyIsTold(t *testing.T) {
	p := newPhones("a")
	p.wake("a", "a")
	inBubble(t, p, WakerOptions{}, func(t *testing.T, w *Waker) {
		var c told
		w.Wake(agent, []string{"a"}, "", c.on)
		c.want(t, "a woken by push after 0.0 s by a.")
	})
}

func TestDeviceThatCannotBeWoken(t *testing.T) {
	for name, tc := range map[string]struct {
		err   error
		want  string
		ended bool
	}{
		"token gone": {fmt.Errorf("%w: 410", ErrGone), "a its push token is no longer valid.", true},
		"busy":       {ErrBusy, "a it could not be woken: too many pushes wait.", false},
		"refused":    {ErrRefused, "a it could not be woken: the push service refused the push.", false},
		"an outage":  {fmt.Errorf("push: 500"), "a it could not be woken: the push service does not answer as it should.", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPhones("a")
			inBubble(t, p, WakerOptions{}, func(t *testing.T, w *Waker) {
				var c told
				w.Wake(agent, []string{"a"}, "", c.on)
				time.Sleep(time.Second)
				p.done[0](tc.err)
				c.want(t, tc.want)
				if (len(p.ended) == 1) != tc.ended {
					t.Errorf("ended %v", p.ended)
				}
			})
		})
	}
}

func TestBindingThatNoPushWakesIsTold(t *testing.T) {
	p := newPhones("a")
	inBubble(t, p, WakerOptions{}, func(t *testing.T, w *Waker) {
		var c, none told
		w.Wake(agent, []string{"gone"}, "", none.on)
		none.want(t, "gone no push can wake it.")
		w.Wake(agent, []string{"gone", "a"}, "", c.on)
		c.want(t, "gone no push can wake it")
		time.Sleep(9 * time.Second)
		c.want(t, "gone no push can wake it", "a did not wake within 8s.")
	})
}

func TestAStoppedWaitIsTheEndOfEvents(t *testing.T) {
	p := newPhones("a")
	inBubble(t, p, WakerOptions{}, func(t *testing.T, w *Waker) {
		var c told
		stop := w.Wake(agent, []string{"a"}, "", c.on)
		stop()
		stop()
		p.wake("a", "a")
		w.Changed(agent)
		p.done[0](ErrGone)
		time.Sleep(time.Minute)
		c.want(t)
	})
}

func TestWaitsAreBoundedAndEndWithTheWaker(t *testing.T) {
	p := newPhones("a", "b")
	synctest.Test(t, func(t *testing.T) {
		w := NewWaker(WakerOptions{Bindings: p, Sender: p, Waits: 1})
		var c, more, late told
		w.Wake(agent, []string{"a"}, "", c.on)
		w.Wake(agent, []string{"b"}, "", more.on)
		more.want(t, "b too many calls wait for mobiles.")
		w.Close()
		c.want(t, "a the server is stopping.")
		w.Wake(agent, []string{"a"}, "", late.on)
		late.want(t, "a the server is stopping.")
	})
}

// Many calls, registrations and ends at once: each device is told of once.
func TestEachDeviceIsToldOfOnce(t *testing.T) {
	p := newPhones("a", "b", "c")
	w := NewWaker(WakerOptions{Bindings: p, Sender: p, Wait: 20 * time.Millisecond})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			var c told
			ended := make(chan struct{})
			w.Wake(agent, []string{"a", "b", "c"}, "", func(e Event) {
				c.on(e)
				if e.Last {
					close(ended)
				}
			})
			p.wake("a", "a")
			w.Changed(agent)
			<-ended
			if len(c.text) != 3 {
				t.Errorf("told %q", c.text)
			}
		})
	}
	all.Wait()
	w.Close()
}

func TestRefreshPushesAndEndsATokenThatIsGone(t *testing.T) {
	p := newPhones("a")
	inBubble(t, p, WakerOptions{}, func(t *testing.T, w *Waker) {
		s, _ := p.Sleeper(agent, "a")
		w.Refresh(agent, s)
		if len(p.sent) != 1 || !p.sent[0].Refresh || p.sent[0].PRID != s.PRID {
			t.Fatalf("sent %+v", p.sent)
		}
		p.done[0](ErrBusy)
		if len(p.ended) != 0 {
			t.Error("ended by a push that was not sent")
		}
		w.Refresh(agent, s)
		p.done[1](ErrGone)
		if len(p.ended) != 1 {
			t.Error("the token stays")
		}
	})
}
