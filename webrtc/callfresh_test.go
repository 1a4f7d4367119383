package webrtc

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

func fresh(m *signalling.In) { m.Fresh = true }

// reloads is F5: the page goes, and another comes with its resume token.
func (x *exchange) reloads(p *page) *page {
	x.t.Helper()
	resume := p.greeting().Resume
	p.vanish()
	time.Sleep(time.Second)
	q := x.open(signalling.In{Resume: resume, Lead: true})
	synctest.Wait()
	if !q.greeting().Resumed {
		x.t.Fatal("the page did not come back")
	}
	q.claim(granted())
	synctest.Wait()
	return q
}

// offered is the last offer of a call that the page was made.
func (p *page) offered() (m signalling.OfferMsg) {
	synctest.Wait()
	_ = json.Unmarshal(p.last(signalling.Offer), &m)
	return m
}

// A page that was reloaded in a call has it in hand again, as it was, as often as it
// likes; the other side knows nothing.
func TestAReloadedPageGoesOnWithItsCall(t *testing.T) {
	for _, held := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			x := newExchange(t)
			p := x.online()
			_, id := x.talks(p)
			p.about(signalling.Mute, id, on)
			if held {
				p.about(signalling.Hold, id, on)
				x.far.offer.Answer([]byte(sdpOf("far-answer")))
				synctest.Wait()
			}
			x.far.said()
			x.bridge().did()
			for n := range 2 {
				p = x.reloads(p)
				if got := p.told(); got.State != signalling.CallTalking || got.Held != held || !got.Muted || got.Talked != int64(n+1)*1000 {
					t.Errorf("the page is told %+v", got)
				}
				p.about(signalling.Restart, id, fresh)
				if got := p.offered(); !got.Fresh || got.Call != id {
					t.Errorf("the page is offered %+v", got)
				}
				p.about(signalling.Answer, id, answer)
				x.bridge().events <- media.Event{Kind: media.Connected}
				check(t, "the audio", x.bridge().did(), "replace-page, offer-page, page-answered page-sdp")
			}
			p.about(signalling.Restart, id)
			if got := p.offered(); got.Fresh {
				t.Error("new ICE alone is offered as a connection of its own")
			}
			p.about(signalling.Answer, id, answer)
			time.Sleep(time.Minute)
			check(t, "the other side", x.far.said(), "")
			if !x.target() {
				t.Error("the page is no target any more")
			}
		})
	}
}

// Nothing of the page is left after a crash of the browser, but its login: a ticket made
// under that one has the calls go on, of any other it does not.
func TestABrowserStartedAgainGoesOnWithItsCall(t *testing.T) {
	for login, want := range map[string]bool{"login-1": true, "login-2": false} {
		synctest.Test(t, func(t *testing.T) {
			x := newExchange(t)
			p := x.online()
			_, id := x.talks(p)
			p.vanish()
			time.Sleep(9 * time.Second)
			ticket := x.ticket("again")
			x.tickets[ticket] = Subject{Agent: x.agents[0].ID, Session: login}
			q := x.open(signalling.In{Ticket: ticket, Lead: true})
			synctest.Wait()
			q.claim(granted())
			if got := q.greeting(); got.Resumed != want || (len(got.Calls) == 1) != want {
				t.Errorf("by %s it is welcomed with %+v", login, got)
			}
			q.about(signalling.Restart, id, fresh)
			q.about(signalling.Answer, id, answer)
			x.bridge().events <- media.Event{Kind: media.Connected}
			time.Sleep(30 * time.Second)
			if want {
				check(t, "the other side", x.far.said(), "")
			} else {
				check(t, "the other side", x.far.said(), "ended 200")
			}
		})
	}
}

