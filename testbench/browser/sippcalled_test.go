//go:build testbench

package browser

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/testbench/sipp"
	"lamplight/webrtc/media/mediatest"
)

// The page calls out, over a trunk that is SIPp. In PCMU and PCMA each hears the other's
// tone; in G.722 the page hears its own, which SIPp sends back, so that both ways were
// coded right. Either side hangs up, and the page holds; who is busy or not there is
// told in words.
func TestCallsOfAPageAreTakenBySIPp(t *testing.T) {
	figures(t)
	t.Parallel()
	const host = "127.0.0.4"
	port, err := sipp.FreePort(host)
	if err != nil {
		t.Fatal(err)
	}
	s := carrying(t, "trunks: []", fmt.Sprintf(`trunks: [{name: carrier, servers: ["%s:%d"], transport: udp, no_options: true}]`, host, port))
	all := OpenTalking(t, s, micTone).Talker("1001")
	for _, c := range []struct {
		codec, scenario string
		kind            uint8
		hears           int
	}{
		{"PCMU", "trunk_is_hung_up_on", 0, phoneTone},
		{"PCMA", "trunk_is_held_and_hangs_up", 8, phoneTone},
		{"G722", "trunk_is_hung_up_on", 9, micTone},
	} {
		if !t.Run(c.codec, func(t *testing.T) {
			p := all.in(t)
			run := sipp.Run{From: host, Port: port, Keys: map[string]string{"type": fmt.Sprint(c.kind), "codec": c.codec}}
			long := time.Minute
			if c.codec == "G722" {
				run.Extra, long = []string{"-rtp_echo"}, 0
			}
			tone := recording(t, mediatest.Voice{Hz: float64(c.hears), A: c.codec == "PCMA"}, "", long)
			trunk, ear := sippOf(t, s, c.scenario, tone, run)
			listens(t, host, port)
			began := time.Now()
			p.Dial("+39 02 1234")
			saw(t, trunk, "rung")
			took(t, "dialled in the page: the called rings", began)
			p.Says("phone-call", "Talking")
			began = time.Now()
			p.Hears(c.hears)
			took(t, "the page is connected: it hears the called", began)
			if c.codec != "G722" {
				recognises(t, ear, micTone)
				took(t, "the page is connected: the called hears it", began)
			}
			p.keys("15")
			lab.Eventually(t, patience, func() error {
				if r := ear.Report(); r.Keys != "15" || r.Types[c.kind] == 0 || len(r.Types) != 2 {
					return fmt.Errorf("the called has heard the keys %q, and packets of the types %v", r.Keys, r.Types)
				}
				return nil
			})
			onACall(t, s, "1001", true)
			if c.scenario == "trunk_is_hung_up_on" {
				p.Press("hangup")
			} else {
				sippIsHeld(t, p, trunk, ear, "rung", "acknowledged")
			}
			went(t, trunk)
			onACall(t, s, "1001", false)
			p.idle()
		}) {
			return
		}
	}
	for status, sentence := range map[string]string{"486 Busy Here": "The line is busy.", "404 Not Found": "Nobody has this number."} {
		t.Run(status, func(t *testing.T) {
			p := all.in(t)
			trunk, _ := sippOf(t, s, "trunk_refuses", "", sipp.Run{From: host, Port: port, Keys: map[string]string{"status": status}})
			listens(t, host, port)
			p.Dial("+39021234")
			p.Says("phone", sentence)
			went(t, trunk)
			p.idle()
		})
	}
}

// What is played before the answer is heard, as announcements are, and nothing that the
// page says; once it is answered the call goes on with that audio.
func TestEarlyMediaIsHeardInThePage(t *testing.T) {
	figures(t)
	t.Parallel()
	s := carrying(t)
	p := OpenTalking(t, s, micTone).Talker("1001")
	desk := speaking(t, s, "127.0.0.3", deskTone)
	desk.registers("1002")
	p.Dial("1002")
	inv := desk.Expect(siptest.Method("INVITE"))
	body, err := desk.Answer(inv.Body)
	desk.ok(err)
	began := time.Now()
	desk.Peer.Send(message.NewResponse(inv, 183, "").Add(message.Contact, desk.contact().Value).Body("application/sdp", body))
	p.Hears(deskTone)
	took(t, "183 with audio: the page hears it before the answer", began)
	if got := p.Text(`[data-testid=phone-call]`); !strings.Contains(got, "Ringing there") {
		t.Errorf("the page says %q", got)
	}
	onACall(t, s, "1001", true)
	b := message.NewResponse(inv, 200, "").Add(message.Contact, desk.contact().Value).Body("application/sdp", body)
	desk.Peer.Send(b)
	desk.Expect(siptest.Method("ACK"))
	desk.hears(micTone)
	p.Hears(deskTone)
	p.Says("phone-call", "Talking")
	p.Press("hangup")
	desk.hungUp()
}

// listens waits until SIPp does.
func listens(t *testing.T, host string, port int) {
	t.Helper()
	var a [4]string
	for i, n := range strings.Split(host, ".") {
		b, _ := strconv.Atoi(n)
		a[3-i] = fmt.Sprintf("%02X", b)
	}
	want := fmt.Sprintf("%s:%04X", strings.Join(a[:], ""), port)
	lab.Eventually(t, patience, func() error {
		b, err := os.ReadFile("/proc/net/udp")
		if err == nil && !strings.Contains(string(b), want) {
			err = fmt.Errorf("nobody listens on port %d", port)
		}
		return err
	})
}
