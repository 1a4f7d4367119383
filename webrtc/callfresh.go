package webrtc

import "lamplight/webrtc/signalling"

// maxFresh is how often the page of one call may begin anew. A page that is reloaded so
// often is broken.
const maxFresh = 32

// freshness is what a call knows of pages that began anew in it.
type freshness struct {
	times int
	asked bool // the offer that is out is by a connection of its own
	back  bool // the page came back after the newest offer, which may be lost
}

// refresh gives a page that has no audio of the call a connection of its own: it was
// reloaded. The other side is not told.
func (c *call) refresh() {
	switch {
	case c.bridge == nil || c.state != signalling.CallTalking && c.state != signalling.CallEarly:
		c.x.srv.m.refuse("stray-restart")
		return
	case c.fresh.asked && !c.fresh.back:
		return // it has the offer already
	case c.fresh.times == maxFresh:
		c.x.srv.m.refuse("restarts")
		c.end(signalling.WhyMedia, 480, "The page was loaded too often in this call.")
		return
	}
	c.fresh.times++
	c.fresh.asked = true
	c.candidates = 0
	if err := c.bridge.ReplaceBrowser(); err != nil {
		c.failed(err)
		return
	}
	c.x.srv.m.renewed.Inc()
	c.x.srv.o.Log.Info().Str("session", c.x.id).Str("call", c.id).Int("times", c.fresh.times).
		Msg("webphone call goes on in a page that was loaded anew")
	c.waits()
	c.offerPage(false)
}
