package anchor

import (
	"testing"

	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
)

// acks checks the body of the caller's ACK: "-" stands for as it is.
func (r *rig) acks(sdp, want string) {
	r.t.Helper()
	body := r.cs.Ack(r.message("ACK sip:b@x SIP/2.0", sdp, false))
	got := string(body)
	if body == nil {
		got = "-"
	}
	if got != want {
		r.t.Errorf("the ACK with %q becomes %q, want %q", sdp, got, want)
	}
}

// An INVITE without an offer is answered by one, whose answer is in the ACK.
func TestTheOfferComesWithTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		page           bool // a browser calls
		offer, passes  string
		answer, acks   string
		first, further string // what the bridge is asked
	}{
		"phone calls browser": {false, "web", "tel-offer-1", "tel", "web-answer-1", "web offers web", "tel answers tel"},
		"browser calls phone": {true, "tel", "web-offer-1", "web", "tel-answer-1", "tel offers tel", "web answers web"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			from, to := r.desk, r.page
			if c.page {
				from, to = to, from
			}
			call := r.cs.Begin(r.invite(""), from)
			r.request(call, "b", to, "", 0)
			r.request(call, "c", to, "", 0)
			r.passes(call, "b", 180, "", "-")
			r.passes(call, "b", 183, c.offer, "")
			r.passes(call, "b", 200, c.offer, c.passes)
			r.passes(call, "b", 200, c.offer, c.passes) // again
			call.Told(fork.Event{What: fork.Over, Status: 200})
			r.hears(1, c.first)
			r.acks(c.answer, c.acks)
			r.acks(c.answer, c.acks) // the first was lost behind us
			r.hears(1, c.further)
			r.open(1)
			r.cs.Seen(r.message("BYE sip:b@x SIP/2.0", "", true))
			r.open()
		})
	}
}

func TestALateOfferThatMeetsPasses(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite(""), r.desk)
	r.request(c, "page", r.page, "", 0)
	r.request(c, "phone", r.desk, "", 0)
	r.passes(c, "phone", 183, "tel", "-")
	r.passes(c, "phone", 200, "tel", "-")
	r.acks("tel", "-")
	if n := r.cs.Live(); n != 0 {
		t.Errorf("%d calls are looked after", n)
	}
}

func TestALateOfferThatIsOfNoUse(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite(""), r.desk)
	r.request(c, "page", r.page, "", 0)
	r.passes(c, "page", 200, "web bad", "refused 488")
	r.open()
	c = r.cs.Begin(r.invite(""), r.desk)
	r.request(c, "page", r.page, "", 0)
	r.mu.Lock()
	r.full = true
	r.mu.Unlock()
	r.passes(c, "page", 200, "web", "refused 503")
	r.open()
	c = r.cs.Begin(r.invite(""), r.desk) // and one that nobody answers
	r.request(c, "page", r.page, "", 0)
	r.passes(c, "page", 486, "", "-")
	c.Told(fork.Event{What: fork.Over, Status: 486})
}

// What is in the INVITE but is no description is somebody else's.
func TestAnotherBodyIsLeftAlone(t *testing.T) {
	r := newRig(t)
	m, err := message.Parse([]byte("INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/WS x;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n" +
		"Content-Type: multipart/mixed\r\nContent-Length: 1\r\n\r\nx"))
	if err != nil {
		t.Fatal(err)
	}
	if r.cs.Begin(m, r.desk) != nil {
		t.Error("it is looked after")
	}
}
