package webrtc

import (
	"context"
	"time"

	"lamplight/presence"
	"lamplight/sip/ua"
	"lamplight/webrtc/media"
	"lamplight/webrtc/microphone"
	"lamplight/webrtc/signalling"
)

// brief bounds what the gateway may take for one step.
func brief() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 2*time.Second)
}

// open makes the audio's bridge.
func (c *call) open(name string) error {
	b, err := c.x.srv.o.Calling.Bridge(media.BridgeOptions{Name: name})
	if err != nil {
		return err //nolint:wrapcheck // of this project
	}
	c.bridge = b
	return nil
}

// failed ends the call because of its audio.
func (c *call) failed(err error) {
	c.x.srv.o.Log.Info().Str("session", c.x.id).Str("call", c.id).Err(err).Msg("webphone call without audio")
	if l := c.leg.Load(); l != nil && !c.over {
		l.ua.End(488, warning(err)...)
	}
	c.end(signalling.WhyMedia, 488, "No audio could be agreed on.")
}

// warning tells the other side what of its description cannot be used.
func warning(err error) []ua.Warning {
	if code, text := media.Warning(err); code != 0 {
		return []ua.Warning{{Code: code, Text: text}}
	}
	return nil
}

// candidate adds one of the page's; those beyond a limit are not looked at.
func (c *call) candidate(m *signalling.Candidate) {
	if c.candidates++; c.bridge == nil || c.candidates > 4*signalling.MaxCandidates {
		c.x.srv.m.refuse("candidate")
		return
	}
	if err := c.bridge.Candidate(m.Candidate, m.Mid, m.Line); err != nil {
		c.x.srv.m.refuse("candidate")
		c.x.srv.o.Log.Debug().Str("call", c.id).Err(err).Msg("webphone candidate")
	}
}

// restart makes an offer with new ICE.
func (c *call) restart() {
	if c.bridge == nil || c.offering && !c.fresh.back || c.state != signalling.CallTalking && c.state != signalling.CallEarly {
		return
	}
	c.offerPage(true)
}

// offerPage makes an offer that the page is to answer.
func (c *call) offerPage(restart bool) bool {
	ctx, cancel := brief()
	defer cancel()
	sdp, err := c.bridge.OfferBrowser(ctx, restart)
	if err != nil {
		c.failed(err)
		return false
	}
	c.offering, c.fresh.back = true, false
	c.x.say(signalling.OfferMsg{T: signalling.Offer, Call: c.id, SDP: sdp, Fresh: c.fresh.asked})
	return true
}

// pageOffer takes an offer of the page: of a call that goes on.
func (c *call) pageOffer(sdp string) {
	if c.bridge == nil || !c.answered && !c.ready {
		return
	}
	if err := c.bridge.BrowserOffer(sdp); err != nil {
		c.x.srv.m.refuse("bad-offer")
		c.x.srv.o.Log.Info().Str("call", c.id).Err(err).Msg("webphone offer")
		return
	}
	c.answerPage()
}

// answerPage answers the page's offer.
func (c *call) answerPage() {
	ctx, cancel := brief()
	defer cancel()
	sdp, err := c.bridge.AnswerBrowser(ctx)
	if err != nil {
		c.failed(err)
		return
	}
	c.answered = true
	c.x.say(signalling.AnswerMsg{T: signalling.Answer, Call: c.id, SDP: sdp})
}

// pageAnswer takes the page's answer to an offer.
func (c *call) pageAnswer(sdp string) {
	if c.bridge == nil || !c.offering {
		c.x.srv.m.refuse("stray-answer")
		return
	}
	c.offering, c.fresh.asked = false, false
	if err := c.bridge.BrowserAnswer(sdp); err != nil {
		c.failed(err)
		return
	}
	first := !c.ready
	c.ready = true
	if o := c.theirs; o != nil {
		c.theirs = nil
		c.answerThem(o)
	}
	if first && c.picked {
		c.connect()
	}
}

// heard takes what the gateway says.
func (c *call) heard(e media.Event) {
	warn := c.warn
	switch e.Kind {
	case media.Connected:
		warn = ""
		if c.failing != nil {
			c.failing.Stop()
			c.failing = nil
		}
	case media.Interrupted:
		warn = signalling.WarnNetwork
		c.waits()
	case media.Failed:
		warn = signalling.WarnNetwork
		c.restart()
		c.waits()
	case media.Hearing:
		c.proves(e.Kind)
		if warn != signalling.WarnNetwork {
			warn = ""
		}
	case media.Silent:
		warn = signalling.WarnSilent
	case media.Stopped:
		if warn != signalling.WarnNetwork {
			warn = signalling.WarnStopped
			c.proves(e.Kind)
		}
	case media.Key:
		if e.Side == media.Phone {
			c.pressedThere(e.Digit)
		}
	case media.TimedOut:
		c.end(signalling.WhyMedia, 480, "Nothing was heard of the other side any more.")
		return
	default:
		return
	}
	if warn != c.warn && !c.over {
		c.warn = warn
		c.tell()
	}
}

// waits ends the call unless its audio comes back in time.
func (c *call) waits() {
	if c.failing == nil {
		c.failing = c.after(failsAfter, func() {
			c.end(signalling.WhyMedia, 480, "The connection for audio was lost.")
		})
	}
}

// proves takes the audio of a call as evidence on the microphone: what stops while the
// page is there is not usable, and what is heard is. A muted one proves nothing.
func (c *call) proves(k media.Kind) {
	x := c.x
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if x.ended || x.link == nil || !x.leads() || x.life != presence.SessionAlive || !x.mic.Granted() {
		return
	}
	proven := x.mic.Verdict().Proven
	switch {
	case k == media.Stopped && proven:
		x.concluded(microphone.Unproven, "no-audio", time.Now())
	case k == media.Hearing && !proven:
		x.concluded(microphone.Proven, "", time.Now())
	default:
		return
	}
	x.link.nudge()
}
