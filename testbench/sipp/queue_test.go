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

// waitOverEach runs a test of callers who wait for the group of one agent, who and
// whose caller are both on UDP, or both on TCP.
func waitOverEach(t *testing.T, f func(r *rig, group, number string, tcp bool)) {
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("mode: redirect", "mode: proxy", "transports: [udp]", "transports: [udp, tcp]").Replace(lab.Ports(string(b)))
	r := &rig{Server: lab.Start(t, lab.Options{Config: text}), t: t, dir: t.TempDir()}
	for i, over := range []string{"UDP", "TCP"} {
		group, number := fmt.Sprint(691+i), fmt.Sprint(1001+i)
		r.API("PUT", "/groups/"+group, map[string]any{"name": over, "members": []map[string]any{{"agent": number}}, "queue": map[string]any{"size": 5}}, nil)
		t.Run(over, func(t *testing.T) { f(r.in(t), group, number, over == "TCP") })
	}
}

// waiting is how many wait for the group.
func (r *rig) waiting(group string, want int) {
	r.t.Helper()
	lab.Eventually(r.t, 5*time.Second, func() error {
		var line struct{ Waiting []any }
		r.API("GET", "/groups/"+group+"/waiting", nil, &line)
		if len(line.Waiting) != want {
			return fmt.Errorf("%d wait, want %d", len(line.Waiting), want)
		}
		return nil
	})
}

func TestCallerWaitsAndIsAnswered(t *testing.T) {
	waitOverEach(t, func(r *rig, group, number string, tcp bool) {
		desk := r.desk(number, tcp, "phone_talks")
		first := r.begin("pbx_calls", Run{Number: number, TCP: tcp})
		r.sees(first, 2, "answered")
		r.status(number, "on_a_call")
		second := r.begin("pbx_waits", Run{Number: group, TCP: tcp})
		r.sees(second, 1, "waits position=1")
		r.over(first)
		r.over(second)
		r.went("the caller", second, "waits position=1", "ringing", "answered", "over")
		r.went("the phone", desk, "registered", "rung", "acknowledged", "hung up on", "rung", "acknowledged", "hung up on")
		r.waiting(group, 0)
		r.status(number, "offline")
	})
}

func TestCallerWaitsAndGivesUp(t *testing.T) {
	waitOverEach(t, func(r *rig, group, number string, tcp bool) {
		desk := r.desk(number, tcp, "phone_talks")
		talks := r.begin("pbx_calls", Run{Number: number, TCP: tcp})
		r.sees(talks, 2, "answered")
		r.status(number, "on_a_call")
		waits := r.run("pbx_waits_in_vain", Run{Number: group, TCP: tcp})
		r.went("the caller", waits, "waits position=1", "CANCEL 200", "INVITE 487")
		r.waiting(group, 0)
		r.over(talks)
		r.went("the phone", desk, "registered", "rung", "acknowledged", "hung up on")
		r.status(number, "offline")
	})
}
