//go:build testbench

package browser

import (
	"testing"
	"time"
)

// Two browsers call each other. Each holds, while the other hears nothing; keys that one
// presses are shown to the other; each hangs up. Who was not there in time has missed a
// call.
func TestPagesCallEachOther(t *testing.T) {
	figures(t)
	t.Parallel()
	s := carrying(t)
	ada, bruno := OpenTalking(t, s, micTone).Talker("1001"), OpenTalking(t, s, phoneTone).Talker("1002")
	calls := func(t *testing.T, a, b *Page, number string) {
		t.Helper()
		began := time.Now()
		a.Dial(number)
		b.Shows("incoming", true)
		took(t, "dialled in the page: the other page rings", began)
		a.Says("phone-call", "Ringing there")
	}
	over := func(a, b *Page) {
		onACall(t, s, "1001", false)
		onACall(t, s, "1002", false)
		a.idle()
		b.idle()
	}
	t.Run("the caller", func(t *testing.T) {
		a, b := ada.in(t), bruno.in(t)
		calls(t, a, b, "1002")
		began := time.Now()
		b.Press("answer")
		a.Hears(phoneTone)
		b.Hears(micTone)
		took(t, "answered in the other page: they hear each other", began)
		onACall(t, s, "1001", true)
		onACall(t, s, "1002", true)
		a.keys("70")
		b.Says("far-keys", "7 0")
		holds(a, b, micTone)
		a.Press("hangup")
		b.Says("phone-call", "hung up")
		over(a, b)
	})
	t.Run("the called", func(t *testing.T) {
		a, b := ada.in(t), bruno.in(t)
		calls(t, b, a, "1001")
		began := time.Now()
		a.Press("answer")
		b.Hears(micTone)
		a.Hears(phoneTone)
		took(t, "answered in the other page: they hear each other", began)
		holds(a, b, micTone)
		holds(b, a, phoneTone)
		a.Press("hangup")
		b.Says("phone-call", "hung up")
		over(a, b)
	})
	t.Run("nobody", func(t *testing.T) {
		a, b := ada.in(t), bruno.in(t)
		calls(t, a, b, "1002")
		a.Press("hangup")
		b.Says("phone", "Missed call")
		over(a, b)
	})
}

// holds has a page hold the call, whose tone is heard by the other, and go on with it.
func holds(p, other *Page, tone int) {
	p.t.Helper()
	p.Press("hold")
	p.Says("phone-call", "On hold")
	other.Says("phone-call", "Held by the other side")
	other.Quiet()
	p.Quiet()
	p.Press("hold")
	other.Says("phone-call", "Talking")
	other.Hears(tone)
}
