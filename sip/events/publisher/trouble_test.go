package publisher

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
	"lamplight/store/sim"
)

func slow(d time.Duration) siptest.Faults { return siptest.Faults{Delay: d} }

func TestSecondPublishWaitsForTheFirst200(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Events = []string{Dialog} }, func(t *testing.T, r *rig) {
		r.net.SetFaults(slow(200 * time.Millisecond))
		for i := range 20 { // the upstream finds a tag that comes twice
			r.set(0, "On a Call", fmt.Sprint("a", i, ":confirmed"))
			settle(50 * time.Millisecond)
		}
		settle(2 * time.Second)
		if len(r.up.views(Dialog, 0)) != 1 {
			t.Error(r.up.views(Dialog, 0))
		}
	})
}

func TestFreshPublishAfter412LeavesNoDouble(t *testing.T) {
	bubble(t, 1, nil, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.up.mu.Lock()
		clear(r.up.esc)
		r.up.mu.Unlock()
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		r.set(0, "Available")
		settle(time.Second)
		r.sees(Presence, 0, "Available")
		r.sees(Dialog, 0, "a:terminated")
		if r.up.lost != 1 {
			t.Errorf("%d times 412, want 1", r.up.lost)
		}
	})
}

func TestShortestExpiryOfTheUpstreamIsObeyed(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Expiry = time.Minute; u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		r.up.answers(func(m *message.Message) *message.Builder {
			if n, _ := m.ExpiresHeader(); n > 0 && n < 600 {
				return message.NewResponse(m, 423, "").AddInt(message.MinExpires, 600)
			}
			return nil
		})
		settle(time.Second)
		r.set(0, "On a Call", "a:confirmed")
		settle(5 * time.Minute)
		r.sees(Presence, 0, "On a Call")
		r.sees(Dialog, 0, "a:confirmed")
		r.wants("presence 1001 first Offline", "presence 1001 change On a Call", "dialog 1001 first a:confirmed")
	})
}

// An upstream that finds even no time too brief is not asked again and again.
func TestUpstreamThatRefusesRemovalsIsNotAskedInALoop(t *testing.T) {
	bubble(t, 1, nil, func(t *testing.T, r *rig) {
		asked := 0
		r.up.answers(func(m *message.Message) *message.Builder {
			if n, given := m.ExpiresHeader(); given && n == 0 {
				asked++
				return message.NewResponse(m, 423, "").AddInt(message.MinExpires, 600)
			}
			return nil
		})
		settle(time.Second)
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		r.set(0, "Available")
		settle(time.Minute)
		r.sees(Dialog, 0, "a:terminated")
		r.set(0, "On a Call", "b:confirmed") // what was refused expires, and the next call is told
		settle(3 * time.Minute)
		r.sees(Dialog, 0, "b:confirmed")
		if asked == 0 || asked > 5 {
			t.Errorf("%d removals", asked)
		}
	})
}

func TestSilentUpstreamIsLeftAloneAndThenToldTheNewestState(t *testing.T) {
	bubble(t, 20, nil, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.up.close()
		r.set(0, "Available")
		settle(40 * time.Second)
		if i := r.p.Upstreams()[0]; i.Up || i.Error == "" {
			t.Errorf("%+v", i)
		}
		before := r.net.Stats().Sent
		for i := range 20 {
			r.set(i, "On a Call", "a:confirmed")
		}
		settle(10 * time.Minute)
		if n := r.net.Stats().Sent - before; n > 10*60 {
			t.Errorf("%d packets to a dead upstream in ten minutes", n)
		}
		r.set(0, "Do Not Disturb")
		r.up.open()
		settle(32 * time.Second)
		r.sees(Presence, 0, "Do Not Disturb")
		for i := 1; i < 20; i++ {
			r.sees(Dialog, i, "a:confirmed")
			r.sees(Presence, i, "On a Call")
		}
		if i := r.p.Upstreams()[0]; !i.Up || i.Error != "" {
			t.Errorf("%+v", i)
		}
	})
}

