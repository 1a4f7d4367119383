package ua

import (
	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// within takes a request of the dialog.
func (c *Call) within(r *transaction.Request) {
	if r.Method == "ACK" {
		c.acknowledged(r.Message)
		return
	}
	seq, _ := r.CSeq()
	c.mu.Lock()
	old := seq <= c.remoteSeq // RFC 3261 §12.2.2
	if !old {
		c.remoteSeq = seq
	}
	over := c.state == ended
	c.mu.Unlock()
	switch {
	case over:
		refuse(r, 481, "")
	case old:
		refuse(r, 500, "Old CSeq")
	case r.Method == "BYE":
		c.gone(r)
	case r.Method == "INVITE", r.Method == "UPDATE":
		c.offered(r)
	case r.Method == "INFO":
		r.Respond(c.phone.describe(message.NewResponse(r.Message, 200, "")))
		if key, ok := keyOf(r.Message); ok {
			c.tell(func(h Handler) {
				if h, wants := h.(KeyHandler); wants {
					h.Pressed(key)
				}
			})
		}
	case r.Method == "OPTIONS":
		r.Respond(c.phone.describe(message.NewResponse(r.Message, 200, "")))
	case r.Method == "PRACK":
		c.acknowledgedEarly(r)
	case r.Method == "REFER":
		c.referred(r)
	case r.Method == "NOTIFY":
		c.notified(r)
	default:
		r.Respond(c.phone.describe(message.NewResponse(r.Message, 405, "")))
	}
}

// acknowledged takes the ACK of a 2xx.
func (c *Call) acknowledged(m *message.Message) {
	seq, _ := m.CSeq()
	c.mu.Lock()
	if !c.ok.open() || seq != c.ok.seq {
		c.mu.Unlock()
		return
	}
	c.ok.stop()
	c.changing = false
	over := c.state == ended
	if c.bye {
		c.bye = false
		c.byeLocked()
	}
	c.mu.Unlock()
	if over {
		c.phone.drop(c)
		return
	}
	answer := sdp(m)
	c.tell(func(h Handler) { h.Acknowledged(answer) })
}

// gone takes a BYE.
func (c *Call) gone(r *transaction.Request) {
	reasons := r.Values(message.Reason)
	r.Respond(message.NewResponse(r.Message, 200, ""))
	c.mu.Lock()
	if c.state == ringing { // RFC 3261 §15.1.2: a caller may, of an early dialog
		c.invite.Respond(message.NewResponse(c.invite.Message, 487, "").ToTag(c.tag))
	}
	c.mu.Unlock()
	c.over(End{Status: 200, Far: true, Elsewhere: elsewhere(reasons)})
}

// Info sends keys to a side that takes no telephone events; done is told the status.
func (c *Call) Info(contentType string, body []byte, done func(status int)) {
	c.mu.Lock()
	if c.state != talked {
		c.mu.Unlock()
		done(481)
		return
	}
	b := c.requestLocked("INFO").Body(contentType, body)
	c.mu.Unlock()
	c.phone.stack.tx.Send(c.phone.flow, b, func(m *message.Message, err error) { done(statusOf(m, err)) })
}

func statusOf(m *message.Message, err error) int {
	if err != nil {
		return 408
	}
	return m.Status
}
