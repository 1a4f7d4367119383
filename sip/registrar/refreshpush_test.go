package registrar_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/push"
	"lamplight/sip/registrar"
)

// nudges are the times, since the beginning, at which devices were to be woken to
// refresh.
type nudges struct {
	mu    sync.Mutex
	begun time.Time
	at    []time.Duration // mu
}

func (n *nudges) note(_ presence.AgentID, s push.Sleeper) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.PRID == "secret-token" {
		n.at = append(n.at, time.Since(n.begun))
	}
}

func (n *nudges) take() []time.Duration {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.at
	n.at, n.begun = nil, time.Now()
	return at
}

// A device that sleeps has no timer that runs: it is woken some minutes before its
// registration ends, once in each period, and only if it needs that.
func TestSleepingMobileIsWokenToRefresh(t *testing.T) {
	for name, tc := range map[string]struct {
		expires string
		sleeps  time.Duration // most of that
		tags    string
		awake   bool
		want    time.Duration // 0: never
	}{
		"an hour":         {"3600", 59 * time.Minute, "", false, 55 * time.Minute},
		"five minutes":    {"300", 290 * time.Second, "", false, 150 * time.Second},
		"wakes by itself": {"3600", 59 * time.Minute, ";+sip.pnsreg", false, 0},
		"awake":           {"3600", 59 * time.Minute, "", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{Push: served})
				n := nudges{begun: time.Now()}
				h.reg.OnRefreshDue(n.note)
				contact := "Contact: <" + withToken + ">" + tc.tags
				for range 2 { // the second period is like the first
					mobile := h.stream("1001-mobile", "10.0.1.3:0")
					wantStatus(t, mobile.register(contact, "Expires: "+tc.expires), 200)
					n.take()
					if !tc.awake {
						mobile.Close()
					}
					time.Sleep(tc.sleeps)
					at := n.take()
					switch {
					case tc.want == 0 && len(at) > 0:
						t.Errorf("woken at %v", at)
					case tc.want > 0 && (len(at) != 1 || at[0] < tc.want || at[0] > tc.want+3*time.Second):
						t.Errorf("woken at %v, want %v", at, tc.want)
					}
					mobile.Close()
				}
			})
		})
	}
}

// RFC 8599 §4.1.4.
func TestMobileThatWakesByItselfIsToldWhen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Push: served})
		res := h.phone("1001-mobile", "10.0.1.3:5060").register("Contact: <"+withToken+">;+sip.pnsreg", "Expires: 3600")
		wantStatus(t, res, 200)
		if got := res.Get("Feature-Caps"); got != `*;+sip.pns="apns";+sip.pnsreg="360"` {
			t.Errorf("Feature-Caps %s", got)
		}
		if got := res.Get(message.Contact); got != "<"+withToken+">;+sip.pnsreg;expires=3600" {
			t.Errorf("Contact %s", got)
		}
	})
}
