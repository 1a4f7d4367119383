package events

import (
	"fmt"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
)

// The end of a call that nobody tells comes with the end of its publication, and
// not before: as long as the peer refreshes, the agent is in the call.
func TestCallWhoseEndWasLostEndsWithItsPublication(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.expiry = "60"
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		l.shows("confirmed")
		for range 5 {
			time.Sleep(50 * time.Second)
			p.want(200, "")
		}
		l.dark(59 * time.Second)
		if got := r.snapshot("101").Team.Status; got != presence.StatusOnACall {
			t.Errorf("status %s while the peer refreshed", got)
		}
		l.shows("<state>terminated</state>") // the peer is gone
		if got := r.snapshot("101").Team.Status; got != presence.StatusOffline {
			t.Errorf("status %s: the call outlived its publication", got)
		}
	})
}

// What expired while the server was down is over, however much of it there is,
// and what lives is told.
func TestExpiredPublicationsHideNoLiveOnesAtStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		l.shows("confirmed")
		for i := range 300 {
			q := p.of(fmt.Sprintf("sip:park-%d@ex.test", i))
			q.expiry = "60"
			q.want(200, q.info(0, dialog("d", fmt.Sprint("p", i), "recipient", "confirmed")))
		}
		gone := r.lamp("192.0.2.11:5060", "102", "sip:park-7@ex.test")
		if m := gone.subscribe(3600); m.Status != 200 {
			t.Fatalf("SUBSCRIBE answered %d", m.Status)
		}
		gone.shows("confirmed")
		r.outage(2 * time.Minute)
		l.shows("confirmed", "c1")
		gone.shows("<state>terminated</state>")
		if got := r.snapshot("101").Team.Status; got != presence.StatusOnACall {
			t.Errorf("status %s after the restart", got)
		}
		p.want(200, p.info(1, dialog("d1", "c1", "recipient", "terminated")))
		l.shows("<state>terminated</state>")
	})
}

// A break goes on through a call that comes to nothing, and through the keys of
// the agent's phone that say nothing of it.
func TestBreakOutlivesAFailedCall(t *testing.T) {
	for _, end := range []string{"terminated", "nobody tells"} {
		t.Run(end, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy(func(p *presence.Policy) {
					p.Statuses = []presence.Custom{{Name: "Break", Outbound: true, Activity: "away"}}
				})
				desk := r.keys("192.0.2.10:5060", "101")
				r.do("101", presence.CauseAgent, roster.Select{Status: presence.SelectCustom("Break")})
				r.wantSelected("101", presence.SelectCustom("Break"))
				p := r.pbx(pbxA, "sip:101@ex.test")
				p.expiry = "60"
				p.want(200, p.info(0, dialog("d1", "c1", "initiator", "early")))
				if got := r.snapshot("101").Team.Status; got != presence.StatusOnACall {
					t.Errorf("dialling shows %s", got)
				}
				if end == "terminated" {
					p.want(200, p.info(1, dialog("d1", "c1", "initiator", "terminated")))
				} else {
					time.Sleep(2 * time.Minute)
				}
				desk.press(setDND(false)) // as some phones do after every call
				r.wantSelected("101", presence.SelectCustom("Break"))
				if s := r.snapshot("101"); s.Own.Status == presence.StatusOnACall || s.Chosen.Custom != "Break" {
					t.Errorf("after the call %+v, selected %+v", s.Own, s.Chosen)
				}
			})
		})
	}
}
