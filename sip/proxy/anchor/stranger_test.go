package anchor

import (
	"strings"
	"testing"

	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
)

// retag is a message with other tags.
func (r *rig) retag(m *message.Message, pairs ...string) *message.Message {
	r.t.Helper()
	m, err := message.Parse([]byte(strings.NewReplacer(pairs...).Replace(string(m.Raw))))
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// Who knows the Call-ID of somebody's call, and not its tags, neither ends its audio nor
// has it go elsewhere. A BYE to who answered too late ends it no more.
func TestAStrangerIsNotInTheCall(t *testing.T) {
	for name, tags := range map[string][]string{
		"knows the Call-ID":                {"tag=caller", "tag=x", "tag=callee", "tag=y"},
		"knows the caller's tag":           {"tag=callee", "tag=y"},
		"knows the callee's tag":           {"tag=caller", "tag=x"},
		"knows both and is both":           {"tag=callee", "tag=caller"},
		"was too late and is hung up upon": {"tag=callee", "tag=too-late"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.cs.Begin(r.invite("tel"), r.desk)
			r.request(c, "page", r.page, "web-offer-1", 0)
			r.passes(c, "page", 200, "web", "tel-answer-1")
			c.Told(fork.Event{What: fork.Over, Status: 200})
			r.hears(1, "tel offers tel, web answers web")
			for _, byCallee := range []bool{false, true} {
				if r.cs.Within(r.retag(r.message("INVITE sip:x SIP/2.0", "tel2", byCallee), tags...)) != nil {
					t.Error("its offer is taken")
				}
				if r.cs.Ack(r.retag(r.message("ACK sip:x SIP/2.0", "tel2", byCallee), tags...)) != nil {
					t.Error("its answer is taken")
				}
				r.cs.Seen(r.retag(r.message("BYE sip:x SIP/2.0", "", byCallee), tags...))
			}
			r.hears(1, "")
			r.open(1)
			r.cs.Seen(r.message("BYE sip:x SIP/2.0", "", true))
			r.open()
		})
	}
}

// Before it is answered, too, a call is ended by its caller alone.
func TestAStrangerEndsNoCallThatRings(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("tel"), r.desk)
	r.request(c, "page", r.page, "web-offer-1", 0)
	r.cs.Seen(r.retag(r.message("BYE sip:x SIP/2.0", "", false), "tag=caller", "tag=x"))
	r.open(1)
	r.cs.Seen(r.message("BYE sip:x SIP/2.0", "", false))
	r.open()
	c.Told(fork.Event{What: fork.Over, Status: 487})
}

// The answer of an ACK is that of who has the call.
func TestAStrangersAckAnswersNothing(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite(""), r.desk)
	r.request(c, "page", r.page, "", 0)
	r.passes(c, "page", 200, "web", "tel-offer-1")
	c.Told(fork.Event{What: fork.Over, Status: 200})
	r.hears(1, "web offers web")
	if r.cs.Ack(r.retag(r.message("ACK sip:b@x SIP/2.0", "tel-elsewhere", false), "tag=caller", "tag=x")) != nil {
		t.Error("it is taken")
	}
	r.hears(1, "")
	r.acks("tel", "web-answer-1")
	r.cs.Seen(r.message("BYE sip:x SIP/2.0", "", false))
	r.open()
}
