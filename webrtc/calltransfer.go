package webrtc

import (
	"slices"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/signalling"
)

// transferWithin is how long a transfer may go unheard of: the other side rings whom it was
// sent to, and many a phone says nothing in between, or at all.
const transferWithin = 3 * time.Minute

// transfer has the other side go on to somebody else: a number, or the other side of
// another call of the page, whose place it takes.
func (c *call) transfer(m signalling.In, with *call) {
	l := c.leg.Load()
	if l == nil || c.state != signalling.CallTalking || c.moving {
		return
	}
	var err error
	if m.With != "" {
		other := (*leg)(nil)
		if with != nil && with != c {
			other = with.leg.Load()
		}
		if other == nil {
			c.x.srv.m.refuse("stray-call")
			c.notice("There is no other call to transfer to.")
			return
		}
		err = l.ua.Refer("", other.ua)
	} else {
		var uri string
		if uri, err = c.x.phoneURI(m.To); err == nil {
			err = l.ua.Refer(uri, nil)
		}
	}
	if err != nil {
		c.notice("The call cannot be transferred there.")
		return
	}
	c.moving, c.unheardOf = true, false
	c.tell()
	c.transfers++
	n := c.transfers
	c.after(transferWithin, func() {
		if c.moving && c.transfers == n {
			c.moving, c.unheardOf = false, true
			c.notice("Nothing was heard of the transfer. The call is still here.")
		}
	})
}

// notice tells the page something about a call that goes on.
func (c *call) notice(sentence string) {
	c.tell()
	m := c.msg
	m.Sentence = sentence
	c.x.say(m)
}

// transferred is how far a transfer has come. Once it has been done our part is over.
func (c *call) transferred(l *leg, status int) {
	if c.leg.Load() != l || !c.moving && !c.unheardOf {
		return
	}
	switch {
	case status >= 300:
		c.moving, c.unheardOf = false, false
		c.notice("The transfer failed: " + refusedFor(status, ""))
	case status >= 200:
		c.end(signalling.WhyTransferred, 480, "")
	}
}

// referred: the other side wants us to talk to somebody else in its place.
func (c *call) referred(l *leg, r *ua.Referral) {
	if c.leg.Load() != l || c.next != nil || c.state != signalling.CallTalking {
		r.Refuse(491)
		return
	}
	c.x.seat.mu.Lock()
	p := c.x.phone
	c.x.seat.mu.Unlock()
	if p == nil {
		r.Refuse(480)
		return
	}
	offer, err := c.bridge.OfferPhone()
	if err != nil {
		r.Refuse(500)
		return
	}
	r.Accept()
	next := &leg{c: c}
	if next.ua, err = p.Call(ua.Dial{To: r.To, SDP: offer, Replaces: r.Replaces, ReferredBy: r.ReferredBy}, next); err != nil {
		r.Progress(503)
		return
	}
	c.next, c.referral = next, r
	c.number, c.name = shown(r.To), ""
	c.tell()
}

// moved: the one to whom we were transferred has answered.
func (c *call) moved(answer []byte) {
	old := c.leg.Load()
	if answer == nil || c.bridge.PhoneAnswer(answer) != nil {
		c.next.ua.End(488)
		c.notMoved(488)
		return
	}
	c.referral.Progress(200)
	c.leg.Store(c.next)
	c.next, c.referral = nil, nil
	c.there = false
	if c.held {
		c.held = false
		c.bridge.Hold(false)
	}
	old.ua.End(200)
	c.tell()
	c.forgetKeys()
}

// notMoved: it did not work, so the call goes on as it was.
func (c *call) notMoved(status int) {
	c.referral.Progress(status)
	c.next, c.referral = nil, nil
	l := c.leg.Load()
	from := l.ua.From()
	c.number, c.name = shown(from.URI), from.Display
	c.tell()
}

// wanted has the call's goroutine answer who wants to take the other side's place; false:
// the call is over.
func (c *call) wanted(l *leg) bool {
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return false
	}
	c.come = append(c.come, l)
	c.mu.Unlock()
	c.post(func() {
		c.mu.Lock()
		c.come = slices.DeleteFunc(c.come, func(o *leg) bool { return o == l })
		c.mu.Unlock()
		c.replacedBy(l)
	})
	return true
}

// turnAway answers those whom the end of the call was faster than (RFC 3891 §3: there is
// no such dialog).
func (c *call) turnAway() {
	c.mu.Lock()
	late := c.come
	c.come, c.gone = nil, true
	c.mu.Unlock()
	for _, l := range late {
		l.ua.Reject(481, "")
	}
}

// replacedBy: somebody takes the other side's place in the call (RFC 3891).
func (c *call) replacedBy(l *leg) {
	old := c.leg.Load()
	if c.state != signalling.CallTalking || l.ua.SDP() == nil {
		l.ua.Reject(488, "")
		return
	}
	again, err := c.bridge.PhoneOffer(l.ua.SDP())
	var answer []byte
	if err == nil && !again {
		answer, err = c.bridge.AnswerPhone()
	}
	if err != nil || again || l.ua.Answer(answer) != nil {
		l.ua.Reject(488, "", warning(err)...)
		return
	}
	c.leg.Store(l)
	from := l.ua.From()
	c.number, c.name, c.there, c.moving = shown(from.URI), from.Display, false, false
	if c.held {
		c.held = false
		c.bridge.Hold(false)
	}
	old.ua.End(200)
	c.tell()
	c.forgetKeys()
}

// phoneURI is what to call for what the agent typed.
func (x *session) phoneURI(typed string) (string, error) {
	x.seat.mu.Lock()
	p := x.phone
	x.seat.mu.Unlock()
	if p == nil {
		return "", ErrNoCalls
	}
	return p.URI(typed) //nolint:wrapcheck // of this project
}

// refusedFor is what the agent reads of a call that was refused.
func refusedFor(status int, text string) string {
	switch status {
	case 403, 603:
		if text != "" {
			return "The call was refused: " + text + "."
		}
		return "The call was refused."
	case 404, 484, 604:
		return "Nobody has this number."
	case 408, 487:
		return "There was no answer."
	case 480:
		return "Nobody can be reached there now."
	case 486, 600:
		return "The line is busy."
	case 415, 488, 606:
		return "No audio could be agreed on with the other side."
	}
	if text != "" {
		return "The call failed: " + text + "."
	}
	return "The call failed."
}
