package webrtc

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/webrtc/signalling"
)

// An agent has the page open and a desktop client running: one of them rings, each can
// take the phone over from the other, who is told which has it, and a call stays where
// it was answered.
func TestAPageAndADesktopClientOfOneAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		web := x.online()
		webFar := x.far.Phone
		desktop := x.open(signalling.In{Ticket: x.ticket("desktop"), Tab: "desktop", Client: "desktop"})
		synctest.Wait()
		leads := func(has, not *page, client, where string) {
			t.Helper()
			synctest.Wait()
			if _, _, ok := x.srv.Reach(has.greeting().Session); !ok {
				t.Errorf("calls do not reach the %s", client)
			}
			if _, _, ok := x.srv.Reach(not.greeting().Session); ok {
				t.Errorf("calls reach more than the %s", client)
			}
			if f := x.sessions(); len(f) != 1 || f[0].Client != client || f[0].ID != has.greeting().Session {
				t.Errorf("the status knows %+v, want the %s", f, client)
			}
			if s := has.now(); s.Leader != signalling.LeaderYou || !s.Target {
				t.Errorf("the %s is told %+v", client, s)
			}
			if s := not.now(); s.Leader != signalling.LeaderOther || s.Target || !strings.Contains(s.Sentence, where) || s.Remedy == "" {
				t.Errorf("beside the %s the other is told %+v", client, s)
			}
		}
		leads(web, desktop, "web", "browser")
		_, id := x.talks(web)
		if desktop.count(signalling.Ring) != 0 {
			t.Error("both ring")
		}

		desktop.about(signalling.Lead, "")
		desktop.claim(granted())
		leads(desktop, web, "desktop", "desktop client")
		if web.count(signalling.TakenOver) != 1 {
			t.Error("the page was not told that it was taken over")
		}
		_, ring := x.calls(desktop)
		if web.count(signalling.Ring) != 1 {
			t.Error("both ring after the take-over")
		}
		desktop.about(signalling.RingAck, ring.Call)
		desktop.about(signalling.Reject, ring.Call)
		web.about(signalling.Hold, id, on)
		if got := web.told(); got.Call != id || !got.Held {
			t.Errorf("the page's call after the take-over: %+v", got)
		}
		web.about(signalling.Hangup, id)

		web.about(signalling.Lead, "")
		leads(web, desktop, "web", "browser")
		x.far.Phone = webFar
		x.calls(web)
		if web.count(signalling.Ring) != 2 || desktop.count(signalling.Ring) != 1 {
			t.Error("not the page alone rings")
		}
	})
}

// What a client of the other kind left behind is not taken up by a login.
func TestADesktopClientLeavesItsCallToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		x.talks(p)
		p.vanish()
		time.Sleep(time.Second)
		q := x.open(signalling.In{Ticket: x.ticket("desktop"), Client: "desktop", Lead: true})
		synctest.Wait()
		if got := q.greeting(); got.Resumed || len(got.Calls) != 0 {
			t.Errorf("welcomed with %+v", got)
		}
	})
}
