package fork

import (
	"fmt"
	"testing"
	"testing/synctest"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// Phones hear why the caller takes his call back (RFC 3326 §1): one whose call was
// answered at another server shows no missed call.
func TestCancelSaysWhatTheCallersDoes(t *testing.T) {
	play(t, 1, nil, func(s *stage) {
		inv, branch := s.invite()
		s.answer(0, s.rings(0), 180)
		s.caller.Expect(siptest.Status(180))
		m, err := message.Parse(inv.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		seq, _ := m.CSeq()
		const why = `SIP;cause=200;text="Call completed elsewhere"`
		s.caller.SendRaw(message.NewRequest("CANCEL", m.URI).Add(message.From, m.Get(message.From)).Add(message.To, m.Get(message.To)).
			Add(message.CallID, m.CallID()).Add(message.CSeq, fmt.Sprint(seq, " CANCEL")).Add(message.Reason, why).Via(s.caller.Via(branch)).Bytes())
		if c := s.phones[0].Expect(siptest.Method("CANCEL")); c.Get(message.Reason) != why {
			t.Errorf("it says %q", c.Get(message.Reason))
		}
		synctest.Wait()
	})
}
