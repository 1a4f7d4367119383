package webrtc

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/webrtc/signalling"
)

// The page holds and dials at once. The new call is let out as a consultation when the
// first is held, so it waits for the other side to agree, to refuse, or to have
// had its time.
func TestAConsultationWaitsForTheFirstCallToBeHeld(t *testing.T) {
	for name, then := range map[string]func(x *exchange){
		"agreed":  func(x *exchange) { x.far.offer.Answer([]byte(sdpOf("held"))) },
		"refused": func(x *exchange) { x.far.offer.Refuse(488) },
		"nothing": func(*exchange) { time.Sleep(holdWithin) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t)
				p := x.online()
				u, id := x.talks(p)
				p.say(signalling.In{T: signalling.Hold, Call: id, On: true})
				p.say(signalling.In{T: signalling.Dial, Call: "p-1", To: "1002", SDP: "page-sdp"})
				check(t, "before", x.far.said(), "offered")
				if got := p.toldOf("p-1"); got.State != signalling.CallDialling {
					t.Errorf("the page is told %+v", got)
				}
				then(x)
				check(t, "then", x.far.said(), "incoming")
				time.Sleep(2 * holdWithin)
				check(t, "once", x.far.said(), "")
				u.End(200)
				p.about(signalling.Hangup, "p-1")
				synctest.Wait()
				if n := x.srv.Calls(); n != 0 {
					t.Errorf("%d calls are left", n)
				}
			})
		})
	}
}

// Who hangs up while he is asked to be held is no reason to wait; neither is a call that
// is held already.
func TestAConsultationWaitsForNobodyWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, id := x.talks(p)
		p.say(signalling.In{T: signalling.Hold, Call: id, On: true})
		p.say(signalling.In{T: signalling.Dial, Call: "p-1", To: "1002", SDP: "page-sdp"})
		check(t, "before", x.far.said(), "offered")
		u.End(200)
		// The two calls are each other's strangers: which of the two is told first is chance.
		gone := strings.Split(x.far.said(), ", ")
		slices.Sort(gone)
		check(t, "gone", strings.Join(gone, ", "), "ended 200, incoming")
		p.about(signalling.Hangup, "p-1")
		x.far.said()

		_, id = x.talks(p)
		p.about(signalling.Hold, id, on)
		x.far.offer.Answer([]byte(sdpOf("held")))
		p.about(signalling.Hold, id, on)
		x.far.said()
		p.say(signalling.In{T: signalling.Dial, Call: "p-2", To: "1002", SDP: "page-sdp"})
		check(t, "held already", x.far.said(), "incoming")
		// Hung up before it was let out.
		p.about(signalling.Hold, id)
		x.far.offer.Answer([]byte(sdpOf("talks")))
		p.about(signalling.Hangup, "p-2")
		p.say(signalling.In{T: signalling.Hold, Call: id, On: true})
		p.say(signalling.In{T: signalling.Dial, Call: "p-3", To: "1002", SDP: "page-sdp"})
		p.about(signalling.Hangup, "p-3")
		x.far.said()
		time.Sleep(2 * holdWithin)
		if got := x.far.said(); strings.Contains(got, "incoming") {
			t.Errorf("a call that is not wanted any more is made: %s", got)
		}
	})
}

// Who presses hold again before the other side has answered is told last how things are:
// it has one offer at a time, and the next is of the newest.
func TestTheLastWordOfAHoldIsTheNewest(t *testing.T) {
	for name, then := range map[string]func(x *exchange){
		"agreed":  func(x *exchange) { x.far.offer.Answer([]byte(sdpOf("held"))) },
		"refused": func(x *exchange) { x.far.offer.Refuse(488) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t)
				p := x.online()
				_, id := x.talks(p)
				p.about(signalling.Hold, id, on)
				p.about(signalling.Hold, id)
				p.about(signalling.Hold, id, on)
				p.about(signalling.Hold, id)
				p.say(signalling.In{T: signalling.Dial, Call: "p-1", To: "1002", SDP: "page-sdp"})
				check(t, "pressed four times", x.far.said(), "offered")
				check(t, "the audio", x.bridges[0].did(), "hold, offer-phone, resume, hold, resume")
				then(x)
				check(t, "then", x.far.said(), "offered")
				if got := x.bridges[0].did(); !strings.HasSuffix(got, "offer-phone") {
					t.Errorf("the newest is not told: %s", got)
				}
				x.far.offer.Answer([]byte(sdpOf("talks")))
				check(t, "and last", x.far.said(), "incoming")
				check(t, "the audio", x.bridges[0].did(), "phone-answered talks")
				time.Sleep(time.Minute)
				if got := x.far.said(); strings.Contains(got, "offered") {
					t.Errorf("an older word comes late: %s", got)
				}
				if got := x.bridges[0].did(); strings.Contains(got, "offer-phone") {
					t.Errorf("an older word comes late: %s", got)
				}
			})
		})
	}
}
