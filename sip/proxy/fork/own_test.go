package fork

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

func queued(s *stage, phrase string) {
	synctest.Wait()
	s.call.Provisional(182, phrase, message.Header{Name: message.Contact, Value: "<sip:10.0.0.1>"})
}

// TestCallWaitsWithoutABranch for longer than Timer C, told so by us, and is
// answered by whom it is brought to.
func TestCallWaitsWithoutABranch(t *testing.T) {
	play(t, 1, func(*stage) Plan { return Plan{Late: true} }, func(s *stage) {
		s.invite()
		for i := range 5 {
			queued(s, fmt.Sprint("Queued ", i))
			if m := s.caller.Expect(siptest.Status(182)); m.ToTag() == "" || m.Has("RSeq") {
				t.Errorf("%v", m.Headers)
			}
			time.Sleep(time.Minute)
		}
		s.call.Add(s.target(0))
		s.answer(0, s.rings(0), 200)
		s.caller.Expect(siptest.Status(200))
		queued(s, "Queued")
		s.caller.ExpectNone(siptest.Status(182), time.Second)
		s.want("0 tried 0, 0 answered 200, over 200")
	})
}

// TestWaitingCallerGivesUp: nothing more is told.
func TestWaitingCallerGivesUp(t *testing.T) {
	play(t, 0, func(*stage) Plan { return Plan{Late: true} }, func(s *stage) {
		inv, branch := s.invite()
		queued(s, "Queued")
		s.caller.Expect(siptest.Status(182))
		cancelCall(s, inv, branch)
		s.caller.Expect(siptest.Status(487))
		s.want("over 487")
	})
}

// TestOwnProvisionalIsAssured to a caller that requires 100rel: sent again until
// the PRACK, one at a time, each with the next number (RFC 3262 §3).
func TestOwnProvisionalIsAssured(t *testing.T) {
	play(t, 0, func(*stage) Plan { return Plan{Late: true} }, func(s *stage) {
		inv := s.caller.Request("INVITE", "sip:600@example.com", "sip:alice@example.com", "").
			Add(message.Contact, "<"+s.caller.Contact("alice")+">").Add(message.Require, "100rel")
		s.caller.Send(inv)
		queued(s, "Queued")
		first := s.caller.Expect(siptest.Status(182))
		if first.Get("RSeq") != "1" || first.Get(message.Require) != "100rel" {
			t.Fatalf("not reliable: %v", first.Headers)
		}
		queued(s, "Queued")
		s.caller.ExpectNone(func(m *message.Message) bool { return m.Get("RSeq") == "2" }, 10*time.Second)
		if n := s.caller.Again(); n < 3 {
			t.Errorf("sent again %d times", n)
		}
		seq, _ := first.CSeq()
		prack := func(rseq int) int {
			s.caller.Send(s.caller.InDialog("PRACK", first).Set(message.CSeq, "7 PRACK").Add("RAck", fmt.Sprintf("%d %d INVITE", rseq, seq)))
			return s.caller.Expect(siptest.Final).Status
		}
		if got := prack(9); got != 481 {
			t.Errorf("PRACK of nothing: %d", got)
		}
		if got := prack(1); got != 200 {
			t.Errorf("PRACK: %d", got)
		}
		if m := s.caller.Expect(siptest.Status(182)); m.Get("RSeq") != "2" {
			t.Errorf("then %s", m.Get("RSeq"))
		}
		if got := prack(2); got != 200 {
			t.Errorf("PRACK: %d", got)
		}
		s.caller.ExpectNone(siptest.Status(182), time.Minute)
		s.call.Refuse(480)
		s.caller.Expect(siptest.Status(480))
		if got := prack(2); got != 481 {
			t.Errorf("PRACK after the end: %d", got)
		}
	})
}
