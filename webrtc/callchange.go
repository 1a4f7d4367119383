package webrtc

import (
	"lamplight/sip/ua"
	"lamplight/webrtc/media/sdp"
	"lamplight/webrtc/signalling"
)

// hold holds the call, or goes on with it. The audio stops at once; the other side
// is told, and may do as it likes.
func (c *call) hold(on bool) {
	if c.state != signalling.CallTalking || c.held == on {
		if c.telling == nil {
			c.settled()
		}
		return
	}
	c.held = on
	c.bridge.Hold(on)
	c.tell()
	c.reoffer()
}

// reoffer makes an offer to the other side of how things are now. It has one at a time
// to answer: what changes meanwhile is told by the next, so that the last it hears is
// how things are, however often the agent presses hold.
func (c *call) reoffer() {
	l := c.leg.Load()
	if c.telling == l {
		c.stale = true
		return
	}
	offer, err := c.bridge.OfferPhone()
	if err != nil {
		c.failed(err)
		return
	}
	c.telling, c.stale = l, false
	l.ua.Offer(offer, func(answer []byte, status int) {
		c.post(func() { c.reoffered(l, answer, status) })
	})
}

// reoffered takes the answer, unless somebody else has the other side's place and is
// being told himself.
func (c *call) reoffered(l *leg, answer []byte, status int) {
	if c.telling != l {
		return
	}
	c.telling = nil
	if c.leg.Load() == l {
		c.agreed(answer, status)
	}
	if c.stale {
		c.reoffer()
		return
	}
	c.settled()
}

// agreed takes what the other side says to an offer. One that refuses goes on as it was:
// nothing is heard either way while we hold, for the gateway sees to that.
func (c *call) agreed(answer []byte, status int) {
	if answer == nil {
		c.x.srv.o.Log.Info().Str("call", c.id).Int("status", status).Msg("webphone change refused by the other side")
		return
	}
	if err := c.bridge.PhoneAnswer(answer); err != nil {
		c.x.srv.o.Log.Info().Str("call", c.id).Err(err).Msg("webphone change not understood")
	}
}

// changed takes an offer of the other side: it holds, or moves its audio.
func (c *call) changed(l *leg, o *ua.Offer) {
	switch {
	case c.leg.Load() != l || c.bridge == nil:
		o.Refuse(488)
		return
	case c.theirs != nil:
		o.Refuse(491)
		return
	case o.SDP == nil: // it wants to know what we can
		offer, err := c.bridge.OfferPhone()
		if err != nil {
			o.Refuse(500)
			return
		}
		c.ours = true
		o.Answer(offer)
		return
	}
	again, err := c.bridge.PhoneOffer(o.SDP)
	if err != nil {
		c.x.srv.o.Log.Info().Str("call", c.id).Err(err).Msg("webphone cannot take the other side's change")
		o.Refuse(488, warning(err)...)
		return
	}
	if !again {
		c.answerThem(o)
		return
	}
	c.theirs = o
	if !c.offering && !c.offerPage(false) {
		return
	}
	c.after(pageWithin, func() {
		if c.theirs == o {
			c.theirs = nil
			o.Refuse(488)
		}
	})
}

// answerThem answers the other side's offer.
func (c *call) answerThem(o *ua.Offer) {
	answer, err := c.bridge.AnswerPhone()
	if err != nil {
		o.Refuse(488, warning(err)...)
		return
	}
	o.Answer(answer)
	c.farHeld(o.SDP)
}

// farHeld notes whether the other side holds.
func (c *call) farHeld(offer []byte) {
	d, err := sdp.Read(offer)
	if err != nil {
		return
	}
	if there := !d.Audio.Way.Receives(); there != c.there {
		c.there = there
		c.tell()
	}
}

// acknowledged: the other side has our answer; where the offer was ours it brings its
// own.
func (c *call) acknowledged(l *leg, answer []byte) {
	if c.leg.Load() != l || !c.ours {
		return
	}
	c.ours = false
	if answer == nil {
		c.failed(errNoAnswer)
		return
	}
	if err := c.bridge.PhoneAnswer(answer); err != nil {
		c.failed(err)
	}
}
