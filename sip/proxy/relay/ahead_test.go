package relay

import (
	"strings"
	"testing"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// TestNumbersAreAheadBehindOurCredentials: the trunk was sent one INVITE more than
// the caller knows of, and each side sees its own numbers.
func TestNumbersAreAheadBehindOurCredentials(t *testing.T) {
	between(t, func(w *way) {
		w.routes[0] = strings.TrimSuffix(w.routes[0], ">") + ";cseq=1>"
		send := func(p *siptest.Peer, method string) *message.Message {
			b := w.request(p, method, "sip:x@y").Set(message.CSeq, "7 "+method)
			if method == "PRACK" {
				b.Add(rack, "776 6 INVITE")
			}
			p.Send(b)
			to := w.phone
			if p == w.phone {
				to = w.caller
			}
			m := to.Expect(siptest.Method(method))
			if method != "ACK" {
				to.Respond(m, 200)
				if ok := p.Expect(siptest.Status(200)); ok.Get(message.CSeq) != "7 "+method {
					t.Errorf("%s is answered %s", method, ok.Get(message.CSeq))
				}
			}
			return m
		}
		for _, method := range []string{"ACK", "INFO", "PRACK", "INVITE", "BYE"} {
			m := send(w.caller, method)
			if m.Get(message.CSeq) != "8 "+method || method == "PRACK" && m.Get(rack) != "776 7 INVITE" {
				t.Errorf("the called is sent\n%s", m.Raw)
			}
			if m = send(w.phone, method); m.Get(message.CSeq) != "7 "+method || method == "PRACK" && m.Get(rack) != "776 6 INVITE" {
				t.Errorf("the caller is sent\n%s", m.Raw)
			}
		}
	})
}
