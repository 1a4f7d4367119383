//go:build testbench

package kamailio

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

// upstreamOf is the configuration that names a Kamailio.
func upstreamOf(k *kamailio, transport string) string {
	secret := ""
	if k.Password != "" {
		secret = ", user: lamplight, password: " + k.Password
	}
	return fmt.Sprintf("upstreams:\n  - {name: kamailio, address: %q, transport: %s%s}", k.Addr, transport, secret)
}

// A watcher that subscribed at Kamailio sees what agents of ours do.
func TestWatcherAtKamailioSeesOurAgents(t *testing.T) {
	for name, c := range map[string]struct {
		transport string
		o         options
	}{
		"UDP":             {"udp", options{}},
		"TCP with digest": {"tcp", options{Password: "secret"}},
		"UDP with digest": {"udp", options{Password: "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t, "presence.cfg", c.o)
			s := lamplight(t, upstreamOf(k, c.transport))
			lab.Eventually(t, 10*time.Second, func() error {
				if n := k.publications("presence", ""); n != 12 {
					return fmt.Errorf("%d agents told", n)
				}
				return nil
			})
			status, lamp := watch(t, k.Addr, "1001", "presence"), watch(t, k.Addr, "1001", "dialog")
			sees(t, status, "Offline", 2*time.Second)
			register(t, s, "1001")
			sees(t, status, "Available", 2*time.Second)
			choose(t, s, "1001", "do_not_disturb")
			sees(t, status, "Do Not Disturb", 2*time.Second)
			choose(t, s, "1001", "available")
			sees(t, status, "Available", 2*time.Second)

			p := pbx(t, s, "1001")
			publish(t, p, "c1", "early")
			sees(t, lamp, "early", 2*time.Second)
			publish(t, p, "c1", "confirmed")
			t.Logf("lamp at Kamailio %s after the call was answered", sees(t, lamp, "confirmed", 2*time.Second))
			sees(t, status, "On a Call", 2*time.Second)
			publish(t, p, "c1", "terminated")
			sees(t, lamp, "terminated", 2*time.Second)
			sees(t, status, "Available", 2*time.Second)
			k.single(t)
		})
	}
}

// single wants nothing to be published twice.
func (k *kamailio) single(t *testing.T) {
	t.Helper()
	for i := range 12 {
		number := fmt.Sprint(1001 + i)
		for _, event := range []string{"dialog", "presence"} {
			if n := k.publications(event, number); n > 1 {
				t.Errorf("Kamailio has %s of %s %d times", event, number, n)
			}
		}
	}
}

// SIGHUP brings an upstream that is new in the configuration, and takes back what
// is published at one that is no more in it.
func TestReloadBringsAndTakesKamailio(t *testing.T) {
	k := start(t, "presence.cfg", options{})
	s := lamplight(t, "upstreams: []")
	publish(t, pbx(t, s, "1001"), "c1", "confirmed")
	without, err := os.ReadFile(s.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(without), "upstreams: []\n", upstreamOf(k, "tcp")+"\n", 1)
	for range 2 {
		reload(t, s, with)
		has(t, k, 12+1)
		reload(t, s, string(without))
		has(t, k, 0)
	}
}

func reload(t *testing.T, s *lab.Server, config string) {
	t.Helper()
	if err := os.WriteFile(s.ConfigFile, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGHUP)
}

// has waits until Kamailio has so many publications of ours.
func has(t *testing.T, k *kamailio, want int) {
	t.Helper()
	lab.Eventually(t, 5*time.Second, func() error {
		if n := k.publications("presence", "") + k.publications("dialog", ""); n != want {
			return fmt.Errorf("Kamailio has %d publications, want %d", n, want)
		}
		return nil
	})
}

// again is how soon the state is right once both are up.
const again = 15 * time.Second

