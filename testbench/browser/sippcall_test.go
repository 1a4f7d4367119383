//go:build testbench

package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/testbench/sipp"
	"lamplight/webrtc/media/mediatest"
)

// A call of SIPp's in PCMU rings the page and the desk phone at once, and is answered in
// the page: each hears the other's tone, each is told the keys that the other presses, and
// the desk phone learns that nobody has missed a call. The agent hangs up; or he
// holds, goes on and holds, and the caller hangs up.
func TestCallsOfSIPpAreTalkedInThePage(t *testing.T) {
	figures(t)
	s := carrying(t)
	p := OpenTalking(t, s, micTone).Talker("1001")
	desk := newTelephone(t, s, "127.0.0.3", nil)
	desk.registers("1001")
	tone := recording(t, mediatest.Voice{Hz: phoneTone}, "12#", time.Minute)
	for _, scenario := range []string{"pbx_is_hung_up_on", "pbx_is_held_and_hangs_up"} {
		if !t.Run(scenario, func(t *testing.T) {
			p := p.in(t)
			pbx, ear := sippOf(t, s, scenario, tone, sipp.Run{Number: "1001"})
			inv := desk.Expect(siptest.Method("INVITE"))
			began := time.Now() // SIPp takes a while to begin
			desk.Respond(inv, 180)
			p.Shows("incoming", true)
			took(t, "the desk phone has the INVITE: the page rings", began)
			p.Says("incoming", "+390612345")
			saw(t, pbx, "ringing")
			began = time.Now()
			p.Press("answer")
			cancel := desk.Expect(siptest.Method("CANCEL"))
			if reason := cancel.Get(message.Reason); !strings.Contains(reason, "cause=200") {
				t.Errorf("the desk phone shows a missed call: %q", reason)
			}
			desk.Respond(cancel, 200)
			desk.Respond(inv, 487)
			saw(t, pbx, "ringing", "answered")
			took(t, "answered in the page: the caller is connected", began)
			p.Hears(phoneTone)
			took(t, "answered in the page: the caller is heard in the page", began)
			recognises(t, ear, micTone)
			took(t, "answered in the page: the page is heard by the caller", began)
			p.Says("far-keys", "1 2 #")
			p.keys("480")
			lab.Eventually(t, patience, func() error {
				if got := ear.Report().Keys; got != "480" {
					return fmt.Errorf("the caller was told the keys %q", got)
				}
				return nil
			})
			onACall(t, s, "1001", true)
			if scenario == "pbx_is_hung_up_on" {
				p.Press("hangup")
			} else {
				sippIsHeld(t, p, pbx, ear, "ringing", "answered")
			}
			went(t, pbx)
			onACall(t, s, "1001", false)
			p.idle()
		}) {
			return // what failed left phones in calls
		}
	}
}

// sippIsHeld holds, goes on and holds, upon which SIPp hangs up; so far it has seen this.
func sippIsHeld(t *testing.T, p *Page, far *sipp.Process, ear *mediatest.Ear, seen ...string) {
	t.Helper()
	holds := func(way, held string) {
		p.Press("hold")
		seen = append(seen, way)
		saw(t, far, seen...)
		p.attribute(`[data-testid=phone-call]`, "data-held", held)
	}
	holds("sendonly", "true")
	p.Quiet()
	silent(t, ear)
	holds("sendrecv", "false")
	p.Hears(phoneTone)
	recognises(t, ear, micTone)
	p.Press("hold")
	p.Says("phone-call", "hung up")
}

// silent waits until nothing comes any more.
func silent(t *testing.T, ear *mediatest.Ear) {
	t.Helper()
	last := ear.Report().Packets
	lab.Eventually(t, patience, func() error {
		time.Sleep(200 * time.Millisecond)
		if now := ear.Report().Packets; now != last {
			before := last
			last = now
			return fmt.Errorf("%d packets in 200 ms", now-before)
		}
		return nil
	})
}