func TestStreamOnWhichNobodyAnswersIsLeft(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Server.Transport = transport.TCP }, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.up.mute(true)
		r.set(0, "Available")
		settle(40 * time.Second)
		r.up.mute(false)
		settle(32 * time.Second)
		r.sees(Presence, 0, "Available")
		if n := r.up.stream.opened(); n < 2 {
			t.Errorf("%d streams", n)
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	bubble(t, 30, nil, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.up.took()
		n := 0
		r.up.answers(func(m *message.Message) *message.Builder {
			n++
			return message.NewResponse(m, 503, "").Add(message.RetryAfter, "60 (busy)")
		})
		for i := range 30 {
			r.set(i, "Available")
		}
		settle(50 * time.Second)
		if n > 30 {
			t.Errorf("%d PUBLISHes to an upstream that asked for a minute", n)
		}
		r.up.answers(nil)
		settle(20 * time.Second)
		for i := range 30 {
			r.sees(Presence, i, "Available")
		}
		if r.up.lost > 0 {
			t.Error("a 503 cost the tag")
		}
	})
}

func TestOneRefusedPublicationDoesNotHoldUpTheOthers(t *testing.T) {
	bubble(t, 3, func(u *Upstream) { u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		tried := 0
		r.up.answers(func(m *message.Message) *message.Builder {
			if strings.HasPrefix(m.URI, "sip:1001@") {
				tried++
				return message.NewResponse(m, []int{403, 500, 404}[tried%3], "")
			}
			return nil
		})
		settle(time.Second)
		for i := range 100 {
			r.set(0, fmt.Sprint("Status ", i))
			r.set(1, fmt.Sprint("Status ", i))
			settle(time.Second)
		}
		r.sees(Presence, 1, "Status 99")
		if tried > 20 {
			t.Errorf("tried %d times", tried)
		}
		r.up.answers(nil)
		settle(10 * time.Minute)
		r.sees(Presence, 0, "Status 99")
	})
}

func TestChallengesAreAnsweredAndTheNonceKept(t *testing.T) {
	for name, status := range map[string]int{"by the server": 401, "by a proxy": 407} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 10, func(u *Upstream) { u.User, u.Password = "lamp", "secret" }, func(t *testing.T, r *rig) {
				g := &gatekeeper{status: status, password: "secret", nonce: "n0"}
				r.up.answers(g.ask)
				settle(time.Second)
				for i := range 10 {
					r.set(i, "Available")
				}
				settle(time.Second)
				g.nonce = "n1" // the old one is stale
				for i := range 10 {
					r.set(i, "On a Call")
				}
				settle(time.Second)
				for i := range 10 {
					r.sees(Presence, i, "On a Call")
				}
				if g.asked > 20 || g.asked < 2 {
					t.Errorf("%d challenges for 30 PUBLISHes", g.asked)
				}
				if g.algorithm != "SHA-256" {
					t.Errorf("answered with %s", g.algorithm)
				}
			})
		})
	}
}

func TestWrongPasswordIsNotTriedOverAndOver(t *testing.T) {
	bubble(t, 50, func(u *Upstream) { u.User, u.Password = "lamp", "wrong" }, func(t *testing.T, r *rig) {
		g := &gatekeeper{status: 401, password: "secret", nonce: "n0"}
		r.up.answers(g.ask)
		settle(10 * time.Minute)
		if g.asked > 200 {
			t.Errorf("%d attempts in ten minutes", g.asked)
		}
		r.conf.Password = "secret"
		if err := r.p.SetUpstreams([]Upstream{r.conf}); err != nil {
			t.Fatal(err)
		}
		settle(2 * time.Second)
		if n := r.up.count(); n != 50 {
			t.Errorf("%d publications after the password was put right", n)
		}
	})
}

