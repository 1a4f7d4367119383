package webrtc

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

// pressed is what the page was told of keys last, and how often it was.
func (p *page) pressed(t *testing.T) (m signalling.PressedMsg, times int) {
	t.Helper()
	synctest.Wait()
	if err := json.Unmarshal(p.last(signalling.Pressed), &m); err != nil {
		t.Fatalf("the page is told of no keys: %v", err)
	}
	return m, p.count(signalling.Pressed)
}

// presses has keys come of the phone, by the audio.
func (b *fakeBridge) presses(side media.Side, keys string) {
	for _, k := range []byte(keys) {
		b.events <- media.Event{Kind: media.Key, Side: side, Digit: k, Held: 100 * time.Millisecond}
	}
	synctest.Wait()
}

func TestThePageIsToldWhatTheOtherSidePresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, id := x.talks(p)
		x.bridge().presses(media.Browser, "9") // its own
		if n := p.count(signalling.Pressed); n != 0 {
			t.Errorf("told of its own keys, %d times", n)
		}
		x.bridge().presses(media.Phone, "1")
		if m, n := p.pressed(t); m.Call != id || m.Keys != "1" || n != 1 {
			t.Errorf("at once: %+v, %d times", m, n)
		}
		u.Info("application/dtmf-relay", []byte("Signal=2\r\nDuration=160\r\n"), func(int) {})
		u.Info("application/dtmf", []byte("#"), func(int) {})
		u.Info("text/plain", []byte("3"), func(int) {})
		time.Sleep(keysEvery)
		if m, n := p.pressed(t); m.Keys != "12#" || n != 2 {
			t.Errorf("by INFO: %+v, %d times", m, n)
		}
	})
}

// Whoever is at the other end may send what he likes: the page hears of it ten times a
// second, and of the last keys.
func TestAFloodOfKeysIsToldInBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		x.talks(p)
		for range 50 { // of five seconds
			x.bridge().presses(media.Phone, "1234567890")
			time.Sleep(keysEvery)
		}
		x.bridge().presses(media.Phone, "*#")
		time.Sleep(keysEvery)
		m, n := p.pressed(t)
		if len(m.Keys) != signalling.MaxKeys || !strings.HasSuffix(m.Keys, "1234567890*#") {
			t.Errorf("told %q", m.Keys)
		}
		if n > 52 {
			t.Errorf("told %d times in 5 s", n)
		}
	})
}

func TestKeysAreToldAgainToAPageThatComesBackAndNotOfWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		x.bridge().presses(media.Phone, "42")
		time.Sleep(keysEvery)
		resume := p.greeting().Resume
		p.vanish()
		p = x.open(signalling.In{Resume: resume, Lead: true})
		if m, _ := p.pressed(t); m.Call != id || m.Keys != "42" {
			t.Errorf("the page that came back is told %+v", m)
		}
		if _, err := x.far.Call(ua.Dial{To: "sip:1001@demo.test", SDP: []byte(sdpOf("third")), Replaces: x.leg(id)}, x.far); err != nil {
			t.Fatal(err)
		}
		time.Sleep(keysEvery)
		if m, _ := p.pressed(t); m.Keys != "" {
			t.Errorf("of another side: %+v", m)
		}
	})
}
