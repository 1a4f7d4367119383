package anchor

import (
	"testing"

	"lamplight/sip/proxy/fork"
)

// A call whose answer the gateway cannot use would be one of silence: it is refused.
func TestAnAnswerOfNoUseRefusesTheCall(t *testing.T) {
	for name, tc := range map[string]struct {
		page  bool // a browser calls
		early string
		sdp   string
	}{
		"of a phone":                       {true, "", "tel bad"},
		"of a phone, after an early one":   {true, "tel", "tel bad"},
		"of a browser":                     {false, "", "web bad"},
		"of a phone that was bad at first": {true, "tel bad", "tel bad"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			from, to, offer := r.desk, r.page, "tel"
			if tc.page {
				from, to, offer = to, from, "web"
			}
			c := r.cs.Begin(r.invite(offer), from)
			if _, status := c.Request(r.invite(""), "b", to); status != 0 {
				t.Fatal(status)
			}
			switch tc.early {
			case "tel":
				r.passes(c, "b", 183, tc.early, "web-answer-1")
			case "tel bad":
				r.passes(c, "b", 183, tc.early, "")
			}
			r.passes(c, "b", 200, tc.sdp, "refused 488")
			r.open(1)
			c.Told(fork.Event{What: fork.Over, Status: 488})
			r.open()
			r.lost()
		})
	}
}

// One that had its answer before need not say it again.
func TestAnAnswerThatCameEarlyIsEnough(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "phone", r.desk, "tel-offer-1", 0)
	r.passes(c, "phone", 183, "tel", "web-answer-1")
	r.passes(c, "phone", 200, "", "-")
	c.Told(fork.Event{What: fork.Over, Status: 200})
	r.open(1)
	r.cs.Seen(r.message("BYE sip:b@x SIP/2.0", "", true))
	r.open()
}

// The answer of an ACK comes when both sides think that they talk.
func TestAnAckOfNoUseHangsUp(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite(""), r.desk)
	r.request(c, "page", r.page, "", 0)
	r.passes(c, "page", 200, "web", "tel-offer-1")
	c.Told(fork.Event{What: fork.Over, Status: 200})
	r.acks("tel bad", "")
	r.open()
	r.lost("<sip:a@x>;tag=caller 2 <sip:b@x>;tag=callee 1")
}
