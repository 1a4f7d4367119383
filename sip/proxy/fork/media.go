package fork

import (
	"strconv"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// SDP is the Content-Type of descriptions.
const SDP = "application/sdp"

// Media puts other descriptions into what passes, where two sides need a gateway
// between them. Its methods may be called with the call's lock held: they must not
// call the call.
type Media interface {
	// Request is the body a target gets instead of the request's; nil: that one. A
	// status fails the branch with it.
	Request(m *message.Message, target string, to *transport.Flow) (body []byte, status int)
	// Response is the body that is passed on instead of a response's, empty for
	// none; nil: that one. The same response may come again. A status says that the sides
	// cannot talk by that answer: a call that it begins is refused with it.
	Response(m *message.Message, target string) (body []byte, status int)
}

// Warner is a Media that says what of a description it has no use for.
type Warner interface {
	// Warning is the value of the header (RFC 3261 §20.43) for what Request refused last,
	// empty for none.
	Warning() string
}

// Warn adds what a Media says of its refusal.
func Warn(b *message.Builder, md Media) *message.Builder {
	if w, ok := md.(Warner); ok {
		if v := w.Warning(); v != "" {
			b.Add(message.Warning, v)
		}
	}
	return b
}

// Describe gives a response that is passed on the description it is to have; status is
// Media.Response's.
func Describe(b *message.Builder, md Media, m *message.Message, target string) (status int) {
	if md == nil {
		return 0
	}
	body, status := md.Response(m, target)
	if body != nil {
		b.Body(SDP, body)
	}
	return status
}

// uselessLocked ends a call whose two sides cannot talk by the answer that has come: who
// gave it is released, and the caller refused.
func (c *Call) uselessLocked(m *message.Message, status int) {
	b := Warn(message.NewResponse(c.req.Message, status, ""), c.plan.Media)
	if c.plan.Refuse != nil {
		c.plan.Refuse(status, b)
	}
	c.endedLocked(status)
	c.req.Respond(b)
	c.hangUpLocked(m, message.Header{Name: message.Reason, Value: `SIP;cause=` + strconv.Itoa(status) + `;text="No Audio"`})
}

// described gives the INVITE the description it is to have; false: there is none,
// and the branch has failed.
func (b *branch) described(media Media, out *message.Builder, to *transport.Flow) bool {
	c := b.call
	body, status := media.Request(c.req.Message, b.target.ID, to)
	if status != 0 {
		c.mu.Lock()
		b.undescribed = true
		b.endLocked(status, nil)
		c.mu.Unlock()
		c.advance()
		return false
	}
	if body != nil {
		out.Body(SDP, body)
	}
	return true
}
