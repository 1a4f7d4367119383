package webrtc

import (
	"cmp"
	"errors"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

// comes begins a call that comes: the page is asked whether it rings.
func (c *call) comes() {
	l := c.leg.Load()
	from := l.ua.From()
	c.number, c.name = shown(from.URI), from.Display
	c.state = signalling.CallRinging
	if err := c.open(l.ua.ID()); err != nil {
		c.noRoom(err)
		return
	}
	if offer := l.ua.SDP(); offer != nil {
		if _, err := c.bridge.PhoneOffer(offer); err != nil {
			c.failed(err)
			return
		}
	}
	ctx, cancel := brief()
	defer cancel()
	sdp, err := c.bridge.OfferBrowser(ctx, false)
	if err != nil {
		c.failed(err)
		return
	}
	c.offering = true
	within := c.x.srv.o.Calling.AckWithin
	c.asked = time.Now()
	c.x.say(signalling.RingMsg{
		T: signalling.Ring, Call: c.id, From: c.number, Name: c.name, Within: within.Milliseconds(), SDP: sdp,
	})
	c.after(within, func() {
		if !c.acked && !c.picked {
			c.end(signalling.WhyNoAck, 480, "")
		}
	})
}

// noRoom ends a call for which the gateway has no room.
func (c *call) noRoom(err error) {
	c.x.srv.o.Log.Warn().Str("call", c.id).Err(err).Msg("webphone call has no audio")
	status := 500
	if errors.Is(err, media.ErrBusy) {
		status = 503
	}
	c.end(signalling.WhyMedia, status, "The server has no room for another call.")
}

// rings: the page says so.
func (c *call) rings() {
	if c.out || c.acked || c.state != signalling.CallRinging {
		return
	}
	c.acked = true
	c.x.srv.m.ringAck.Observe(time.Since(c.asked).Seconds())
	c.leg.Load().ua.Ring()
	c.tell()
}

// unheard: the page is away, and the call is not answered.
func (c *call) unheard() {
	if !c.out && c.state == signalling.CallRinging {
		c.end(signalling.WhyGone, 480, "")
	}
}

// pickUp: the agent answers. The page may still be getting its microphone.
func (c *call) pickUp() {
	if c.out || c.picked || c.state != signalling.CallRinging {
		return
	}
	c.picked, c.acked = true, true
	if c.ready {
		c.connect()
		return
	}
	c.after(pageWithin, func() {
		if c.state == signalling.CallRinging {
			c.end(signalling.WhyMedia, 480, "The microphone could not be opened in time.")
		}
	})
}

// connect answers the call that came.
func (c *call) connect() {
	l := c.leg.Load()
	var sdp []byte
	var err error
	if c.ours = l.ua.SDP() == nil; c.ours {
		sdp, err = c.bridge.OfferPhone()
	} else {
		sdp, err = c.bridge.AnswerPhone()
	}
	if err != nil {
		c.failed(err)
		return
	}
	if l.ua.Answer(sdp) != nil {
		return // it is over, and Ended says why
	}
	c.bridge.Taken()
	c.to(signalling.CallTalking)
}

// dials begins a call of the agent's.
func (c *call) dials(p *ua.Phone, sdp string) {
	uri, err := p.URI(c.number)
	if err != nil {
		c.ended(signalling.WhyRefused, 0, "This is neither a number nor an address.")
		return
	}
	c.number = shown(uri)
	if err := c.open(c.id); err != nil {
		c.noRoom(err)
		return
	}
	if err := c.bridge.BrowserOffer(sdp); err != nil {
		c.x.srv.m.refuse("bad-offer")
		c.failed(err)
		return
	}
	c.again = func() { c.invites(p, uri) }
	c.tell()
	c.onceHeld(c.again)
}

// invites makes the call, with an offer of its own.
func (c *call) invites(p *ua.Phone, uri string) {
	offer, err := c.bridge.OfferPhone()
	if err != nil {
		c.noRoom(err)
		return
	}
	l := &leg{c: c}
	if l.ua, err = p.Call(ua.Dial{To: uri, SDP: offer}, l); err != nil {
		c.ended(signalling.WhyRefused, 0, "The call could not be made.")
		return
	}
	c.leg.Store(l)
}

// progress of a call of the agent's.
func (c *call) progress(l *leg, status int, sdp []byte) {
	if c.next == l {
		c.referral.Progress(status)
		return
	}
	if c.leg.Load() != l || c.state == signalling.CallTalking {
		return
	}
	if sdp == nil {
		if c.state == signalling.CallDialling {
			c.to(signalling.CallRinging)
		}
		return
	}
	if c.hear(sdp) && c.state != signalling.CallEarly {
		c.to(signalling.CallEarly)
	}
}

// hear takes the other side's answer, and gives the page its own the first time.
func (c *call) hear(sdp []byte) bool {
	if err := c.bridge.PhoneAnswer(sdp); err != nil {
		c.failed(err)
		return false
	}
	if !c.answered {
		c.answerPage()
	}
	return !c.over
}

// connected: a call of the agent's is answered.
func (c *call) connected(l *leg, sdp []byte) {
	if c.next == l {
		c.moved(sdp)
		return
	}
	if c.leg.Load() != l {
		return
	}
	if sdp == nil && !c.answered {
		c.failed(errNoAnswer)
		return
	}
	if sdp != nil && !c.hear(sdp) {
		return
	}
	c.bridge.Taken()
	c.to(signalling.CallTalking)
}

var errNoAnswer = errors.New("webrtc: a call was answered without a description")

// finished: the other side, or the network, ended a dialog.
func (c *call) finished(l *leg, e ua.End) {
	if c.next == l {
		c.notMoved(cmp.Or(e.Status, 480))
		return
	}
	if c.leg.Load() != l || c.over {
		return
	}
	if c.next != nil {
		c.next.ua.End(480)
	}
	if again := c.again; again != nil && e.Status == 488 && !c.answered && c.bridge.Turn() {
		c.again = nil // it speaks the other family of addresses, if it is that
		again()
		return
	}
	why, status, sentence := signalling.WhyFar, 0, ""
	switch {
	case e.Elsewhere:
		why = signalling.WhyElsewhere
	case e.Canceled:
		why = signalling.WhyCanceled
	case e.Status >= 300:
		why, status, sentence = signalling.WhyRefused, e.Status, refusedFor(e.Status, e.Text)
		if c.state == signalling.CallTalking {
			why = signalling.WhyFar
		}
	case c.moving:
		why = signalling.WhyTransferred
	}
	c.ended(why, status, sentence)
}