func TestRestartedUpstreamHasTheStateAgain(t *testing.T) {
	for name, via := range map[string]string{"UDP": transport.UDP, "TCP": transport.TCP} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 200, func(u *Upstream) { u.Server.Transport = via; u.Rate = 100 }, func(t *testing.T, r *rig) {
				for i := range 20 {
					r.set(i, "On a Call", "a:confirmed")
				}
				settle(10 * time.Second)
				r.up.strict = false
				r.up.crash(100 * time.Millisecond)
				settle(10*time.Second + 4*time.Second + time.Second) // Verify, and publications divided by Rate, twice: asked and told
				for i := range 200 {
					if i < 20 {
						r.sees(Dialog, i, "a:confirmed")
						r.sees(Presence, i, "On a Call")
						continue
					}
					r.sees(Presence, i, "Offline")
				}
			})
		})
	}
}

func TestOneLostPublicationIsNoReasonToAskForAll(t *testing.T) {
	bubble(t, 500, func(u *Upstream) { u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		settle(10 * time.Second)
		r.up.took()
		r.up.mu.Lock()
		for tag, p := range r.up.esc {
			if p.entity == "sip:1001@ex.test" {
				delete(r.up.esc, tag)
			}
		}
		r.up.mu.Unlock()
		r.set(0, "Available")
		settle(10 * time.Second)
		r.sees(Presence, 0, "Available")
		if n := len(r.up.took()); n > 130 { // those in flight and ten that were known
			t.Errorf("%d PUBLISHes", n)
		}
	})
}

func TestOurRestartLeavesNoDoubles(t *testing.T) {
	bubble(t, 20, func(u *Upstream) { u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		for i := range 10 {
			r.set(i, "On a Call", "a:confirmed")
		}
		settle(time.Second)
		r.roster.mu.Lock()
		for i := range 5 { // their calls ended while we were down
			s := r.snapshot(i, "Offline")
			r.roster.snaps[s.Agent] = &s
		}
		r.roster.mu.Unlock()
		r.up.took()
		r.restart()
		settle(time.Second)
		for i := range 20 {
			switch {
			case i < 5:
				r.sees(Dialog, i, "a:terminated")
				r.sees(Presence, i, "Offline")
			case i < 10:
				r.sees(Dialog, i, "a:confirmed")
				r.sees(Presence, i, "On a Call")
			default:
				r.sees(Dialog, i, "")
				r.sees(Presence, i, "Offline")
			}
		}
		for _, line := range r.up.took() {
			if strings.Contains(line, " first ") {
				t.Errorf("%q after the restart", line)
			}
		}
		if r.up.lost > 0 {
			t.Errorf("%d times 412", r.up.lost)
		}
	})
}

// TestCallToldJustBeforeACrashEndsJustAfterIt: we know no tag of it, and the
// call is over before its turn.
func TestCallToldJustBeforeACrashEndsJustAfterIt(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Events = []string{Dialog} }, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.store.FailNext(1000) // no tag is stored from here on
		r.set(0, "On a Call", "a:confirmed")
		settle(100 * time.Millisecond)
		r.sees(Dialog, 0, "a:confirmed")
		r.store.Crash()
		r.shut()
		var err error
		if r.store, err = r.store.Reopen(sim.Options{}); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(10 * time.Millisecond) // before there is a socket
			r.set(0, "On a Call", "a:confirmed")
			r.set(0, "Offline")
		}()
		r.start()
		settle(time.Second)
		r.sees(Dialog, 0, "a:terminated")
	})
}

// TestCallAfterAnEndToldJustBeforeACrashIsToldOnce: the upstream was told of the
// end, we lost its answer, and it takes no further word under that tag.
func TestCallAfterAnEndToldJustBeforeACrashIsToldOnce(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Events = []string{Dialog} }, func(t *testing.T, r *rig) {
		r.up.settled = true
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		r.store.FailNext(1000) // the tag of the end is not stored
		r.set(0, "Available")
		settle(100 * time.Millisecond)
		r.sees(Dialog, 0, "a:terminated")
		r.restart()
		settle(time.Second)
		r.sees(Dialog, 0, "a:terminated")
		r.set(0, "On a Call", "b:confirmed")
		settle(time.Second)
		r.sees(Dialog, 0, "b:confirmed")
	})
}