// A second tab of a browser whose first is there has calls of its own.
func TestASecondTabGetsNoCallOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		q := x.login("second")
		synctest.Wait()
		if got := q.greeting(); !got.Lead || len(got.Calls) != 0 {
			t.Fatalf("the second is welcomed with %+v", got)
		}
		q.about(signalling.Restart, id, fresh)
		if got := q.told(); got.State != signalling.CallOver || got.Why != signalling.WhyGone {
			t.Errorf("the second is told %+v", got)
		}
		check(t, "the audio", x.bridge().did(), "")

		// The first goes on with its call, also after a reload, and leaves the lead where it is.
		again := x.reloads(p)
		if got := again.greeting(); got.Lead && got.Epoch == p.greeting().Epoch {
			t.Errorf("the first is welcomed with %+v", got)
		}
		again.about(signalling.Restart, id, fresh)
		again.about(signalling.Answer, id, answer)
		check(t, "the audio", x.bridge().did(), "replace-page, offer-page, page-answered page-sdp")
		again.about(signalling.Hangup, id)
		check(t, "the other side", x.far.said(), "ended 200")
	})
}

// Who has no such call begins nothing anew: another agent, a call that rings, one that
// ended while the page was away.
func TestARestartOfWhatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, id := x.talks(p)
		other := x.open(signalling.In{Ticket: x.ticketFor(x.agents[1].ID, "other"), Lead: true})
		synctest.Wait()
		other.about(signalling.Restart, id, fresh)
		if got := other.told(); got.State != signalling.CallOver || got.Why != signalling.WhyGone {
			t.Errorf("another agent is told %+v", got)
		}
		check(t, "by another agent", x.bridge().did(), "")

		_, ring := x.calls(p)
		p.about(signalling.Restart, ring.Call, fresh)
		check(t, "of a call that rings", x.bridge().did(), "phone-offered far-offer, offer-page")
		p.about(signalling.Reject, ring.Call)

		resume := p.greeting().Resume
		p.vanish()
		u.End(0)
		synctest.Wait()
		q := x.open(signalling.In{Resume: resume, Lead: true})
		synctest.Wait()
		if got := q.greeting(); len(got.Calls) != 0 {
			t.Errorf("welcomed with %v", got.Calls)
		}
		q.about(signalling.Restart, id, fresh)
		if got := q.told(); got.Call != id || got.State != signalling.CallOver {
			t.Errorf("the page is told %+v", got)
		}
	})
}

// A page that asks again before it has answered gets no second offer, unless it was
// reloaded again and the first is lost; what never answers ends the call, and so does
// one that is loaded without end.
func TestReloadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		p = x.reloads(p)
		p.about(signalling.Restart, id, fresh)
		p.about(signalling.Restart, id, fresh)
		p.about(signalling.Restart, id)
		check(t, "asked twice", x.bridge().did(), "replace-page, offer-page")
		p = x.reloads(p)
		p.about(signalling.Restart, id, fresh)
		check(t, "reloaded before it answered", x.bridge().did(), "replace-page, offer-page")
		p.about(signalling.Answer, id, answer)
		p.about(signalling.Answer, id, answer) // a stale one
		check(t, "answered twice", x.bridge().did(), "page-answered page-sdp")
		x.bridge().events <- media.Event{Kind: media.Connected}
		for range maxFresh - 2 {
			p.about(signalling.Restart, id, fresh)
			p.about(signalling.Answer, id, answer)
			x.bridge().events <- media.Event{Kind: media.Connected}
			time.Sleep(time.Second) // as many messages as a page may say
		}
		check(t, "so far", x.far.said(), "")
		p.about(signalling.Restart, id, fresh)
		check(t, "without end", x.far.said(), "ended 200")
		if got := p.told(); got.Why != signalling.WhyMedia || got.Sentence == "" {
			t.Errorf("the page is told %+v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		p = x.reloads(p)
		p.about(signalling.Restart, id, fresh)
		time.Sleep(failsAfter - time.Second)
		check(t, "in time", x.far.said(), "")
		time.Sleep(2 * time.Second)
		check(t, "never answered", x.far.said(), "ended 200")
	})
}

// The new offer that a page lost with its socket is made again when it asks for one.
func TestAnOfferLostWithItsSocketIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		p.about(signalling.Restart, id)
		p = x.reloads(p)
		p.about(signalling.Restart, id)
		check(t, "the audio", x.bridge().did(), "offer-page restart, offer-page restart")
	})
}
