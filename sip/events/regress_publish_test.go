package events

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/store/sim"
)

// Like those of regress_test.go, these tests are named after what goes wrong
// elsewhere, here of publications.

// A call that two publications know of, one of which nobody refreshes any more,
// ends for both.
func TestTerminatedIsNotifiedAsTerminated(t *testing.T) {
	for _, other := range []string{"early", "confirmed"} {
		t.Run(other, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
				l.live()
				lost := r.pbx(pbxA, "sip:101@ex.test")
				lost.want(200, lost.info(0, dialog("d1", "c1", "recipient", other)))
				l.shows(other)
				p := lost.of(lost.entity) // its tag was lost
				p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
				if other != "confirmed" {
					l.shows("confirmed")
				}
				r.restart()
				l.shows("confirmed")
				p.want(200, p.info(1, dialog("d1", "c1", "recipient", "terminated")))
				l.shows("<state>terminated</state>", "!confirmed", "!early")
				l.dark(15 * time.Minute)
				if got := r.snapshot("101").Team.Status; got != presence.StatusOffline {
					t.Errorf("status %s", got)
				}
			})
		})
	}
}

// What is in memory and what is stored are the same: a restart at any moment
// changes no lamp.
func TestMemoryAndStoreAgree(t *testing.T) {
	calls := 0
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				rng := rand.New(rand.NewPCG(seed, 3))
				var pubs []*pbx
				versions := map[*pbx]int{}
				for i := range 6 {
					addr := []string{pbxA, pbxB}[i%2]
					if i < 2 {
						pubs = append(pubs, r.pbx(addr, "sip:101@ex.test"))
						continue
					}
					pubs = append(pubs, pubs[i%2].of("sip:"+[]string{"101", "102"}[i%2]+"@ex.test"))
				}
				for range 30 {
					p := pubs[rng.IntN(len(pubs))]
					versions[p]++
					state := []string{"early", "confirmed", "terminated"}[rng.IntN(3)]
					p.insist(p.info(versions[p], dialog("d", fmt.Sprint("c", rng.IntN(5)), "recipient", state)))
					time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
				}
				versions[pubs[0]]++ // whatever chance did, one call is there
				pubs[0].insist(pubs[0].info(versions[pubs[0]], dialog("d", "last", "recipient", "confirmed")))
				legs := func() (out string) {
					for _, number := range []string{"101", "102"} {
						s := r.snapshot(number)
						out += fmt.Sprint(number, " ", s.Team.Label, s.Watch.Dialogs, "\n")
					}
					return out
				}
				before := legs()
				r.restart()
				if strings.Contains(before, "pub-") {
					calls++
				}
				if after := legs(); after != before {
					t.Errorf("before the restart\n%safter it\n%s", before, after)
				}
			})
		})
	}
	if calls < 3 {
		t.Errorf("%d times there was a call to compare", calls)
	}
}

// A refresh after a restart is granted its whole length, and without one the
// publication ends when it was said to.
func TestRestartKeepsThePublicationsLifetime(t *testing.T) {
	for name, refreshed := range map[string]bool{"refreshed": true, "not refreshed": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				p := r.pbx(pbxA, "sip:101@ex.test")
				p.expiry = "120"
				p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
				time.Sleep(50 * time.Second)
				r.restart()
				end := 70 * time.Second
				if refreshed {
					time.Sleep(10 * time.Second)
					p.want(200, "")
					end = 120 * time.Second
				}
				time.Sleep(end - 2*time.Second)
				if got := r.snapshot("101").Team.Status; got != presence.StatusOnACall {
					t.Errorf("status %s before its end", got)
				}
				time.Sleep(4 * time.Second)
				if got := r.snapshot("101").Team.Status; got != presence.StatusOffline {
					t.Errorf("status %s after its end", got)
				}
			})
		})
	}
}

// Lamps do not wait for the store: its cost buys no delay.
func TestLampGoesDarkAtOnceHoweverSlowTheStore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		l.shows("confirmed")
		r.store.Close()
		st, err := r.store.Reopen(sim.Options{Latency: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		r.shut()
		r.store = st
		r.start()
		l.shows("confirmed")
		began := time.Now()
		p.Send(p.request(p.info(1, dialog("d1", "c1", "recipient", "terminated"))))
		l.shows("<state>terminated</state>")
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("dark after %s", took)
		}
	})
}

// Whoever watches has every NOTIFY under a CSeq of its own, growing, however
// fast publications change, while commits fail, and over restarts.
func TestCSeqGrowsUnderLoad(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		var mu sync.Mutex // guards the two below
		last, told := uint32(0), 0
		l.Handle(func(m *message.Message) *message.Builder {
			mu.Lock()
			defer mu.Unlock()
			seq, _ := m.CSeq()
			if seq <= last {
				t.Errorf("CSeq %d after %d", seq, last)
			}
			last = seq
			told++
			return message.NewResponse(m, 200, "")
		})
		p := r.pbx(pbxA, "sip:101@ex.test")
		for i := range 200 {
			if i%17 == 0 {
				r.store.FailNext(1)
			}
			p.publish(p.info(i, dialog("d", fmt.Sprint("c", i/3), "recipient", []string{"early", "confirmed", "terminated"}[i%3])))
			if i == 70 || i == 140 {
				r.restart()
			}
		}
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if told < 100 {
			t.Errorf("only %d NOTIFYs", told)
		}
	})
}

// What runs out right after a restart is told to be over: nobody waits for the
// memory of a server that is gone.
func TestExpiryIsToldAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.expiry = "60"
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		l.shows("confirmed")
		r.outage(50 * time.Second)
		l.shows("confirmed")
		l.dark(8 * time.Second)
		l.shows("<state>terminated</state>")
		if got := r.snapshot("101").Team.Status; got != presence.StatusOffline {
			t.Errorf("status %s", got)
		}
		p.want(412, "")
	})
}
