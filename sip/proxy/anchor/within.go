package anchor

import (
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transport"
)

// exchange is one request of a dialog and what answers it.
type exchange struct {
	c      *Call
	l      *leg
	byPage bool // the browser's side sent it
	first  bool // it began the call
	late   bool // it has no offer: the answer may have
	body   []byte
	ack    []byte // with the answer; nil: none came yet
}

// hasLocked reports whether a request is of the call's dialog, and whether the caller
// sent it. A Call-ID alone is no secret, and of those who answer one has the call: the
// BYE to another ends nothing.
func (c *Call) hasLocked(m *message.Message) (byCaller, ok bool) {
	from, to := m.FromTag(), m.ToTag()
	switch {
	case from == c.caller:
		return true, c.won == nil || to == c.callee
	case to == c.caller:
		return false, c.won == nil || from == c.callee
	}
	return false, false
}

// Within looks after the descriptions of a request of a dialog; nil where the
// gateway is not in it.
func (cs *Calls) Within(m *message.Message) fork.Media {
	c := cs.find(m.CallID())
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	byCaller, ok := c.hasLocked(m)
	if c.won == nil || c.over || !ok {
		return nil
	}
	return &exchange{c: c, l: c.won, byPage: byCaller == c.won.pages, late: !described(m)}
}

// Request is the offer the other side gets.
func (x *exchange) Request(m *message.Message, _ string, _ *transport.Flow) (body []byte, status int) {
	if x.late {
		return nil, 0
	}
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	body, err := x.l.offered(m.Body, x.byPage)
	if err != nil {
		x.c.refusedLocked(err, "no gateway for an offer in a call")
		return nil, 488
	}
	return body, 0
}

// Warning is that of the newest refusal (fork.Warner).
func (x *exchange) Warning() string { return x.c.Warning() }

// Response is the answer to it, or the offer in answer to none. What the gateway has no
// use for ends nothing: the audio of before goes on.
func (x *exchange) Response(m *message.Message, _ string) (body []byte, status int) {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	switch {
	case m.Status >= 300:
		x.l.bridge.Withdraw()
		return nil, 0
	case !described(m):
		return nil, 0
	case x.body != nil: // it comes again
		return x.body, 0
	}
	var err error
	if x.late {
		x.body, err = x.l.offered(m.Body, !x.byPage)
		x.c.late = x
	} else {
		x.body, err = x.l.answered(m.Body, !x.byPage)
	}
	if err != nil {
		x.c.cs.log.Warn().Err(err).Str("call_id", x.c.id).Msg("the gateway has no use for an answer in a call")
		x.body = []byte{}
	}
	return x.body, 0
}

// Ack is the body of an ACK that bears an answer.
func (cs *Calls) Ack(m *message.Message) []byte {
	c := cs.find(m.CallID())
	if c == nil || !described(m) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.late
	if _, ok := c.hasLocked(m); x == nil || c.over || !ok {
		return nil
	}
	if x.ack != nil { // it comes again
		return x.ack
	}
	body, err := x.l.answered(m.Body, x.byPage)
	if err != nil {
		c.cs.log.Warn().Err(err).Str("call_id", c.id).Msg("the gateway has no use for an answer in an ACK")
		body = []byte{}
		if x.first { // nothing is heard without it; in a call what was agreed on before is
			c.cs.begin(c.lost)
		}
	}
	x.ack = body
	return body
}
