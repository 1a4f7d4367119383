//go:build testbench

package browser

import (
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// A page in which a call rings, or that rings somewhere, for longer than a moment has a
// microphone that works all along: the agent is not told otherwise, and not offline.
func TestAPageThatRingsForLongIsUsable(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	p := OpenTalking(t, s, micTone).Talker("1001")
	rings := func(what string) {
		t.Helper()
		for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if got := s.Agent("1001").Status.Team.Status; got == "offline" {
				t.Fatalf("%s: 1001 is %s", what, got)
			}
			if got := p.Eval(`document.querySelector('[data-testid=call-warning]')?.textContent ?? ''`); got != "" {
				t.Fatalf("%s: the page says %q", what, got)
			}
		}
	}
	pbx := newTelephone(t, s, "127.0.0.1", nil)
	pbx.call("1001")
	p.Shows("incoming", true)
	rings("a call that comes")
	p.Press("answer")
	pbx.connected()
	pbx.hears(micTone)
	pbx.hangUp()
	p.Shows("dial-number", true)

	desk := newTelephone(t, s, "127.0.0.2", nil)
	if m := desk.Register("sip:1002@demo.lamplight.test", "1002", "demo-1002", 600); m.Status != 200 {
		t.Fatalf("the desk phone registers: %d", m.Status)
	}
	p.Dial("1002")
	inv := desk.Expect(siptest.Method("INVITE"))
	desk.Respond(inv, 180, message.Header{Name: message.Contact, Value: desk.contact().Value})
	p.Says("phone-call", "Ringing there")
	rings("a call that is dialled")
	desk.answer(inv)
	desk.hears(micTone)
	p.Press("hangup")
	desk.hungUp()
}
