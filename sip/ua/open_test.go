package ua

import (
	"testing"
	"testing/synctest"
)

// A change that nobody has answered when the call ends is answered then, whoever ends it
// and however (RFC 3261 §15.1.2): nothing is left that waits for ever.
func TestWhatIsOpenAtTheEndOfACallIsAnswered(t *testing.T) {
	for name, tt := range map[string]struct {
		ends  func(b *party, ca, cb *Call)
		heard string
	}{
		"the other side hangs up": {func(_ *party, ca, _ *Call) { ca.End(480) }, "ended 200 far=true elsewhere=false"},
		"its own side hangs up":   {func(_ *party, _, cb *Call) { cb.End(480) }, "ended 200 far=false elsewhere=false"},
		"its phone is closed":     {func(b *party, _, _ *Call) { b.Close() }, "ended 200 far=false elsewhere=false"},
		"the flow ends":           {func(b *party, _, _ *Call) { _ = b.Flow().Close() }, "ended 503 far=true elsewhere=false"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, ca, cb := talk(t)
				ca.Offer([]byte("hold"), func(_ []byte, status int) { a.note("done %d", status) })
				want(t, "changed", b, "offered hold")
				tt.ends(b, ca, cb)
				want(t, name, b, tt.heard)
				if !b.offer.r.Answered() {
					t.Error("the change waits for ever")
				}
				b.offer.Answer([]byte("late")) // the owner knows no better
				b.offer.Refuse(488)
				want(t, "after its end", b, "")
			})
		})
	}
}

// A call that rings when its flow ends waits for no answer either.
func TestACallThatRingsEndsWithItsFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t)
		a.call(t, "sip:1002@demo.test")
		want(t, "called", b, "incoming sip:1001@demo.test offer")
		_ = b.Flow().Close()
		want(t, "the flow ends", b, "ended 503 far=true elsewhere=false")
		if !b.calls[0].invite.Answered() {
			t.Error("the call waits for ever")
		}
	})
}

// What happens to a call before Incoming has said who is told of it, on other goroutines, is
// told then, in order.
func TestWhatHappensBeforeACallHasAnOwnerIsToldIt(t *testing.T) {
	for name, tt := range map[string]struct {
		happens func(b *party, c *Call)
		heard   string
	}{
		"its side refuses it":          {func(_ *party, c *Call) { c.End(486) }, "ended 486 far=false elsewhere=false"},
		"the flow ends":                {func(b *party, _ *Call) { _ = b.Flow().Close() }, "ended 503 far=true elsewhere=false"},
		"its side answers and ends it": {func(_ *party, c *Call) { _ = c.Answer([]byte("answer")); c.End(200) }, "ended 200 far=false elsewhere=false"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := two(t)
				b.o.Incoming = func(c *Call) Handler {
					done := make(chan struct{})
					go func() { defer close(done); tt.happens(b, c) }()
					<-done
					return b
				}
				a.call(t, "sip:1002@demo.test")
				want(t, name, b, tt.heard)
			})
		})
	}
}