// TestCallThatEndsWhileItsOldPublicationGoesIsToldToEnd: after a crash the old
// publication is removed; the end that comes meanwhile is told all the same.
func TestCallThatEndsWhileItsOldPublicationGoesIsToldToEnd(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Events = []string{Dialog} }, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.store.FailNext(1000)
		r.set(0, "On a Call", "a:confirmed")
		settle(100 * time.Millisecond)
		r.net.SetFaults(slow(20 * time.Millisecond))
		r.up.answers(func(m *message.Message) *message.Builder {
			if n, _ := m.ExpiresHeader(); n == 0 {
				r.set(0, "Offline") // before we hear of the answer
			}
			return nil
		})
		r.restart()
		settle(time.Second)
		r.sees(Dialog, 0, "a:terminated")
	})
}

func TestBothRestart(t *testing.T) {
	bubble(t, 20, nil, func(t *testing.T, r *rig) {
		for i := range 10 {
			r.set(i, "On a Call", "a:confirmed")
		}
		settle(time.Second)
		r.up.strict = false
		r.up.crash(0)
		r.restart()
		settle(time.Second)
		for i := range 10 {
			r.sees(Dialog, i, "a:confirmed")
			r.sees(Presence, i, "On a Call")
		}
	})
}

func TestFailingStoreStopsNoPublication(t *testing.T) {
	bubble(t, 3, func(u *Upstream) { u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		r.store.FailNext(1000)
		for i := range 500 { // fewer than maxAhead
			r.set(0, "On a Call", fmt.Sprint("a", i, ":confirmed"))
			settle(10 * time.Millisecond)
		}
		if len(r.up.views(Dialog, 0)) != 1 {
			t.Error(r.up.views(Dialog, 0))
		}
		r.store.FailNext(0)
		settle(3 * time.Second)
		if n := r.rows(); n != 4 {
			t.Errorf("%d rows, want 4", n)
		}
	})
}

// TestUpstreamConvergesOverALossyNetwork: 32 s after the last change what an
// upstream's watchers see is the truth, there once, and no tag was used twice.
func TestUpstreamConvergesOverALossyNetwork(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			const agents = 40
			bubble(t, agents, nil, func(t *testing.T, r *rig) {
				r.net.SetFaults(siptest.Faults{Seed: seed, Loss: 0.2, Duplicate: 0.2, Reorder: 0.2, Delay: 5 * time.Millisecond, Jitter: 30 * time.Millisecond})
				rng := rand.New(rand.NewPCG(seed, 7))
				calls := make([]string, agents)
				for n := range 2000 {
					i := rng.IntN(agents)
					switch rng.IntN(4) {
					case 0:
						calls[i] = ""
						r.set(i, []string{"Available", "Do Not Disturb", "Offline"}[rng.IntN(3)])
					case 1:
						calls[i] = fmt.Sprint("d", n, ":early")
						r.set(i, "Available", calls[i])
					default:
						calls[i] = fmt.Sprint("d", n, ":confirmed")
						r.set(i, "On a Call", calls[i])
					}
					if n == 1000 {
						r.restart()
					}
					settle(20 * time.Millisecond)
				}
				settle(32 * time.Second)
				for i := range agents {
					s, _ := r.roster.Snapshot(r.agents[i].ID)
					r.sees(Presence, i, s.Watch.Note)
					live := 0
					for _, view := range r.up.views(Dialog, i) {
						for _, d := range strings.Fields(view) {
							if !strings.HasSuffix(d, ":terminated") {
								live++
								if d != calls[i] {
									t.Errorf("%d shows %s, want %q", i, d, calls[i])
								}
							}
						}
					}
					if calls[i] != "" && live != 1 {
						t.Errorf("%d shows %d dialogs, want %q", i, live, calls[i])
					}
				}
			})
		})
	}
}
