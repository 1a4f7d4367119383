package fork

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// A PRACK that crosses the final response is answered as any (RFC 3262 §3), and
// nothing is remembered of the call half a minute later.
func TestPrackMayCrossTheAnswer(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "late": 33 * time.Second} {
		t.Run(name, func(t *testing.T) {
			play(t, 1, func(*stage) Plan { return Plan{Late: true} }, func(s *stage) {
				s.caller.Send(s.caller.Request("INVITE", "sip:600@example.com", "sip:alice@example.com", "").
					Add(message.Contact, "<"+s.caller.Contact("alice")+">").Add(message.Require, "100rel"))
				queued(s, "Queued")
				first := s.caller.Expect(siptest.Status(182))
				s.call.Add(s.target(0))
				s.answer(0, s.rings(0), 200)
				s.caller.Expect(siptest.Status(200))
				s.caller.ExpectNone(siptest.Status(182), wait)
				seq, _ := first.CSeq()
				want := []int{200, 481}
				if wait > 0 {
					want = []int{481}
				}
				for i, status := range want {
					s.caller.Send(s.caller.InDialog("PRACK", first).Set(message.CSeq, fmt.Sprint(7+i, " PRACK")).Add("RAck", fmt.Sprintf("1 %d INVITE", seq)))
					if m := s.caller.Expect(func(m *message.Message) bool { _, method := m.CSeq(); return method == "PRACK" }); m.Status != status {
						t.Errorf("PRACK %d: %d", i, m.Status)
					}
				}
				synctest.Wait()
				f := s.call.f
				f.mu.Lock()
				defer f.mu.Unlock()
				if n := len(f.assuring); n > 0 {
					t.Errorf("%d are remembered", n)
				}
			})
		})
	}
}
