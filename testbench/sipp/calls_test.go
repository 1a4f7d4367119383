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

// newSwitchboard is a rig whose PBX's calls pass through the server and ring for
// five seconds.
func newSwitchboard(t *testing.T) *rig {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("mode: redirect", "mode: proxy", "ring: 60s", "ring: 5s").Replace(lab.Ports(string(b)))
	return &rig{Server: lab.Start(t, lab.Options{Config: text}), t: t, dir: t.TempDir()}
}

// overEach runs a test for a called phone on UDP and one on TCP.
func overEach(t *testing.T, f func(r *rig, number string, tcp bool)) {
	r := newSwitchboard(t)
	t.Run("UDP", func(t *testing.T) { f(r.in(t), "1001", false) })
	t.Run("TCP", func(t *testing.T) { f(r.in(t), "1002", true) })
}

// desk registers a phone that does with a call what the scenario says.
func (r *rig) desk(number string, tcp bool, scenario string) *Process {
	r.t.Helper()
	run := phone(number, "")
	var err error
	run.From, run.TCP = "127.0.0.3", tcp
	if run.Port, err = FreePort(run.From); err != nil {
		r.t.Fatal(err)
	}
	over := "udp"
	if tcp {
		over = "tcp"
	}
	run.Keys = map[string]string{"contact": fmt.Sprintf("<sip:%s@%s:%d;transport=%s>", number, run.From, run.Port, over), "expires": "600"}
	run.Extra = []string{"-oocsf", filepath.Join(r.Root, "testbench", "sipp", "scenarios", scenario+".xml")}
	p := r.begin("phone", run)
	r.sees(p, 1, "registered")
	return p
}

// went waits until a side has seen this, in this order and nothing else.
func (r *rig) went(who string, p *Process, want ...string) {
	r.t.Helper()
	lab.Eventually(r.t, 8*time.Second, func() error {
		if got := p.Log(); strings.Join(got, ", ") != strings.Join(want, ", ") {
			return fmt.Errorf("%s saw %q, want %q", who, got, want)
		}
		return nil
	})
}

func (r *rig) over(p *Process) {
	r.t.Helper()
	if err := p.Wait(); err != nil {
		r.t.Fatal(err)
	}
}

func TestCarriedCallEndsWithAByeOfEitherSide(t *testing.T) {
	for _, c := range []struct {
		name, pbx, phone   string
		atCaller, atCalled []string
	}{
		{"caller", "pbx_calls", "phone_talks",
			[]string{"ringing", "answered", "over"}, []string{"registered", "rung", "acknowledged", "hung up on"}},
		{"called", "pbx_is_hung_up_on", "phone_hangs_up",
			[]string{"ringing", "answered", "hung up on"}, []string{"registered", "rung", "acknowledged", "over"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			overEach(t, func(r *rig, number string, tcp bool) {
				desk := r.desk(number, tcp, c.phone)
				pbx := r.begin(c.pbx, Run{Number: number})
				r.sees(pbx, 1, "ringing")
				r.status(number, "offline") // ringing is no call
				r.sees(pbx, 2, "answered")
				r.status(number, "on_a_call")
				r.over(pbx)
				r.went("the caller", pbx, c.atCaller...)
				r.went("the called", desk, c.atCalled...)
				r.status(number, "offline")
			})
		})
	}
}

func TestBusyPhoneIsBusyToTheCaller(t *testing.T) {
	overEach(t, func(r *rig, number string, tcp bool) {
		desk := r.desk(number, tcp, "phone_busy")
		r.went("the caller", r.run("pbx_finds_busy", Run{Number: number}), "486")
		r.went("the phone", desk, "registered", "rung", "acknowledged")
		r.status(number, "offline")
	})
}

func TestCallerGivesUp(t *testing.T) {
	overEach(t, func(r *rig, number string, tcp bool) {
		desk := r.desk(number, tcp, "phone_rings")
		pbx := r.run("pbx_cancels", Run{Number: number})
		r.went("the caller", pbx, "ringing", "CANCEL 200", "INVITE 487")
		r.went("the phone", desk, "registered", "rung", "cancelled", "acknowledged")
		r.status(number, "offline")
	})
}

func TestNobodyAnswers(t *testing.T) {
	overEach(t, func(r *rig, number string, tcp bool) {
		desk := r.desk(number, tcp, "phone_rings")
		pbx := r.begin("pbx_rings_out", Run{Number: number})
		r.sees(pbx, 1, "ringing")
		rings := time.Now()
		r.over(pbx)
		if took := time.Since(rings); took < 4*time.Second || took > 7*time.Second {
			t.Errorf("it rang for %s, want 5 s", took)
		}
		r.went("the caller", pbx, "ringing", "408")
		r.went("the phone", desk, "registered", "rung", "cancelled", "acknowledged")
	})
}

// Who takes no calls is not rung at all.
func TestRefusedCallRingsNoPhone(t *testing.T) {
	overEach(t, func(r *rig, number string, tcp bool) {
		desk := r.desk(number, tcp, "phone_talks")
		if code := r.API("PUT", "/agents/"+number+"/status", map[string]string{"status": "do_not_disturb"}, nil); code != 200 {
			r.t.Fatalf("select Do Not Disturb: HTTP %d", code)
		}
		if why := r.invite("invite_unavailable", number, "regular"); !strings.Contains(why, "Do Not Disturb") {
			r.t.Errorf("refused because %q", why)
		}
		r.went("the phone", desk, "registered")
		if code := r.API("PUT", "/agents/"+number+"/status", map[string]string{"status": "available"}, nil); code != 200 {
			r.t.Fatalf("select Available: HTTP %d", code)
		}
		pbx := r.begin("pbx_calls", Run{Number: number})
		r.sees(pbx, 2, "answered")
		r.status(number, "on_a_call")
		r.invite("invite_busy", number, "regular") // a second call
		r.over(pbx)
		r.went("the phone", desk, "registered", "rung", "acknowledged", "hung up on")
	})
}