func TestStateIsRightAgainAfterKamailioRestarts(t *testing.T) {
	for name, forgets := range map[string]bool{"and remembers": false, "and has forgotten": true} {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(name+" by "+transport, func(t *testing.T) {
				k := start(t, "presence.cfg", options{})
				s := lamplight(t, upstreamOf(k, transport))
				register(t, s, "1001")
				ended, goes, begins := pbx(t, s, "1001"), pbx(t, s, "1002"), pbx(t, s, "1003")
				publish(t, ended, "c1", "confirmed")
				publish(t, goes, "c2", "confirmed")
				lab.Eventually(t, 10*time.Second, func() error {
					if d, p := k.publications("dialog", ""), k.publications("presence", ""); d != 2 || p != 12 {
						return fmt.Errorf("%d calls and %d agents told", d, p)
					}
					return nil
				})
				// What it stored and had no time to answer it would have twice, until the
				// older one expires: no protocol helps against that.
				time.Sleep(500 * time.Millisecond)
				k.kill()
				publish(t, ended, "c1", "terminated")
				publish(t, begins, "c3", "confirmed")
				time.Sleep(2 * time.Second)
				if forgets {
					k.makeDB()
				}
				k.run()
				began := time.Now()
				status := watch(t, k.Addr, "1001", "presence")
				sees(t, status, "Available", again)
				for number, want := range map[string]string{"1002": "confirmed", "1003": "confirmed"} {
					sees(t, watch(t, k.Addr, number, "dialog"), want, again-time.Since(began))
				}
				lab.Eventually(t, again-time.Since(began), func() error {
					if n := k.publications("presence", ""); n != 12 {
						return fmt.Errorf("%d agents told", n)
					}
					return nil
				})
				t.Logf("right again after %s", time.Since(began).Round(time.Millisecond))
				if l := watch(t, k.Addr, "1001", "dialog"); !forgets {
					sees(t, l, "terminated", 2*time.Second)
				}
				k.single(t)
			})
		}
	}
}

// A presence server that lost its memory while nothing happened is found out,
// though nobody asked it for anything.
func TestStateIsRightAgainThoughNothingHappened(t *testing.T) {
	k := start(t, "presence.cfg", options{})
	s := lamplight(t, upstreamOf(k, "udp"))
	register(t, s, "1001")
	publish(t, pbx(t, s, "1002"), "c2", "confirmed")
	told := func() error {
		if d, p := k.publications("dialog", ""), k.publications("presence", ""); d != 1 || p != 12 {
			return fmt.Errorf("%d calls and %d agents told", d, p)
		}
		return nil
	}
	lab.Eventually(t, 10*time.Second, told)
	time.Sleep(time.Second)
	k.kill()
	k.makeDB()
	k.run()
	t.Logf("right again after %s", lab.Eventually(t, again, told).Round(time.Millisecond))
	sees(t, watch(t, k.Addr, "1002", "dialog"), "confirmed", 2*time.Second)
	sees(t, watch(t, k.Addr, "1001", "presence"), "Available", 2*time.Second)
}

func TestStateIsRightAgainAfterWeRestart(t *testing.T) {
	k := start(t, "presence.cfg", options{})
	s := lamplight(t, upstreamOf(k, "udp"))
	register(t, s, "1001")
	ended, goes := pbx(t, s, "1001"), pbx(t, s, "1002")
	publish(t, ended, "c1", "confirmed")
	publish(t, goes, "c2", "early")
	status, lamp, other := watch(t, k.Addr, "1001", "presence"), watch(t, k.Addr, "1001", "dialog"), watch(t, k.Addr, "1002", "dialog")
	sees(t, lamp, "confirmed", 5*time.Second)
	sees(t, other, "early", 5*time.Second)
	sees(t, status, "On a Call", 5*time.Second)
	var flaps atomic.Int32 // a restart is nothing that watchers should see
	other.OnNotify = func(w *phone.Watch) {
		if lamp := w.State().Lamp; lamp != "early" && lamp != "confirmed" {
			flaps.Add(1)
		}
	}
	status.OnNotify = func(w *phone.Watch) {
		if w.State().Lamp == "Offline" {
			flaps.Add(1)
		}
	}
	for round := range 3 {
		publish(t, goes, "c2", "confirmed") // its PUBLISH may be on its way
		s.Kill()
		s.Run()
		began := time.Now()
		id := fmt.Sprint("c1-", round)
		publish(t, ended, "c1", "terminated")
		sees(t, lamp, "terminated", again)
		sees(t, status, "Available", again)
		sees(t, other, "confirmed", again)
		t.Logf("right again %s after the restart", time.Since(began).Round(time.Millisecond))
		publish(t, ended, id, "confirmed")
		sees(t, lamp, "confirmed", 2*time.Second)
		sees(t, status, "On a Call", 2*time.Second)
		publish(t, ended, id, "terminated")
		sees(t, lamp, "terminated", 2*time.Second)
	}
	if n := flaps.Load(); n > 0 {
		t.Errorf("%d NOTIFYs told of what never was", n)
	}
	lab.Eventually(t, 5*time.Second, func() error {
		if n := k.publications("presence", ""); n != 12 {
			return fmt.Errorf("%d agents told", n)
		}
		return nil
	})
	k.single(t)
}
