//go:build testbench

package kamailio

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/sipp"
)

// call has 1002 call 1001 through a Kamailio: it rings for a second and a half
// and they talk for three. hangUp ends both phones as a power cut would.
func call(t *testing.T, k *kamailio) (hangUp func()) {
	t.Helper()
	host, port, err := net.SplitHostPort(k.Callee)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	begin := func(scenario string, r sipp.Run) *sipp.Process {
		r.Scenario, r.Dir, r.Server = filepath.Join(lab.Root(t), "testbench", "kamailio", scenario), t.TempDir(), k.Addr
		r.Timeout, r.Extra = time.Minute, []string{"-m", "1"}
		p, err := sipp.Start(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		return p
	}
	callee := begin("callee.xml", sipp.Run{From: host, Port: n})
	time.Sleep(300 * time.Millisecond) // it opens its socket
	caller := begin("caller.xml", sipp.Run{From: "127.0.0.1", Number: "1001", Keys: map[string]string{"from": "1002"}})
	return func() {
		caller.Stop()
		callee.Stop()
	}
}

func proxyFor(t *testing.T, s *lab.Server, lifetime int) *kamailio {
	t.Helper()
	return start(t, "pua.cfg", options{Peer: s.SIP, Callee: freeAddr(t), MaxExpires: lifetime})
}

// A call through a Kamailio that publishes its dialogs lights the lamps of both
// agents, who are On a Call, until it ends.
func TestCallThroughKamailioLightsTheLamps(t *testing.T) {
	s := lamplight(t, "")
	register(t, s, "1001")
	register(t, s, "1002")
	k := proxyFor(t, s, 600)
	callee, caller, status := lampOf(t, s, "1001", "dialog"), lampOf(t, s, "1002", "dialog"), lampOf(t, s, "1001", "presence")
	sees(t, callee, "terminated", 2*time.Second)
	sees(t, status, "Available", 2*time.Second)
	for range 2 {
		call(t, k)
		sees(t, callee, "early", 2*time.Second)
		s.TeamStatus("1001", "available", time.Second) // ringing is no call
		s.TeamStatus("1002", "on_a_call", time.Second) // dialling is
		sees(t, callee, "confirmed", 3*time.Second)
		sees(t, caller, "confirmed", time.Second)
		sees(t, status, "On a Call", time.Second)
		s.TeamStatus("1001", "on_a_call", time.Second)
		sees(t, callee, "terminated", 5*time.Second)
		sees(t, caller, "terminated", time.Second)
		s.TeamStatus("1001", "available", time.Second)
		s.TeamStatus("1002", "available", time.Second)
		sees(t, status, "Available", time.Second)
	}
}

// Kamailio dies in the call and never tells its end: the lamps go dark when its
// publications expire, not later.
func TestLampGoesDarkWhenKamailioDiesInTheCall(t *testing.T) {
	const lifetime = 20
	s := lamplight(t, "")
	register(t, s, "1001")
	k := proxyFor(t, s, lifetime)
	lamp := lampOf(t, s, "1001", "dialog")
	hangUp := call(t, k)
	sees(t, lamp, "confirmed", 5*time.Second)
	answered := time.Now()
	k.kill()
	hangUp()
	sees(t, lamp, "terminated", (lifetime+2)*time.Second)
	if after := time.Since(answered); after < (lifetime-5)*time.Second {
		t.Errorf("dark %s after the answer, though the call was not over", after)
	}
	s.TeamStatus("1001", "available", time.Second)

	k.run() // and is back: the next call is told as ever
	call(t, k)
	sees(t, lamp, "confirmed", 5*time.Second)
	sees(t, lamp, "terminated", 5*time.Second)
}

// We are killed in the call: the lamp is right as soon as we are back, and the
// end that comes under the tag of before is taken.
func TestCallOfKamailioSurvivesOurRestart(t *testing.T) {
	s := lamplight(t, "")
	register(t, s, "1001")
	k := proxyFor(t, s, 600)
	call(t, k)
	s.TeamStatus("1001", "on_a_call", 5*time.Second)
	time.Sleep(300 * time.Millisecond) // it is seen before it is stored and acknowledged
	s.Kill()
	s.Run()
	if got := s.Agent("1001").Status.Team.Status; got != "on_a_call" {
		t.Errorf("right after the restart the team sees %s", got)
	}
	lamp := lampOf(t, s, "1001", "dialog")
	sees(t, lamp, "confirmed", time.Second)
	sees(t, lamp, "terminated", 5*time.Second)
	lab.Eventually(t, 2*time.Second, func() error {
		if got := s.Agent("1001").Status.Team.Status; got != "available" {
			return fmt.Errorf("the team sees %s", got)
		}
		return nil
	})
}
