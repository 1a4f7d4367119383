package media

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

// TestToneIsRecognisedOnTheOtherSide, whoever calls and whatever they speak.
func TestToneIsRecognisedOnTheOtherSide(t *testing.T) {
	opus := []sdp.Codec{
		{Type: 96, Name: sdp.Opus, Rate: 48000, Channels: 2},
		{Type: 97, Name: sdp.Event, Rate: 48000, Channels: 1}, {Type: 101, Name: sdp.Event, Rate: 8000, Channels: 1},
	}
	g722 := []sdp.Codec{{Type: 9, Name: sdp.G722, Rate: 8000, Channels: 1}, mediatest.Event()}
	muOnly := mediatest.PageOptions{Codecs: []sdp.Codec{{Type: 0, Name: sdp.PCMU, Rate: 8000, Channels: 1}, {Type: 126, Name: sdp.Event, Rate: 8000}}}
	tests := map[string]struct {
		page  mediatest.PageOptions
		phone mediatest.PhoneOptions
		o     BridgeOptions
		codec string // of what the phone hears
	}{
		"PCMU":                      {codec: sdp.PCMU},
		"PCMA":                      {phone: mediatest.PhoneOptions{Codecs: mediatest.PCMA()}, codec: sdp.PCMA},
		"PCMU here, PCMA there":     {page: muOnly, phone: mediatest.PhoneOptions{Codecs: mediatest.PCMA()}, codec: sdp.PCMA},
		"Opus passed through":       {phone: mediatest.PhoneOptions{Codecs: opus}, codec: sdp.Opus},
		"G722 passed through":       {phone: mediatest.PhoneOptions{Codecs: g722}, codec: sdp.G722},
		"keys by SDP":               {phone: mediatest.PhoneOptions{Keys: true}, o: BridgeOptions{Keys: DemandKeys}, codec: sdp.PCMU},
		"ICE by TCP":                {page: mediatest.PageOptions{TCP: true}, codec: sdp.PCMU},
		"phone without any keys":    {phone: mediatest.PhoneOptions{Codecs: mediatest.PCMU()[:1]}, codec: sdp.PCMU},
		"the phone prefers the law": {phone: mediatest.PhoneOptions{Codecs: append(mediatest.PCMA()[:1], mediatest.PCMU()...)}, codec: sdp.PCMA},
	}
	g := open(t, options(t, 40))
	for name, tt := range tests {
		for who, setUp := range map[string]func(*call){"phone calls": (*call).fromPhone, "page calls": (*call).fromPage} {
			t.Run(name+", "+who, func(t *testing.T) {
				t.Parallel()
				c := newCall(t, g, tt.page, tt.phone, tt.o)
				setUp(c)
				c.bothHear()
				c.sound()
				q := c.bridge.Quality()
				if name != "the phone prefers the law" && q[Phone].Codec != tt.codec {
					t.Errorf("the phone is spoken to in %s", q[Phone].Codec)
				}
				if q[Browser].Lost+q[Phone].Lost != 0 || q[Browser].MOS < 4 || q[Phone].MOS < 4 {
					t.Errorf("quality %+v", q)
				}
				c.happens(Connected)
				c.happens(Hearing)
				c.happens(PhoneHeard)
			})
		}
	}
}

// TestKeysPassBothWays: each key once, and told to the call's owner.
func TestKeysPassBothWays(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPhone()
	c.bothHear()
	for _, d := range []byte("15#") {
		c.page.Press(d)
		c.phone.Press(d)
		time.Sleep(250 * time.Millisecond)
	}
	for who, e := range map[string]*mediatest.Ear{"page": c.page.Ear, "phone": c.phone.Ear} {
		c.eventually(who, func() error {
			if k := e.Report().Keys; k != "15#" {
				return fmt.Errorf("keys %q", k)
			}
			return nil
		})
	}
	if err := c.bridge.Dial("*9"); err != nil {
		t.Fatal(err)
	}
	c.eventually("dialled", func() error {
		if k := c.phone.Ear.Report().Keys; k != "15#*9" {
			return fmt.Errorf("keys %q", k)
		}
		return nil
	})
	c.bothHear()
	c.sound()
	var told [2]string
	for _, e := range c.happened() {
		if e.Kind == Key {
			told[e.Side] += string(e.Digit)
			if e.Held < 90*time.Millisecond || e.Held > 110*time.Millisecond {
				t.Errorf("held %v", e.Held)
			}
		}
	}
	if told != [2]string{"15#", "15#"} {
		t.Errorf("told %q", told)
	}
	if err := c.bridge.Dial("x"); err == nil {
		t.Error("x is a key")
	}
}

