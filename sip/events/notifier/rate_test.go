package notifier

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/sip/message"
)

func TestFastChangesAreToldNoMoreOftenThanWished(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event = "dialog;max-rate=0.1"
		m := p.live()
		p.wantSub(m, "active;expires=600;max-rate=0.1")
		var mu sync.Mutex
		at, last := []time.Time{time.Now()}, "" // guarded by mu
		p.Handle(func(m *message.Message) *message.Builder {
			mu.Lock()
			defer mu.Unlock()
			at, last = append(at, time.Now()), string(m.Body)
			return message.NewResponse(m, 200, "")
		})
		for i := range 200 { // fifty seconds
			r.set("101", fmt.Sprint("state-", i))
			time.Sleep(250 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < 10*time.Second || gap > 13*time.Second {
				t.Errorf("NOTIFY after %v", gap)
			}
		}
		if !strings.HasSuffix(last, "state=state-199") || len(at) < 5 {
			t.Errorf("the last of %d NOTIFYs says %q", len(at), last)
		}
	})
}

func TestAnswersAndEndsAreNeverThrottled(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event = "dialog;max-rate=0.01"
		p.live()
		r.set("101", "talking")
		p.quiet(30 * time.Second)
		start := time.Now()
		p.wantState(p.live(), "talking") // a refresh asks for it
		r.set("101", "idle")
		p.expiry = "0"
		m := p.live()
		p.wantSub(m, "terminated")
		p.wantState(m, "idle")
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestWishesEndWithARefreshThatHasNone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event = "dialog;max-rate=0.02;id=7"
		p.live()
		r.set("101", "talking")
		r.restart() // they outlive it
		m := p.notified(200)
		p.wantSub(m, "active;expires=")
		if s := m.Get(message.SubscriptionState); !strings.HasSuffix(s, ";max-rate=0.02") || m.Get(message.Event) != "dialog;id=7" {
			t.Errorf("Subscription-State %q, Event %q", s, m.Get(message.Event))
		}
		r.set("101", "idle")
		p.quiet(45 * time.Second)
		p.wantState(p.notified(200), "idle")
		p.event = "dialog;id=7"
		if s := p.live().Get(message.SubscriptionState); strings.Contains(s, "rate") {
			t.Errorf("Subscription-State %q", s)
		}
		r.set("101", "ringing")
		r.set("101", "talking")
		p.notified(200)
	})
}

func TestStateIsRepeatedAsOftenAsWished(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event, p.expiry = "dialog;min-rate=0.05", "3600"
		p.live()
		last := time.Now()
		for range 10 {
			p.notified(200)
			if gap := time.Since(last); gap < 19*time.Second || gap > 22*time.Second {
				t.Errorf("NOTIFY after %v", gap)
			}
			last = time.Now()
		}
		time.Sleep(10 * time.Second)
		r.set("101", "talking") // a change comes at once, and the time runs from it
		p.wantState(p.notified(200), "talking")
		p.quiet(18 * time.Second)
		p.notified(200)
	})
}

func TestAdaptiveRateCountsWhatWasToldOfItself(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event, p.expiry = "dialog;adaptive-min-rate=0.1", "3600"
		p.live()
		count := func(d time.Duration, change func(int)) (n int) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				if change != nil {
					change(n)
				}
				p.notified(200)
				n++
			}
			return n
		}
		if n := count(5*time.Minute, nil); n < 25 || n > 45 {
			t.Errorf("%d NOTIFYs in five quiet minutes at 6 a minute", n)
		}
		busy := count(5*time.Minute, func(i int) { time.Sleep(5 * time.Second); r.set("101", fmt.Sprint("state-", i)) })
		if busy > 65 { // 60 changes; hardly any repetition on top
			t.Errorf("%d NOTIFYs in five busy minutes", busy)
		}
	})
}

func TestRatesAreBounded(t *testing.T) {
	for in, want := range map[string]string{
		"dialog":                                      "",
		"dialog;id=3":                                 "",
		"dialog;max-rate=0.1":                         ";max-rate=0.1",
		"dialog;max-rate=50":                          ";max-rate=1",
		"dialog;max-rate=0.3":                         ";max-rate=0.25",
		"dialog;max-rate=0.0000001":                   ";max-rate=0.0002777778",
		"dialog;min-rate=5":                           ";min-rate=0.2",
		"dialog;min-rate=0.1;max-rate=0.05":           ";max-rate=0.05;min-rate=0.05",
		"dialog;adaptive-min-rate=4":                  ";adaptive-min-rate=0.2",
		"dialog;adaptive-min-rate=0.01;min-rate=0.02": ";adaptive-min-rate=0.01",
	} {
		r, ok := ratesOf(in)
		if got := r.granted(); !ok || got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
		if again := ratesFrom(r.granted()); again.granted() != want {
			t.Errorf("%s: %q when read again", in, again.granted())
		}
	}
	for _, bad := range []string{"0", "-1", "", "1.", "100", "1.00000000001", "1e3", "x", "0.0"} {
		if _, ok := ratesOf("dialog;max-rate=" + bad); ok {
			t.Errorf("max-rate=%s was taken", bad)
		}
	}
}

func TestBadRateIsRefused(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event = "dialog;min-rate=often"
		p.wantStatus(p.subscribe(), 400)
		p.event = "dialog"
		p.live()
		p.event = "dialog;min-rate=often"
		p.wantStatus(p.subscribe(), 400)
		if r.count() != 1 {
			t.Error("a bad refresh ended the subscription")
		}
	})
}

// Whatever a watcher wishes, what is granted is within the bounds and can be
// written to Subscription-State.
func FuzzRates(f *testing.F) {
	for _, event := range []string{"dialog", "dialog;max-rate=0.5;min-rate=1", "presence;adaptive-min-rate=99.9999999999", "x;max-rate=00.0", `x;min-rate="1"`} {
		f.Add(event)
	}
	f.Fuzz(func(t *testing.T, event string) {
		r, ok := ratesOf(event)
		if !ok || r == nil {
			return
		}
		if r.atMost > longestPause || r.atLeast > longestPulse || r.atLeast != 0 && r.atLeast < shortestPulse || !clean(r.text) {
			t.Fatalf("%q is granted %+v", event, r)
		}
	})
}
