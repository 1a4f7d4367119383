package events

import (
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/consent"
	"lamplight/sip/events/winfo"
	"lamplight/sip/message"
)

func (r *rig) decide(of, by string, allow bool) {
	r.t.Helper()
	dom, _ := r.dir.DomainByName("ex.test")
	if err := r.consents.Decide(r.t.Context(), consent.Decision{Domain: dom.ID, Of: r.ids[of], By: consent.Watcher{Agent: r.ids[by]}, Allow: allow}); err != nil {
		r.t.Fatal(err)
	}
}

// watch subscribes to an event.
func (r *rig) watch(addr, user, event, uri string) *lamp {
	r.t.Helper()
	l := r.lamp(addr, user, uri)
	l.event = event
	if m := l.subscribe(600); m.Status != 200 {
		r.t.Fatalf("%s of %s by %s: %d", event, uri, user, m.Status)
	}
	return l
}

func TestAgentSeesWhoWaitsAndWhoWatches(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy(func(p *presence.Policy) {
			p.Watch = []presence.WatchRule{{Who: "agent:201", Then: presence.WatchConfirm}}
		})
		own := r.watch("192.0.2.10:5060", "101", "presence.winfo", "sip:101@ex.test")
		m := own.shows(`<watcher-list resource="sip:101@ex.test" package="presence">`, `state="full"`, "!<watcher ")
		if m.Get(message.ContentType) != winfo.ContentType {
			t.Errorf("type %q", m.Get(message.ContentType))
		}
		p := r.watch("192.0.2.11:5060", "201", "presence", "sip:101@ex.test")
		p.shows("<basic>closed</basic>", "!<note>")
		own.shows(`status="pending" event="subscribe" display-name="Agent 201"`, ">sip:201@ex.test</watcher>", `expiration="600"`)
		r.watch("192.0.2.12:5060", "102", "dialog", "sip:101@ex.test").shows("terminated") // another event
		own.dark(time.Second)
		look := r.lamp("192.0.2.13:5060", "101", "sip:101@ex.test")
		look.event = "presence.winfo"
		if m := look.subscribe(0); m.Status != 200 {
			t.Fatal(m.Status)
		}
		look.shows(`status="pending"`)
		r.decide("101", "201", true)
		p.shows("<note>Offline</note>")
		own.shows(`status="active" event="approved"`)
		time.Sleep(time.Minute)
		if m := p.subscribe(600); m.Status != 200 { // a refresh is no change
			t.Fatal(m.Status)
		}
		p.shows()
		own.dark(time.Second)
		p.subscribe(0)
		p.shows()
		own.shows(`status="terminated" event="timeout"`, `duration-subscribed="6`, "!status=\"active\"")
		time.Sleep(time.Minute)
		if m := own.subscribe(600); m.Status != 200 {
			t.Fatal(m.Status)
		}
		own.shows("!<watcher ")
	})
}

func TestWhoWatchesIsNobodyElsesBusiness(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		other := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		other.event = "presence.winfo"
		if m := other.subscribe(600); m.Status != 403 {
			t.Errorf("another agent: %d", m.Status)
		}
		r.policy(func(p *presence.Policy) {
			p.Watch = []presence.WatchRule{{Who: "agent:201", Events: []string{"presence.winfo", "dialog.winfo"}, Then: presence.WatchAllow}}
		})
		r.watch("192.0.2.10:0", "201", "presence.winfo", "sip:101@ex.test").shows()
		l := r.watch("192.0.2.11:5060", "201", "dialog.winfo", "sip:101@ex.test")
		l.shows(`package="dialog"`)
		r.watch("192.0.2.12:5060", "102", "dialog", "sip:101@ex.test").shows()
		l.shows(`status="active"`, "sip:102@ex.test")
		time.Sleep(2 * time.Second)
		r.policy(func(p *presence.Policy) { p.Watch = nil })
		m := l.shows("!<watcher ")
		if s := m.Get(message.SubscriptionState); !strings.HasPrefix(s, "terminated;reason=rejected") {
			t.Errorf("Subscription-State %q", s)
		}
	})
}

func TestWinfoSurvivesARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		own := r.watch("192.0.2.10:5060", "101", "dialog.winfo", "sip:101@ex.test")
		own.shows()
		l := r.lamp("192.0.2.11:5060", "201", "sip:101@ex.test")
		l.live()
		own.shows("sip:201@ex.test")
		time.Sleep(30 * time.Second)
		r.decide("101", "201", true)
		r.restart()
		own.shows("sip:201@ex.test", `duration-subscribed="3`, `event="approved"`)
		l.shows()
	})
}
