//go:build testbench

package sipp

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// trunkRig is a switchboard with a trunk of two servers, of which only the second is
// there: port, which Run listens on.
func trunkRig(t *testing.T, tcp bool) (r *rig, at Run) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	at = Run{From: "127.0.0.4", TCP: tcp}
	if at.Port, err = FreePort(at.From); err != nil {
		t.Fatal(err)
	}
	dead, err := FreePort(at.From)
	if err != nil {
		t.Fatal(err)
	}
	over := map[bool]string{false: "udp", true: "tcp"}[tcp]
	trunk := fmt.Sprintf(`trunks: [{name: carrier, servers: ["127.0.0.4:%d", "127.0.0.4:%d"], transport: %s, user: lamp, password: secret, silence: 1s, no_options: true}]`, dead, at.Port, over)
	text := strings.NewReplacer("trunks: []", trunk, "mode: redirect", "mode: proxy", "ring: 60s", "ring: 5s").Replace(lab.Ports(string(b)))
	return &rig{Server: lab.Start(t, lab.Options{Config: text}), t: t, dir: t.TempDir()}, at
}

// overTrunks runs a test with a trunk that is reached by UDP, and one by TCP.
func overTrunks(t *testing.T, f func(r *rig, at Run)) {
	for name, tcp := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) { f(trunkRig(t, tcp)) })
	}
}

// dialsOut has agent 1001's phone call a number outside.
func (r *rig) dialsOut(number string) *Process {
	r.t.Helper()
	r.register("1001", "", 600) // who is not there may not call
	run := phone("1001", "")
	run.From, run.Number = "127.0.0.3", number
	run.Keys = map[string]string{"caller": "1001", "kind": "regular"}
	return r.begin("call_colleague", run)
}

// The first server of the trunk is dead: nobody says a word by UDP, nobody listens
// by TCP. The second takes the call, and the next one at once.
func TestSecondServerOfATrunkTakesTheCall(t *testing.T) {
	overTrunks(t, func(r *rig, at Run) {
		for i := range 2 {
			trunk := r.begin("phone_talks", at)
			time.Sleep(300 * time.Millisecond) // it listens
			start := time.Now()
			caller := r.dialsOut("4930123")
			r.sees(caller, 1, "ringing")
			if took := time.Since(start); took > time.Duration(2-i)*1100*time.Millisecond {
				r.t.Errorf("call %d rings after %s", i, took)
			}
			r.sees(caller, 2, "answered")
			r.over(caller)
			r.over(trunk)
			r.went("the trunk", trunk, "rung", "acknowledged", "hung up on")
		}
		var list struct {
			Trunks []struct{ Hop, Retry_after string }
		}
		if code := r.API("GET", "/trunks", nil, &list); code != 200 || len(list.Trunks) != 2 || list.Trunks[0].Retry_after == "" || list.Trunks[1].Retry_after != "" {
			r.t.Errorf("HTTP %d: %+v", code, list)
		}
	})
}

// The trunk wants to know who calls; the phone never hears of it.
func TestTrunkThatAsksIsTold(t *testing.T) {
	overTrunks(t, func(r *rig, at Run) {
		trunk := r.begin("trunk_asks", at)
		time.Sleep(300 * time.Millisecond)
		caller := r.dialsOut("4930123")
		r.sees(caller, 2, "answered")
		r.status("1001", "on_a_call")
		r.over(caller)
		r.over(trunk)
		log := trunk.Log()
		if len(log) != 4 {
			r.t.Fatalf("the trunk saw %q", log)
		}
		var asked, told, bye int
		_, err1 := fmt.Sscanf(log[0], "asked, %d INVITE", &asked)
		_, err2 := fmt.Sscanf(log[1], "told, %d INVITE", &told)
		_, err3 := fmt.Sscanf(log[3], "hung up on, %d BYE", &bye)
		if err1 != nil || err2 != nil || err3 != nil || told != asked+1 || bye <= told {
			r.t.Errorf("the trunk saw %q", log)
		}
	})
}

// A phone says by itself where its calls are to go.
func TestRedirectionOfAPhoneIsFollowed(t *testing.T) {
	overTrunks(t, func(r *rig, at Run) {
		trunk := r.begin("phone_talks", at)
		run := phone("1002", "")
		run.From = "127.0.0.3"
		var err error
		if run.Port, err = FreePort(run.From); err != nil {
			r.t.Fatal(err)
		}
		run.Keys = map[string]string{"contact": fmt.Sprintf("<sip:1002@%s:%d>", run.From, run.Port), "expires": "600", "target": "sip:4930555@" + Domain}
		run.Extra = []string{"-oocsf", filepath.Join(r.Root, "testbench", "sipp", "scenarios", "phone_redirects.xml")}
		desk := r.begin("phone", run)
		r.sees(desk, 1, "registered")
		pbx := r.begin("pbx_calls", Run{Number: "1002"})
		r.sees(pbx, 2, "answered")
		r.status("1002", "offline") // he is not in that call
		r.over(pbx)
		r.over(trunk)
		r.went("the phone", desk, "registered", "rung", "acknowledged")
		r.went("the trunk", trunk, "rung", "acknowledged", "hung up on")
	})
}
