package fork

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// TestTakenCallEndsWithoutMissedCalls: the caller is connected by another dialog.
func TestTakenCallEndsWithoutMissedCalls(t *testing.T) {
	for name, end := range map[string]func(*stage, *message.Builder, string){
		"told first": func(s *stage, _ *message.Builder, _ string) { s.call.Taken() },
		"CANCEL is first": func(s *stage, inv *message.Builder, branch string) {
			s.call.Elsewhere(true)
			cancelCall(s, inv, branch)
			synctest.Wait()
			s.call.Taken()
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, nil, func(s *stage) {
				inv, branch := s.invite()
				a := s.rings(0)
				s.rings(1)
				s.answer(0, a, 180)
				s.caller.Expect(siptest.Status(180))
				end(s, inv, branch)
				if m := s.caller.Expect(siptest.Status(487)); m == nil {
					t.Error("no 487")
				}
				cancel := s.phones[0].Expect(siptest.Method("CANCEL"))
				if !strings.Contains(cancel.Get(message.Reason), "cause=200") {
					t.Errorf("canceled with reason %q", cancel.Get(message.Reason))
				}
			})
		})
	}
}

// TestHeldCallIsNotRefused before Release, nor after it is over.
func TestHeldCallIsNotRefused(t *testing.T) {
	play(t, 2, func(s *stage) Plan { return Plan{Steps: []Step{{Targets: s.targets()[:1]}}} }, func(s *stage) {
		s.invite()
		inv := s.rings(0)
		if !s.call.Hold() {
			t.Error("it is over")
		}
		s.answer(0, inv, 486)
		s.caller.ExpectNone(siptest.Final, time.Second)
		s.call.Add(s.target(1))
		s.call.Release()
		s.answer(1, s.rings(1), 603)
		if m := s.caller.Expect(siptest.Final); m.Status != 603 {
			t.Errorf("answered %d", m.Status)
		}
		if s.call.Hold() {
			t.Error("a call that is over is held")
		}
	})
}
