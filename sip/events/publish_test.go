package events

import (
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
)

func TestPublishedCallLightsTheLamp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "early")))
		l.shows("<state>early</state>", `direction="recipient"`, `call-id="c1"`, "sip:900@pstn.test", `entity="sip:101@ex.test"`)
		if got := r.snapshot("101").Team.Status; got != presence.StatusOffline {
			t.Errorf("ringing shows %s, want the status unchanged", got)
		}
		p.want(200, p.info(1, dialog("d1", "c1", "recipient", "confirmed")))
		l.shows("<state>confirmed</state>")
		if got := r.snapshot("101").Team.Status; got != presence.StatusOnACall {
			t.Errorf("status %s, want on a call", got)
		}
		p.want(200, p.info(2, dialog("d1", "c1", "recipient", "terminated")))
		l.shows("<state>terminated</state>", "!d1")
		if got := r.snapshot("101").Team.Status; got != presence.StatusOffline {
			t.Errorf("status %s after the call", got)
		}
		l.dark(5 * time.Second)
	})
}

func TestRefreshAndEndWithDigest(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		if m := l.subscribe(600); m.Status != 200 { // to our contact, which names no domain
			t.Fatalf("refresh answered %d", m.Status)
		}
		l.shows("<state>terminated</state>")
		other := *l
		other.user, other.seq = "102", 50
		if m := other.subscribe(600); m.Status != 403 {
			t.Errorf("another device's refresh answered %d", m.Status)
		}
		l.seq = 100
		if m := l.subscribe(0); m.Status != 200 {
			t.Fatalf("end answered %d", m.Status)
		}
		if m := l.shows(); m.Get("Subscription-State") != "terminated;reason=timeout" {
			t.Errorf("state %q", m.Get("Subscription-State"))
		}
	})
}

func TestPublishGoesToThePackageOfItsEvent(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.pbx(pbxA, "sip:101@ex.test")
		for event, want := range map[string]int{"dialog": 200, "Dialog ;id=x": 200, "dialogs": 489, "weather": 489, "": 489} {
			b := p.request(p.info(0, dialog("d1", "c1", "recipient", "early"))).Set(message.Event, event)
			m := p.Do(b)
			if m.Status != want {
				t.Errorf("PUBLISH of %q answered %d, want %d", event, m.Status, want)
			}
			if allowed := m.Get(message.AllowEvents); want == 489 && !strings.Contains(allowed, "dialog") {
				t.Errorf("PUBLISH of %q: allowed are %q", event, allowed)
			}
		}
	})
}

// TestCallsOfBeforeAreThereAtOnce: whoever looks right after a restart, another
// server that is told of our agents among them, sees no status flap.
func TestCallsOfBeforeAreThereAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		r.restart()
		if got := r.snapshot("101").Team.Status; got != presence.StatusOnACall {
			t.Errorf("status %s right after the restart", got)
		}
	})
}
