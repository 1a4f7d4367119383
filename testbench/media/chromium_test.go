//go:build testbench

package media

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/webrtc/media"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

// tones that are far apart, and no multiples of each other.
const (
	micTone   = 440
	phoneTone = 1000
	pageTone  = 1500
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func bridge(t *testing.T, g *media.Gateway) *media.Bridge {
	t.Helper()
	b, err := g.Bridge(media.BridgeOptions{Name: t.Name()})
	ok(t, err)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for e := range b.Events() {
			t.Logf("%+v", e)
		}
	}()
	return b
}

// browserOffers has the page's offer answered, its first one after the phone.
func browserOffers(t *testing.T, b *media.Bridge, p *page, restart string, between func()) {
	t.Helper()
	ok(t, b.BrowserOffer(p.eval("offer", restart)))
	if between != nil {
		between()
	}
	answer, err := b.AnswerBrowser(context.Background())
	ok(t, err)
	p.eval("accept", quoted(answer))
}

func phoneAnswers(t *testing.T, b *media.Bridge, phone *mediatest.Phone) {
	t.Helper()
	offer, err := b.OfferPhone()
	ok(t, err)
	answer, err := phone.Answer(offer)
	ok(t, err)
	ok(t, b.PhoneAnswer(answer))
}

func phoneOffers(t *testing.T, b *media.Bridge, phone *mediatest.Phone, way sdp.Direction, between func()) {
	t.Helper()
	again, err := b.PhoneOffer(phone.Offer(way))
	ok(t, err)
	if again {
		t.Fatal("the browser should speak that already")
	}
	if between != nil {
		between()
	}
	answer, err := b.AnswerPhone()
	ok(t, err)
	ok(t, phone.Accept(answer))
}

func bothHear(t *testing.T, p *page, phone *mediatest.Phone) {
	t.Helper()
	phone.Ear.Forget()
	lab.Eventually(t, patience, func() error { return phone.Ear.Recognises(micTone) })
	p.hears(phoneTone)
}

// TestChromiumTalksWithAPhone: the tone of each is recognised by the other,
// whoever calls; keys, holds from each side, ICE restarts.
func TestChromiumTalksWithAPhone(t *testing.T) {
	browser, url := chromium(t, micTone)
	g := gateway(t)
	for name, pageCalls := range map[string]bool{"the page calls": true, "the phone calls": false} {
		t.Run(name, func(t *testing.T) {
			p := tab(browser, t, url, 0)
			phone, err := mediatest.NewPhone(mediatest.PhoneOptions{Hz: phoneTone})
			ok(t, err)
			t.Cleanup(phone.Close)
			b := bridge(t, g)
			if pageCalls {
				browserOffers(t, b, p, "", func() { phoneAnswers(t, b, phone) })
			} else {
				phoneOffers(t, b, phone, sdp.SendRecv, func() {
					offer, err := b.OfferBrowser(context.Background(), false)
					ok(t, err)
					ok(t, b.BrowserAnswer(p.eval("answer", quoted(offer))))
				})
			}
			bothHear(t, p, phone)

			p.eval("press", `"5#"`)
			lab.Eventually(t, patience, func() error {
				if k := phone.Ear.Report().Keys; k != "5#" {
					return fmt.Errorf("keys %q", k)
				}
				return nil
			})
			phone.Press('7')

			for _, way := range []sdp.Direction{sdp.SendOnly, sdp.Inactive, sdp.SendRecv} { // the phone holds
				phoneOffers(t, b, phone, way, nil)
				time.Sleep(300 * time.Millisecond)
			}
			bothHear(t, p, phone)
			for _, way := range []string{"sendonly", "inactive", "sendrecv"} { // the page, as SIP clients in browsers do
				p.eval("way", quoted(way))
				browserOffers(t, b, p, "", func() { phoneAnswers(t, b, phone) })
				time.Sleep(300 * time.Millisecond)
			}
			bothHear(t, p, phone)
			if r := phone.Ear.Report(); r.Sources != 1 || r.Lost != 0 || r.Leaps != 0 {
				t.Errorf("the phone heard %+v", r)
			}
			q := b.Quality()
			if q[media.Browser].Lost+q[media.Phone].Lost != 0 || q[media.Phone].MOS < 4 {
				t.Errorf("quality %+v", q)
			}
			var s struct{ Lost, Received int }
			ok(t, json.Unmarshal([]byte(p.eval("stats", "")), &s))
			if s.Lost != 0 || s.Received == 0 {
				t.Errorf("the page lost %d of %d", s.Lost, s.Received)
			}

			browserOffers(t, b, p, "true", nil) // ICE anew, by the page
			bothHear(t, p, phone)
			offer, err := b.OfferBrowser(context.Background(), true) // and by us
			ok(t, err)
			ok(t, b.BrowserAnswer(p.eval("answer", quoted(offer))))
			bothHear(t, p, phone)
			// What comes by the old way while ICE looks for the new one is lost.
			if r := phone.Ear.Report(); r.Sources != 1 || r.Lost > 25 || r.Leaps != 0 {
				t.Errorf("after two restarts the phone heard %+v", r)
			}
		})
	}
}

// TestTwoPagesTalk through a bridge each, in Opus, which nobody between them
// understands.
func TestTwoPagesTalk(t *testing.T) {
	browser, url := chromium(t, micTone)
	g := gateway(t)
	caller, callee := tab(browser, t, url, 0), tab(browser, t, url, pageTone)
	a, b := bridge(t, g), bridge(t, g)
	browserOffers(t, a, caller, "", func() {
		invite, err := a.OfferPhone()
		ok(t, err)
		_, err = b.PhoneOffer(invite)
		ok(t, err)
		offer, err := b.OfferBrowser(context.Background(), false)
		ok(t, err)
		ok(t, b.BrowserAnswer(callee.eval("answer", quoted(offer))))
		answer, err := b.AnswerPhone()
		ok(t, err)
		ok(t, a.PhoneAnswer(answer))
	})
	caller.hears(pageTone)
	callee.hears(micTone)
	for _, x := range []*media.Bridge{a, b} {
		if q := x.Quality(); q[media.Phone].Codec != sdp.Opus || q[media.Browser].Codec != sdp.Opus {
			t.Errorf("quality %+v", q)
		}
	}
}
