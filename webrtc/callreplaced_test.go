package webrtc

import (
	"strings"
	"testing"
	"testing/synctest"

	"lamplight/sip/ua"
	"lamplight/webrtc/signalling"
)

// Who wants to take a place in a call that ends in this moment is told so, and does not
// ring for nobody.
func TestTheOtherSideOfACallThatEndsIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		name := x.leg(id)
		s := x.srv.find(p.greeting().Session)
		s.seat.mu.Lock()
		c := s.calls[id]
		s.seat.mu.Unlock()
		goOn := make(chan struct{})
		c.post(func() { <-goOn; c.end(signalling.WhyHungUp, 480, "") })
		if _, err := x.far.Call(ua.Dial{To: "sip:1001@demo.test", SDP: []byte(sdpOf("third")), Replaces: name}, x.far); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		close(goOn)
		if got := x.far.said(); !strings.Contains(got, "ended 481") {
			t.Errorf("the far side heard %q", got)
		}
		if c.wanted(nil) {
			t.Error("it takes somebody after its end")
		}
	})
}
