package ua

import (
	"math/rand/v2"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// Offer is a change of the session that the other side wants. Answer or Refuse it
// once, from any goroutine.
type Offer struct {
	// SDP is the offer; nil: the other side wants one of ours, whose answer
	// Acknowledged brings.
	SDP []byte

	c *Call
	r *transaction.Request
}

// Answer accepts it.
func (o *Offer) Answer(sdp []byte) {
	c := o.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.r.Answered() {
		return
	}
	c.open = nil
	b := c.phone.describe(message.NewResponse(o.r.Message, 200, ""))
	c.timer.answerLocked(c, o.r.Message, b)
	b.Body(contentSDP, sdp)
	o.r.Respond(b)
	if o.r.Method == "INVITE" && c.state == talked {
		c.ok.stop()
		c.repeatLocked(o.r, b)
		return // the change is open until the ACK
	}
	c.changing = false
}

// Refuse leaves the session as it is.
func (o *Offer) Refuse(status int, because ...Warning) {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	if !o.r.Answered() {
		o.c.changing, o.c.open = false, nil
		o.r.Respond(warned(message.NewResponse(o.r.Message, status, ""), because))
	}
}

// offered takes a re-INVITE, or an UPDATE with an offer (RFC 3261 §14.2, RFC 3311).
func (c *Call) offered(r *transaction.Request) {
	c.mu.Lock()
	switch {
	case c.changing || c.state != talked: // RFC 3261 §14.2: two at once
		c.mu.Unlock()
		refuse(r, 491, "")
		return
	case r.Method == "UPDATE" && sdp(r.Message) == nil: // a session that goes on
		c.retargetLocked(r.Message)
		b := c.phone.describe(message.NewResponse(r.Message, 200, ""))
		c.timer.answerLocked(c, r.Message, b)
		c.mu.Unlock()
		r.Respond(b)
		return
	}
	o := &Offer{SDP: sdp(r.Message), c: c, r: r}
	c.changing, c.open = true, o
	c.retargetLocked(r.Message)
	c.mu.Unlock()
	r.OnCancel(func() { o.Refuse(487) })
	c.tell(func(h Handler) { h.Offered(o) })
}

const offerTries = 4

// Offer changes the session. done is told once: the answer, or the status of a
// refusal, after which all is as it was.
func (c *Call) Offer(sdp []byte, done func(answer []byte, status int)) {
	c.offer(sdp, done, offerTries)
}

func (c *Call) offer(body []byte, done func([]byte, int), tries int) {
	c.mu.Lock()
	if c.state != talked {
		c.mu.Unlock()
		done(nil, 481)
		return
	}
	if c.changing {
		c.mu.Unlock()
		c.offerLater(body, done, tries)
		return
	}
	c.changing = true
	b := c.phone.describe(c.requestLocked("INVITE"))
	c.timer.offerLocked(b)
	b.Body(contentSDP, body)
	seq := c.seq
	c.mu.Unlock()
	var ack []byte // used by got alone, whose calls come one after the other
	c.phone.stack.tx.Invite(c.phone.flow, message.NewBranch(), b, func(m *message.Message, err error) {
		switch {
		case err == nil && m.Status < 200:
		case err == nil && m.Status < 300 && ack != nil:
			_ = c.phone.flow.Send(ack)
		case err == nil && m.Status < 300:
			c.mu.Lock()
			c.retargetLocked(m)
			ack = c.acknowledgeLocked(seq, nil)
			c.changing = false
			c.timer.answeredLocked(c, m)
			c.mu.Unlock()
			done(sdp(m), m.Status)
		default:
			c.offerRefused(m, body, done, tries)
		}
	})
}

func (c *Call) offerRefused(m *message.Message, body []byte, done func([]byte, int), tries int) {
	status := 408
	if m != nil {
		status = m.Status
	}
	c.mu.Lock()
	c.changing = false
	c.mu.Unlock()
	switch status {
	case 491:
		c.offerLater(body, done, tries)
	case 481, 408: // RFC 5057 §5.1: the dialog is gone
		c.hangUp(End{Status: status, Text: "Call Is Gone", Far: true})
		done(nil, status)
	default:
		done(nil, status)
	}
}

// offerLater makes an offer again that met another (RFC 3261 §14.1).
func (c *Call) offerLater(body []byte, done func([]byte, int), tries int) {
	if tries <= 1 {
		done(nil, 491)
		return
	}
	wait := rand.N(2 * time.Second)
	if !c.incoming { // the Call-ID is ours
		wait = 2100*time.Millisecond + rand.N(1900*time.Millisecond)
	}
	c.phone.stack.after(wait, func() { c.offer(body, done, tries-1) })
}

// hangUp ends a call that was talked in, and says why.
func (c *Call) hangUp(e End) {
	c.mu.Lock()
	if c.state == talked {
		c.byeLocked()
	}
	c.mu.Unlock()
	c.over(e)
}
