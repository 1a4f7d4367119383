//go:build testbench

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

const (
	micTone   = 440
	phoneTone = 1000
)

// telephone is a SIP phone with a voice.
type telephone struct {
	*siptest.Peer
	*mediatest.Phone
	t   *testing.T
	inv *message.Message // of the call, as the phone knows it: InDialog wants it so
}

// carrying is a server whose PBX's calls pass through it, with more of its configuration
// replaced.
func carrying(t *testing.T, more ...string) *lab.Server {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return lab.Start(t, lab.Options{Config: strings.NewReplacer(append(more, "mode: redirect", "mode: proxy")...).Replace(lab.Ports(string(b)))})
}

func newTelephone(t *testing.T, s *lab.Server, host string, codecs []sdp.Codec) *telephone {
	t.Helper()
	v, err := mediatest.NewPhone(mediatest.PhoneOptions{Hz: phoneTone, Codecs: codecs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	p := siptest.NewRealPeerFrom(t, host, s.SIP)
	p.Timeout = patience
	return &telephone{Peer: p, Phone: v, t: t}
}

func (p *telephone) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *telephone) contact() message.Header {
	return message.Header{Name: message.Contact, Value: "<" + p.Contact("phone") + ">"}
}

// call begins one, and returns its INVITE.
func (p *telephone) call(number string) *message.Message {
	b := p.Request("INVITE", "sip:"+number+"@demo.lamplight.test", "sip:+4930123@pbx.test", "").Add(message.Contact, p.contact().Value)
	p.Peer.Send(b.Body("application/sdp", p.Offer(sdp.SendRecv)))
	m, err := message.Parse(b.Bytes())
	p.ok(err)
	return m
}

// answer answers an offer of the other side, in a new call or in the one that is.
func (p *telephone) answer(inv *message.Message) {
	body, err := p.Answer(inv.Body)
	p.ok(err)
	b := message.NewResponse(inv, 200, "").Add(message.Contact, p.contact().Value).Body("application/sdp", body)
	p.Peer.Send(b)
}

// connected takes the answer to a call of its own.
func (p *telephone) connected() {
	p.t.Helper()
	res := p.Expect(siptest.Status(200))
	p.ok(p.Accept(res.Body))
	seq, _ := res.CSeq()
	p.Peer.Send(p.InDialog("ACK", res).Set(message.CSeq, fmt.Sprint(seq, " ACK")))
	p.inv = res
}

func (p *telephone) hangUp() {
	p.t.Helper()
	p.Peer.Send(p.InDialog("BYE", p.inv).Set(message.CSeq, "900 BYE"))
	p.Expect(func(m *message.Message) bool {
		_, method := m.CSeq()
		return m.Status == 200 && method == "BYE"
	})
}

func (p *telephone) hungUp() {
	p.t.Helper()
	p.Respond(p.Expect(siptest.Method("BYE")), 200)
}

func (p *telephone) hears(hz float64) {
	p.t.Helper()
	p.Ear.Forget()
	lab.Eventually(p.t, patience, func() error { return p.Ear.Recognises(hz) })
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

// An inbound call in PCMU or PCMA rings the page and the desk phone at once. Answered in
// the page, each hears the other; it is held and goes on, keys are pressed, and either
// side hangs up.
func TestPageAnswersACallThatRingsTheDeskPhoneToo(t *testing.T) {
	s := carrying(t)
	b := OpenTalking(t, s, micTone)
	p := b.Talker("1001")
	desk := siptest.NewRealPeerFrom(t, "127.0.0.3", s.SIP)
	if m := desk.Register("sip:1001@demo.lamplight.test", "1001", "demo-1001", 600); m.Status != 200 {
		t.Fatalf("the desk phone registers: %d", m.Status)
	}
	for name, codecs := range map[string][]sdp.Codec{"PCMU": mediatest.PCMU(), "PCMA": mediatest.PCMA()} {
		pbx := newTelephone(t, s, "127.0.0.1", codecs)
		began := time.Now()
		pbx.call("1001")
		inv := desk.Expect(siptest.Method("INVITE"))
		desk.Respond(inv, 180)
		p.Shows("incoming", true)
		held(t, "a call comes: it rings in the page", time.Since(began), 2*time.Second)
		p.Says("incoming", "+4930123")
		began = time.Now()
		p.Press("answer")
		pbx.connected()
		held(t, "answered in the page: the caller is connected", time.Since(began), time.Second)
		cancel := desk.Expect(siptest.Method("CANCEL"))
		if !strings.Contains(cancel.Get(message.Reason), "cause=200") {
			t.Errorf("%s: the desk phone shows a missed call", name)
		}
		desk.Respond(cancel, 200)
		desk.Respond(inv, 487)
		pbx.hears(micTone)
		p.Hears(phoneTone)
		held(t, "answered in the page: both are heard", time.Since(began), 8*time.Second)
		onACall(t, s, "1001", true)

		p.Press("hold")
		pbx.answer(pbx.Expect(siptest.Method("INVITE")))
		p.attribute(`[data-testid=phone-call]`, "data-held", "true")
		p.Press("hold")
		pbx.answer(pbx.Expect(siptest.Method("INVITE")))
		pbx.hears(micTone)
		p.Hears(phoneTone)

		p.Eval(`[...document.querySelectorAll('[data-testid=phone-call] [data-testid=keypad]')].pop().click(); 'ok'`)
		p.Press("key-5")
		lab.Eventually(t, patience, func() error {
			if k := pbx.Ear.Report().Keys; k != "5" {
				return fmt.Errorf("keys %q", k)
			}
			return nil
		})
		if name == "PCMU" {
			p.Press("hangup")
			pbx.hungUp()
		} else {
			pbx.hangUp()
			p.Says("phone-call", "hung up")
		}
		onACall(t, s, "1001", false)
		p.Status("available")
	}
}

// Answered at the desk phone: the page stops ringing and tells of no missed call.
func TestPageStopsRingingWhenTheDeskPhoneAnswers(t *testing.T) {
	figures(t)
	t.Parallel()
	s := carrying(t)
	p := OpenTalking(t, s, micTone).Talker("1001")
	pbx, desk := newTelephone(t, s, "127.0.0.1", nil), newTelephone(t, s, "127.0.0.3", nil)
	if m := desk.Register("sip:1001@demo.lamplight.test", "1001", "demo-1001", 600); m.Status != 200 {
		t.Fatalf("the desk phone registers: %d", m.Status)
	}
	pbx.call("1001")
	inv := desk.Expect(siptest.Method("INVITE"))
	p.Shows("incoming", true)
	began := time.Now()
	desk.answer(inv)
	pbx.connected()
	p.Shows("incoming", false)
	took(t, "answered at the desk phone: the page has stopped ringing", began)
	time.Sleep(500 * time.Millisecond)
	if text := p.Text(`[data-testid=phone]`); strings.Contains(text, "Missed") {
		t.Errorf("the page says %q", text)
	}
}

// The page calls a desk phone; and one that is busy says so.
func TestPageCallsADeskPhone(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	p := OpenTalking(t, s, micTone).Talker("1001")
	desk := newTelephone(t, s, "127.0.0.3", nil)
	if m := desk.Register("sip:1002@demo.lamplight.test", "1002", "demo-1002", 600); m.Status != 200 {
		t.Fatalf("the desk phone registers: %d", m.Status)
	}
	p.Dial("1002")
	inv := desk.Expect(siptest.Method("INVITE"))
	desk.Respond(inv, 180)
	p.Says("phone-call", "Ringing there")
	desk.answer(inv)
	desk.hears(micTone)
	p.Hears(phoneTone)
	onACall(t, s, "1001", true)
	p.Press("hangup")
	desk.hungUp()
	p.Dial("1002")
	inv = desk.Expect(siptest.Method("INVITE"))
	desk.Respond(inv, 486)
	p.Says("phone", "The line is busy.")
}

// A browser that froze a moment ago is not known to be dead yet. The caller, who hears
// nothing of it, is with the next within a second.
func TestACallToAFrozenPageFallsToTheNext(t *testing.T) {
	const voicemail = "127.0.0.4:15060"
	s := carrying(t, `fallback: "" #`, `fallback: "sip:vm@`+voicemail+`" #`)
	vm := siptest.NewRealPeerFrom(t, voicemail, s.SIP)
	vm.Timeout = patience
	c := OpenTalking(t, s, micTone)
	c.Talker("1001")
	pbx := newTelephone(t, s, "127.0.0.1", nil)
	procs := processes(t, chromedp.FromContext(c.ctx).Browser.Process().Pid)
	defer signal(procs, syscall.SIGCONT)
	for range 3 {
		isTarget(t, s, "1001")
		signal(procs, syscall.SIGSTOP)
		began := time.Now()
		pbx.call("1001")
		inv := vm.Expect(siptest.Method("INVITE"))
		vm.Respond(inv, 180)
		pbx.Expect(siptest.Status(180))
		held(t, "a call to a page that froze just before: the caller hears the next ring", time.Since(began), time.Second)
		vm.Respond(inv, 486)
		pbx.Expect(siptest.Status(486))
		signal(procs, syscall.SIGCONT)
	}
}

// The page's code hangs for longer than a session lives without a word: its socket is
// cut. The call goes on, and the page has it in hand again when it is back.
func TestACallOutlivesThePagesSilence(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	p := OpenTalking(t, s, micTone).Talker("1001")
	pbx := newTelephone(t, s, "127.0.0.1", nil)
	pbx.call("1001")
	p.Shows("incoming", true)
	p.Press("answer")
	pbx.connected()
	p.Hears(phoneTone)
	p.Eval(`setTimeout(() => { const end = Date.now() + 7000; while (Date.now() < end); }, 50); 'ok'`)
	lab.Eventually(t, patience, func() error {
		if !strings.Contains(s.Log(), "webphone lost") {
			return errText("the page is not lost")
		}
		return nil
	})
	pbx.hears(micTone)      // meanwhile, too
	time.Sleep(time.Second) // it sees that its socket is closed, and comes back
	p.attribute(`[data-testid=microphone]`, "data-target", "true")
	p.Hears(phoneTone)
	p.Press("hold")
	pbx.answer(pbx.Expect(siptest.Method("INVITE")))
	p.attribute(`[data-testid=phone-call]`, "data-held", "true")
	p.Press("hangup")
	pbx.hungUp()
}
