package fork

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

// declines has phone 0 decline for good, and wants the caller to hear of it.
func declines(s *stage) {
	s.t.Helper()
	s.invite()
	s.answer(0, s.rings(0), 603)
	s.caller.Timeout = time.Minute
	if m := s.caller.Expect(siptest.Final); m.Status != 603 {
		s.t.Errorf("answered %d", m.Status)
	}
}

// A place to which the way is still looked for ends with the call that somebody
// declines for good: the caller gets that.
func TestDeclineEndsTheSearchForAWay(t *testing.T) {
	slow := func(context.Context) (*transport.Flow, error) {
		time.Sleep(2 * time.Second)
		return nil, context.DeadlineExceeded
	}
	for name, reach := range map[string]func(s *stage) func(context.Context) (*transport.Flow, error){
		"there is none": func(*stage) func(context.Context) (*transport.Flow, error) { return slow },
		"there is one": func(s *stage) func(context.Context) (*transport.Flow, error) {
			return func(ctx context.Context) (*transport.Flow, error) {
				_, _ = slow(ctx)
				return s.target(1).Flow, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, func(s *stage) Plan {
				return Plan{Steps: []Step{{Targets: []Target{s.target(0), {ID: "1", URI: "sip:phone1@x", Reach: reach(s)}}}}}
			}, func(s *stage) {
				declines(s)
				s.phones[1].ExpectNone(siptest.Method("INVITE"), 5*time.Second)
			})
		})
	}
}

// The same, where one way has failed and another is looked for.
func TestDeclineEndsTheSearchForAnotherWay(t *testing.T) {
	play(t, 2, func(s *stage) Plan {
		n := 0
		return Plan{Steps: []Step{{Targets: []Target{s.target(0), {ID: "1", URI: "sip:phone1@x", Next: func(context.Context) (Way, error) {
			if n++; n > 1 {
				time.Sleep(2 * time.Second)
			}
			return Way{Flow: s.target(1).Flow, Server: true}, nil
		}}}}}}
	}, func(s *stage) {
		s.invite()
		a := s.rings(0)
		s.answer(1, s.rings(1), 503)
		synctest.Wait()
		s.answer(0, a, 603)
		s.caller.Timeout = time.Minute
		if m := s.caller.Expect(siptest.Final); m.Status != 603 {
			s.t.Errorf("answered %d", m.Status)
		}
	})
}

// Who declines for good declines for the other contacts of a redirection too, and
// for a mobile that a push wakes (RFC 3261 §16.7 step 5).
func TestNothingIsBegunAfterADecline(t *testing.T) {
	play(t, 3, follows, func(s *stage) {
		s.invite()
		s.redirects(0, s.rings(0), 302, "sip:phone1@x;q=0.9", "sip:phone2@x;q=0.2")
		s.answer(1, s.rings(1), 603)
		if m := s.caller.Expect(siptest.Final); m.Status != 603 {
			t.Errorf("answered %d", m.Status)
		}
		s.phones[2].ExpectNone(siptest.Method("INVITE"), time.Second)
	})
	play(t, 2, func(s *stage) Plan { return Plan{Steps: []Step{{Targets: s.targets()[:1]}}, Late: true} }, func(s *stage) {
		declines(s)
		s.call.Add(s.target(1))
		s.call.Release()
		s.phones[1].ExpectNone(siptest.Method("INVITE"), time.Second)
		s.want("0 tried 0, 0 failed 603, over 603")
	})
}

// A call that comes back as it went is over too, for whoever follows it.
func TestLoopIsTold(t *testing.T) {
	play(t, 1, nil, func(s *stage) {
		s.invite()
		inv := s.rings(0)
		s.phones[0].Send(message.RelayRequest(inv, "sip:1001@example.com", nil)) // as a proxy that sends it back
		s.phones[0].Expect(siptest.Status(482))
		synctest.Wait()
		s.answer(0, inv, 486)
		s.caller.Expect(siptest.Final)
		s.want("0 tried 0, over 482, 0 failed 486, over 486")
	})
}
