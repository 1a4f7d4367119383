package media

import (
	"testing"
	"time"

	"lamplight/webrtc/media/mediatest"
)

// reload has the page begin anew, as after F5: the one before is gone without a word if
// it crashed, and goes on speaking if another took the call from it.
func (c *call) reload(before func(*mediatest.Page)) {
	c.t.Helper()
	before(c.page)
	c.page = must[*mediatest.Page](c.t)(mediatest.NewPage(mediatest.PageOptions{Hz: pageTone}))
	c.t.Cleanup(c.page.Close)
	if err := c.bridge.ReplaceBrowser(); err != nil {
		c.t.Fatal(err)
	}
	c.browserAgain(false)
	c.connected()
}

// TestAReloadedPageGoesOn: a new page, with keys of its own, takes the place of the one
// before, and the phone hears one source go on.
func TestAReloadedPageGoesOn(t *testing.T) {
	g := open(t, options(t, 8))
	for name, before := range map[string]func(*mediatest.Page){
		"closed": (*mediatest.Page).Close, "crashed": func(p *mediatest.Page) { p.Stop(true) }, "still there": func(*mediatest.Page) {},
	} {
		for from, begin := range map[string]func(*call){"of the phone": (*call).fromPhone, "of the page": (*call).fromPage} {
			t.Run(name+" "+from, func(t *testing.T) {
				c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
				begin(c)
				c.bothHear()
				for range 2 {
					old := c.page
					c.reload(before)
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
}

// TestAReloadWhileHeld opens no way: it is opened by the end of the hold.
func TestAReloadWhileHeld(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPhone()
	c.bothHear()
	c.bridge.Hold(true)
	c.phoneAgain()
	c.reload((*mediatest.Page).Close)
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
	c.reload(func(*mediatest.Page) {})
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