// TestHoldAndResume by each side, and no number goes back or leaps over it.
func TestHoldAndResume(t *testing.T) {
	for name, keys := range map[string]bool{"plain": false, "keys by SDP": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, options(t, 4))
			o := BridgeOptions{}
			if keys {
				o.Keys = DemandKeys
			}
			c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{Keys: keys}, o)
			c.fromPage()
			c.bothHear()

			c.bridge.Hold(true) // by the page, by its button
			c.phoneAgain()
			if w := c.phone.Remote.Audio.Way; w != sdp.SendOnly {
				t.Errorf("the phone is offered %v", w)
			}
			c.quiet(c.phone.Ear, c.page.Ear)
			c.bridge.Hold(false)
			c.phoneAgain()
			c.bothHear()

			for _, way := range []sdp.Direction{sdp.SendOnly, sdp.Inactive} { // by the phone
				c.phoneOffers(way)
				if w := c.phone.Remote.Audio.Way; w != way.Reverse() {
					t.Errorf("the phone's %v is answered with %v", way, w)
				}
				c.quiet(c.phone.Ear)
				c.phoneOffers(sdp.SendRecv)
				c.bothHear()
			}
			c.sound()
			if n := c.phone.Refused(); n != 0 {
				t.Errorf("the phone could not decrypt %d packets", n)
			}
		})
	}
}

// phoneOffers is a re-INVITE of the phone.
func (c *call) phoneOffers(way sdp.Direction) {
	c.t.Helper()
	if again, err := c.bridge.PhoneOffer(c.phone.Offer(way)); err != nil || again {
		c.t.Fatal(again, err)
	}
	if err := c.phone.Accept(must[[]byte](c.t)(c.bridge.AnswerPhone())); err != nil {
		c.t.Fatal(err)
	}
}

// quiet checks that these hear nothing for a while.
func (c *call) quiet(ears ...*mediatest.Ear) {
	c.t.Helper()
	time.Sleep(60 * time.Millisecond) // what was on its way
	for _, e := range ears {
		before := e.Report().Packets
		time.Sleep(300 * time.Millisecond)
		if n := e.Report().Packets - before; n != 0 {
			c.t.Errorf("%d packets on hold", n)
		}
	}
}

// TestBrowsersHoldIsAnswered as a browser expects: pion alone would answer
// sendonly with sendrecv.
func TestBrowsersHoldIsAnswered(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPage()
	c.bothHear()
	for _, way := range []sdp.Direction{sdp.SendOnly, sdp.Inactive, sdp.SendRecv} {
		offer := must[string](t)(c.page.Offer(within(t), false))
		offer = strings.Replace(offer, "a=sendrecv\r\n", "a="+way.String()+"\r\n", 1)
		if err := c.bridge.BrowserOffer(offer); err != nil {
			t.Fatal(err)
		}
		answer := must[string](t)(c.bridge.AnswerBrowser(within(t)))
		if d := must[*sdp.Description](t)(sdp.Read([]byte(answer))); d.Audio.Way != way.Reverse() {
			t.Errorf("%v is answered with %v", way, d.Audio.Way)
		}
		if err := c.page.Accept(strings.Replace(answer, "a="+way.Reverse().String()+"\r\n", "a=sendrecv\r\n", 1)); err != nil {
			t.Fatal(err)
		}
		c.phoneAgain()
		if w := c.phone.Remote.Audio.Way; w != way {
			t.Errorf("the phone is offered %v, want %v", w, way)
		}
		if way == sdp.Inactive {
			c.quiet(c.phone.Ear, c.page.Ear)
		}
	}
	c.bothHear()
	c.sound()
}

// TestRestartOfICE by either side keeps the call, and the phone's side is as it was.
func TestRestartOfICE(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPhone()
	c.bothHear()
	c.browserAgain(true)
	c.bothHear()
	if err := c.bridge.BrowserOffer(must[string](t)(c.page.Offer(within(t), true))); err != nil {
		t.Fatal(err)
	}
	if err := c.page.Accept(must[string](t)(c.bridge.AnswerBrowser(within(t)))); err != nil {
		t.Fatal(err)
	}
	c.bothHear()
	if r := c.page.Ear.Report(); r.Sources != 1 || r.Leaps != 0 || r.Doubled != 0 {
		t.Errorf("the page heard %+v", r)
	}
	if q := c.bridge.Quality(); q[Browser].Lost > 50 { // pion as a page has no way of its own meanwhile
		t.Errorf("lost %d of the page", q[Browser].Lost)
	}
}

// TestOfferThatWasLostIsMadeAgain: the page was away when it came. It answers the newest,
// and answers that it had given before change nothing.
func TestOfferThatWasLostIsMadeAgain(t *testing.T) {
	for name, restarts := range map[string][]bool{
		"new ICE twice": {true, true}, "the same twice": {false, false}, "then new ICE": {false, true}, "new ICE, then the same": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t, options(t, 4))
			c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
			c.fromPhone()
			var offer string
			for i, restart := range restarts {
				offer = must[string](t)(c.bridge.OfferBrowser(within(t), restart))
				if i == 0 { // whose answer is lost
					must[string](t)(c.page.Answer(within(t), offer))
				}
			}
			if err := c.bridge.BrowserAnswer(must[string](t)(c.page.Answer(within(t), offer))); err != nil {
				t.Fatal(err)
			}
			c.bothHear()
		})
	}
}

