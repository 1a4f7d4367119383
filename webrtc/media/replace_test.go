package media

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/rtp"
)

// reload has another page in the place of the one before, as after F5.
func (c *call) reload() {
	c.t.Helper()
	c.page = must[*mediatest.Page](c.t)(mediatest.NewPage(mediatest.PageOptions{Hz: pageTone}))
	c.t.Cleanup(c.page.Close)
	if err := c.bridge.ReplaceBrowser(); err != nil {
		c.t.Fatal(err)
	}
	c.browserAgain(false)
	c.connected()
}

// TestAReloadedPageGoesOn: a new page, with keys of its own, takes the place of the one
// before, and the phone hears one source go on. That one may have crashed without a word, or
// speak on because another took the call from it.
func TestAReloadedPageGoesOn(t *testing.T) {
	g := open(t, options(t, 8))
	for name, of := range map[string]struct{ begin, before func(*call) }{
		"closed":      {(*call).fromPhone, func(c *call) { c.page.Close() }},
		"crashed":     {(*call).fromPage, func(c *call) { c.page.Stop(true) }},
		"still there": {(*call).fromPhone, func(*call) {}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
			of.begin(c)
			c.bothHear()
			for range 2 {
				old := c.page
				of.before(c)
				c.reload()
				c.bothHear()
				if name == "still there" {
					old.Ear.Forget()
					c.quiet(old.Ear)
				}
			}
			if r := c.phone.Ear.Report(); r.Sources != 1 || r.Doubled != 0 || r.Leaps != 0 {
				t.Errorf("the phone heard %+v", r)
			}
			if r := c.page.Ear.Report(); r.Sources != 1 || r.Doubled != 0 {
				t.Errorf("the new page heard %+v", r)
			}
		})
	}
}

// TestAReloadWhileHeld opens no way: it is opened by the end of the hold.
func TestAReloadWhileHeld(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPhone()
	c.bothHear()
	c.bridge.Hold(true)
	c.phoneAgain()
	c.page.Close()
	c.reload()
	c.quiet(c.page.Ear, c.phone.Ear)
	c.bridge.Hold(false)
	c.phoneAgain()
	c.bothHear()
}

// TestReplacingOutOfOrder: before there is a page, in the middle of an offer, and after
// the end.
func TestReplacingOutOfOrder(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	if err := c.bridge.ReplaceBrowser(); err != nil {
		t.Error(err)
	}
	c.fromPhone()
	stale := must[string](t)(c.page.Answer(within(t), must[string](t)(c.bridge.OfferBrowser(within(t), true))))
	if err := c.bridge.ReplaceBrowser(); err != nil {
		t.Error(err)
	}
	if err := c.bridge.BrowserAnswer(stale); err == nil {
		t.Error("the answer of the page before was taken")
	}
	c.reload()
	c.bothHear()
	began := time.Now()
	if err := c.bridge.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the end took %v", took)
	}
	if err := c.bridge.ReplaceBrowser(); err == nil {
		t.Error("a page was replaced after the end")
	}
}

// TestWhatWasReplacedIsHeardNoMore, whatever is still on its way of it.
func TestWhatWasReplacedIsHeardNoMore(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPhone()
	c.bothHear()
	old := c.bridge.pc
	c.page.Close()
	c.reload()
	before, events := c.bridge.Quality()[Browser], len(c.happened())
	var late [rtp.HeaderSize + 160]byte
	rtp.Put(late[:], 0, false, 7, 160, 5)
	c.bridge.fromBrowser(old, late[:], 0)
	if q := c.bridge.Quality()[Browser]; q.Refused != before.Refused+1 {
		t.Errorf("a packet of the page before: %+v, was %+v", q, before)
	}
	c.bridge.state(old, webrtc.PeerConnectionStateFailed)
	if err := (&track{b: c.bridge, c: old}).Unbind(nil); err != nil {
		t.Error(err)
	}
	c.bothHear()
	for _, e := range c.happened()[events:] {
		if e.Kind == Failed || e.Kind == Interrupted {
			t.Errorf("the page before is told of: %s", e.Kind)
		}
	}
}
