package fork

import (
	"testing"
	"testing/synctest"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// useless is a Media that has no use for any answer.
type useless struct{ gateway }

func (useless) Response(m *message.Message, _ string) ([]byte, int) {
	if m.Status < 200 {
		return []byte{}, 0
	}
	return []byte{}, 488
}

func (useless) Warning() string { return `305 lamplight "Incompatible media format"` }

// Who answers so that the sides cannot talk is released, and the caller refused.
func TestAnswerOfNoUseIsReleased(t *testing.T) {
	play(t, 1, nil, func(s *stage) {
		plan := s.plan
		s.plan = func() Plan { p := plan(); p.Media = useless{}; return p }
		s.invite()
		a := s.rings(0)
		ok := message.NewResponse(a, 200, "").ToTag("phone").Add(message.Contact, "<sip:phone@10.0.0.11>").Body(SDP, []byte("phone answers"))
		s.phones[0].SendRaw(ok.Bytes())
		if no := s.caller.Expect(siptest.Final); no.Status != 488 || no.Get(message.Warning) == "" {
			t.Errorf("the caller gets\n%s", no.Raw)
		}
		s.phones[0].Expect(siptest.Method("ACK"))
		bye := s.phones[0].Expect(siptest.Method("BYE"))
		if bye.ToTag() != "phone" || bye.Get(message.Reason) != `SIP;cause=488;text="No Audio"` {
			t.Errorf("released by\n%s", bye.Raw)
		}
		s.phones[0].Respond(bye, 200)
		s.phones[0].SendRaw(ok.Bytes()) // the ACK was lost
		s.phones[0].Expect(siptest.Method("ACK"))
		synctest.Wait()
		s.want("0 tried 0, 0 answered 200, over 488")
	})
}