// TestTransferKeepsTheSource: another phone takes over by a re-INVITE, with other
// codec, address and keys, and the page hears one source go on.
func TestTransferKeepsTheSource(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPhone()
	c.bothHear()
	other := must[*mediatest.Phone](t)(mediatest.NewPhone(mediatest.PhoneOptions{Hz: 1700, Codecs: mediatest.PCMA(), Keys: true}))
	t.Cleanup(other.Close)
	if again, err := c.bridge.PhoneOffer(other.Offer(sdp.SendRecv)); err != nil || again {
		t.Fatal(again, err)
	}
	if err := other.Accept(must[[]byte](t)(c.bridge.AnswerPhone())); err != nil {
		t.Fatal(err)
	}
	c.eventually("the new phone", func() error { return other.Ear.Recognises(pageTone) })
	c.eventually("the page", func() error { return c.page.Ear.Recognises(1700) })
	if r := c.page.Ear.Report(); r.Sources != 1 || r.Lost != 0 || r.Leaps != 0 || r.Doubled != 0 {
		t.Errorf("the page heard %+v", r)
	}
	if q := c.bridge.Quality(); q[Phone].Strays+q[Phone].Refused == 0 {
		t.Error("the first phone still speaks, and nobody counted it")
	}
}

// TestCodecOfATransfer that the browser does not speak now: it is asked anew.
func TestCodecOfATransfer(t *testing.T) {
	g := open(t, options(t, 4))
	opus := []sdp.Codec{{Type: 96, Name: sdp.Opus, Rate: 48000, Channels: 2}}
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{Codecs: opus}, BridgeOptions{})
	c.fromPage()
	c.bothHear()
	other := must[*mediatest.Phone](t)(mediatest.NewPhone(mediatest.PhoneOptions{Hz: 1700}))
	t.Cleanup(other.Close)
	again, err := c.bridge.PhoneOffer(other.Offer(sdp.SendRecv))
	if err != nil || !again {
		t.Fatal("the browser should be asked again:", again, err)
	}
	if _, err := c.bridge.AnswerPhone(); err == nil {
		t.Error("answered with a codec nobody has")
	}
	c.browserAgain(false)
	if err := other.Accept(must[[]byte](t)(c.bridge.AnswerPhone())); err != nil {
		t.Fatal(err)
	}
	c.page.Ear.Forget()
	c.eventually("the page", func() error { return c.page.Ear.Recognises(1700) })
}

// TestEarlyMedia: a 183 and then the 200 of another phone of the same fork.
func TestEarlyMedia(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	if err := c.bridge.BrowserOffer(must[string](t)(c.page.Offer(within(t), false))); err != nil {
		t.Fatal(err)
	}
	offer := must[[]byte](t)(c.bridge.OfferPhone())
	ringback := must[*mediatest.Phone](t)(mediatest.NewPhone(mediatest.PhoneOptions{Hz: 425, Codecs: mediatest.PCMA()}))
	t.Cleanup(ringback.Close)
	if err := c.bridge.PhoneAnswer(must[[]byte](t)(ringback.Answer(offer))); err != nil {
		t.Fatal(err)
	}
	if err := c.page.Accept(must[string](t)(c.bridge.AnswerBrowser(within(t)))); err != nil {
		t.Fatal(err)
	}
	c.connected()
	c.eventually("ringback", func() error { return c.page.Ear.Recognises(425) })
	if err := c.bridge.PhoneAnswer(must[[]byte](t)(c.phone.Answer(offer))); err != nil {
		t.Fatal(err)
	}
	c.bothHear()
	c.sound()
}

// TestWithdrawnOffersChangeNothing: one that was refused, of each side.
func TestWithdrawnOffersChangeNothing(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPage()
	c.bothHear()
	must[string](t)(c.bridge.OfferBrowser(within(t), false))
	c.bridge.Withdraw()
	if err := c.bridge.BrowserAnswer("v=0"); !errors.Is(err, ErrOrder) {
		t.Error("an answer to what was withdrawn:", err)
	}
	c.bothHear()
	if _, err := c.bridge.PhoneOffer(c.phone.Offer(sdp.SendRecv)); err != nil {
		t.Fatal(err)
	}
	c.bridge.Withdraw()
	if _, err := c.bridge.AnswerPhone(); !errors.Is(err, ErrOrder) {
		t.Error("an answer to what was withdrawn:", err)
	}
	if err := c.bridge.BrowserOffer(must[string](t)(c.page.Offer(within(t), false))); err != nil {
		t.Fatal(err)
	}
	c.bridge.Withdraw()
	c.bothHear()
	c.phoneOffers(sdp.SendRecv) // and the next ones are heard
	c.bothHear()
	c.sound()
}

func TestMeetsSaysWhy(t *testing.T) {
	if ok, why := Meets([]byte("rubbish"), Capabilities{Browser: true}); !ok || why != "" {
		t.Error("what cannot be read is left alone:", why)
	}
	phone := must[*mediatest.Phone](t)(mediatest.NewPhone(mediatest.PhoneOptions{Quiet: true}))
	defer phone.Close()
	if ok, why := Meets(phone.Offer(sdp.SendRecv), Capabilities{Browser: true}); ok || why == "" {
		t.Error("a phone's offer suits a browser")
	}
}
