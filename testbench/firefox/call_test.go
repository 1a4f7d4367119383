//go:build testbench

package firefox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/browser"
	"lamplight/testbench/lab"
	"lamplight/testbench/telephone"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

// Tones that are far apart, and no multiples of each other.
const (
	micTone   = 440
	phoneTone = 1000
	otherTone = 1500
)

// carrying is a server whose PBX's calls pass through it.
func carrying(t *testing.T) *lab.Server {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return lab.Start(t, lab.Options{Config: strings.Replace(lab.Ports(string(b)), "mode: redirect", "mode: proxy", 1)})
}

func onACall(t *testing.T, s *lab.Server, number string, want bool) {
	t.Helper()
	lab.Eventually(t, patience, func() error {
		if got := s.Agent(number).Status.Team.Status == "on_a_call"; got != want {
			return fmt.Errorf("%s is %s", number, s.Agent(number).Status.Team.Status)
		}
		return nil
	})
}

// A call in PCMU, and one in PCMA, rings in the page. Answered by the keyboard, each hears
// the other; it is held and goes on, keys are pressed both ways, and either side hangs up.
func TestThePageAnswersACall(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	p := Open(t, s, Options{Hz: micTone}).Talker("1001")
	for name, codecs := range map[string][]sdp.Codec{"PCMU": mediatest.PCMU(), "PCMA": mediatest.PCMA()} {
		pbx := telephone.New(t, s, telephone.Options{Hz: phoneTone, Codecs: codecs})
		began := time.Now()
		pbx.Call("1001")
		p.Shows("incoming", true)
		held(t, "a call comes: it rings in the page", time.Since(began), 2*time.Second)
		p.Says("incoming", "+4930123")
		began = time.Now()
		p.Press("answer")
		pbx.Connected()
		held(t, "answered in the page: the caller is connected", time.Since(began), 2*time.Second)
		pbx.Hears(micTone)
		p.Hears(phoneTone)
		held(t, "answered in the page: both are heard", time.Since(began), 8*time.Second)
		onACall(t, s, "1001", true)

		p.Press("hold")
		pbx.Changed()
		p.Has("phone-call", "data-held", "true")
		p.Press("hold")
		pbx.Changed()
		pbx.Hears(micTone)
		p.Hears(phoneTone)

		p.Type(`[data-testid=phone-call] [data-testid=keypad]`, enter)
		p.Press("key-5")
		pbx.Keys("5")
		pbx.Press('7')
		p.Says("phone-call", "7")
		if name == "PCMU" {
			picture(t, p, "talking")
			p.Press("hangup")
			pbx.HungUp()
		} else {
			pbx.HangUp()
			p.Says("phone-call", "hung up")
		}
		onACall(t, s, "1001", false)
		p.Status("available")
	}
}

// The page calls a desk phone, mutes itself, and hangs up; one that is busy says so.
func TestThePageCallsADeskPhone(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	p := Open(t, s, Options{Hz: micTone}).Talker("1001")
	desk := telephone.Desk(t, s, "127.0.0.3", "1002")
	began := time.Now()
	p.Dial("1002")
	inv := desk.Rings()
	held(t, "dialled in the page: the desk phone rings", time.Since(began), 3*time.Second)
	p.Says("phone-call", "Ringing there")
	began = time.Now()
	desk.Pickup(inv)
	desk.Hears(micTone)
	p.Hears(phoneTone)
	held(t, "answered at the desk phone: both are heard", time.Since(began), 8*time.Second)
	onACall(t, s, "1001", true)
	p.Press("hangup")
	desk.HungUp()
	p.Dial("1002")
	desk.Respond(desk.Rings(), 486)
	p.Says("phone", "The line is busy.")
}

// Firefox and Chromium call each other, whoever begins.
func TestFirefoxAndChromiumCallEachOther(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	fox := Open(t, s, Options{Hz: micTone}).Talker("1001")
	chrome := browser.OpenTalking(t, s, otherTone).Talker("1002")

	chrome.Dial("1001")
	fox.Shows("incoming", true)
	fox.Press("answer")
	chrome.Hears(micTone)
	fox.Hears(otherTone)
	fox.Press("hangup")
	chrome.Says("phone-call", "hung up")
	onACall(t, s, "1002", false)

	fox.Dial("1002")
	chrome.Shows("incoming", true)
	chrome.Press("answer")
	chrome.Hears(micTone)
	fox.Hears(otherTone)
	onACall(t, s, "1001", true)
	chrome.Press("hangup")
	fox.Says("phone-call", "hung up")
	onACall(t, s, "1001", false)
}

// picture keeps what the page looks like in the folder that PICTURES names.
func picture(t *testing.T, p *Page, name string) {
	t.Helper()
	dir := os.Getenv("PICTURES")
	if dir == "" {
		return
	}
	time.Sleep(time.Second) // until what opens is open
	if err := os.WriteFile(filepath.Join(dir, name+".png"), p.Picture(), 0o600); err != nil {
		t.Fatal(err)
	}
}
