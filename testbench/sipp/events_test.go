//go:build testbench

package sipp

import (
	"testing"
	"time"
)

// watcherFrom is a phone that is no peer: over TCP, or by UDP from an address
// that the demo does not take for its PBX.
func watcherFrom(tcp bool, number, watched string) Run {
	run := phone(number, "")
	run.TCP, run.Keys, run.Timeout = tcp, map[string]string{"watched": watched}, 40*time.Second
	if !tcp {
		run.From = "127.0.0.2"
	}
	return run
}

// A lamp key sees a published call come, be answered and end, and the agent is
// On a Call in the meantime.
func TestLampFollowsAPublishedCall(t *testing.T) {
	for name, tcp := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.begin("watch_lamp", watcherFrom(tcp, "1002", "1001"))
			r.sees(w, 1, "idle")

			etag := r.publish("publish", "1001", map[string]string{"state": "early"})
			r.sees(w, 2, "early")
			r.status("1001", "offline") // ringing alone is no call

			etag = r.publish("publish_modify", "1001", map[string]string{"etag": etag, "state": "confirmed", "version": "1"})
			r.sees(w, 3, "confirmed")
			r.status("1001", "on_a_call")
			r.sees(w, 4, "refreshed")

			fresh := r.publish("publish_refresh", "1001", map[string]string{"etag": etag})
			if fresh == etag {
				t.Error("a refresh left the entity tag as it was")
			}
			r.publish("publish_gone", "1001", map[string]string{"etag": etag, "state": "terminated"})
			r.status("1001", "on_a_call")

			etag = r.publish("publish_modify", "1001", map[string]string{"etag": fresh, "state": "terminated", "version": "2"})
			r.status("1001", "offline")
			if err := w.Wait(); err != nil { // un-subscribes by itself
				t.Fatal(err)
			}
			r.sees(w, 6, "unsubscribed")
			r.publish("publish_remove", "1001", map[string]string{"etag": etag})
			r.publish("publish_gone", "1001", map[string]string{"etag": etag})
		})
	}
}

// A publication taken back takes its calls with it.
func TestRemovedPublicationEndsItsCalls(t *testing.T) {
	r := newRig(t)
	etag := r.publish("publish", "1007", nil)
	r.status("1007", "on_a_call")
	r.publish("publish_remove", "1007", map[string]string{"etag": etag})
	r.status("1007", "offline")
}

func TestPresenceFollowsAPublishedCall(t *testing.T) {
	r := newRig(t)
	w := r.begin("watch_presence", watcherFrom(true, "1002", "1001"))
	r.sees(w, 1, "offline")
	etag := r.publish("publish", "1001", nil)
	r.sees(w, 2, "on-the-phone")
	r.publish("publish_remove", "1001", map[string]string{"etag": etag})
	if err := w.Wait(); err != nil {
		t.Fatal(err)
	}
	r.sees(w, 4, "unsubscribed")
}

func TestFetchedAndRefusedEvents(t *testing.T) {
	r := newRig(t)
	watched := map[string]string{"watched": "1001"}
	for name, run := range map[string]Run{
		"fetch_lamp":          {Keys: watched, Number: "1002"},
		"watch_unknown_event": {Keys: watched, Number: "1002"},
		"watch_unwanted_type": {Keys: watched, Number: "1002"},
		"publish_stranger":    {Number: "1001", User: "1001", Password: "demo-1001", From: "127.0.0.2", Keys: map[string]string{"dialog": "d1"}},
		"publish_bad_body":    {Number: "1001"},
	} {
		t.Run(name, func(t *testing.T) { r.in(t).run(name, run) })
	}
	r.status("1001", "offline")
}

// 481 ends a subscription at once; nothing more is sent there.
func TestForgottenSubscriptionEnds(t *testing.T) {
	r := newRig(t)
	w := r.begin("watch_forgotten", Run{Number: "1002", Keys: map[string]string{"watched": "1001"}})
	r.sees(w, 1, "told")
	etag := r.publish("publish", "1001", nil)
	r.sees(w, 2, "refused")
	r.publish("publish_modify", "1001", map[string]string{"etag": etag, "state": "terminated", "version": "1"})
	if err := w.Wait(); err != nil {
		t.Fatal(err)
	}
}

// status checks the agent's status as the team sees it.
func (r *rig) status(number, want string) {
	r.t.Helper()
	r.TeamStatus(number, want, 2*time.Second)
}
