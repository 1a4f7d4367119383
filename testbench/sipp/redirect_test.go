//go:build testbench

package sipp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

func TestCallIsRedirectedToTheAgentsContacts(t *testing.T) {
	r := newRig(t)
	desk, soft := r.register("1001", "", 600), r.register("1001", "soft", 600)
	got := r.invite("invite_redirected", "1001", "regular")
	for _, contact := range []string{desk, soft} {
		if !strings.Contains(got, contact) {
			t.Errorf("redirected to %q, without %s", got, contact)
		}
	}
}

// The domain's own phones are not redirected: their calls are carried, and what
// becomes of them is the status of both.
func TestCallToAColleagueIsCarried(t *testing.T) {
	r := newRig(t)
	port, err := FreePort("127.0.0.3")
	if err != nil {
		t.Fatal(err)
	}
	called := phone("1001", "")
	called.From, called.Port = "127.0.0.3", port
	contact := fmt.Sprintf("<sip:1001@127.0.0.3:%d>", port)
	called.Keys = map[string]string{"contact": contact, "expires": "600"}
	r.run("register", called)
	r.begin("answer", called)
	caller := phone("1002", "")
	caller.From, caller.Keys = "127.0.0.2", map[string]string{"contact": "<sip:1002@127.0.0.2:5>", "expires": "600"}
	r.run("register", caller)
	caller.Number, caller.Keys = "1001", map[string]string{"caller": "1002", "kind": "regular"}
	p := r.begin("call_colleague", caller)
	r.sees(p, 1, "ringing")
	r.status("1002", "on_a_call") // dialling is a call, ringing is none
	r.status("1001", "offline")
	r.sees(p, 2, "answered")
	r.status("1001", "on_a_call")
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	r.sees(p, 3, "over")
	r.status("1001", "offline")
	r.status("1002", "offline")
}

func TestAgentInACallIsBusy(t *testing.T) {
	r := newRig(t)
	desk := r.register("1001", "", 600)
	etag := r.publish("publish", "1001", nil)
	r.invite("invite_busy", "1001", "regular")
	r.publish("publish_remove", "1001", map[string]string{"etag": etag})
	if got := r.invite("invite_redirected", "1001", "regular"); !strings.Contains(got, desk) {
		t.Errorf("redirected to %q, want %s", got, desk)
	}
}

func TestDoNotDisturbIsUnavailable(t *testing.T) {
	r := newRig(t)
	r.register("1001", "", 600)
	if code := r.API("PUT", "/agents/1001/status", map[string]string{"status": "do_not_disturb"}, nil); code != 200 {
		t.Fatalf("select Do Not Disturb: HTTP %d", code)
	}
	if why := r.invite("invite_unavailable", "1001", "regular"); !strings.Contains(why, "Do Not Disturb") {
		t.Errorf("refused because %q", why)
	}
}

func TestNobodyToRingIsUnavailable(t *testing.T) {
	r := newRig(t)
	r.invite("invite_unavailable", "1001", "regular")
}

func TestUnknownAgentAndStranger(t *testing.T) {
	r := newRig(t)
	r.invite("invite_unknown", "9999", "regular")
	for _, number := range []string{"1001", "9999"} { // the same answer
		r.run("invite_stranger", Run{Number: number, From: "127.0.0.2", Keys: map[string]string{"kind": "regular"}})
	}
}

// Rule 9 of presence/RULES.md: a campaign call is followed by wrap-up, which
// refuses calls until it is finished.
func TestCampaignCallIsFollowedByWrapUp(t *testing.T) {
	r := newRig(t)
	desk := r.register("1001", "", 600)
	etag := r.publish("publish", "1001", map[string]string{"kind": "campaign"})
	r.status("1001", "on_a_call")
	r.publish("publish_modify", "1001", map[string]string{"kind": "campaign", "etag": etag, "state": "terminated", "version": "1"})
	lab.Eventually(t, 2*time.Second, func() error {
		if own := r.Agent("1001").Status.Own.Status; own != "wrap_up" {
			return fmt.Errorf("own status %s", own)
		}
		return nil
	})
	if why := r.invite("invite_unavailable", "1001", "regular"); !strings.Contains(why, "Wrap Up") {
		t.Errorf("refused because %q", why)
	}
	if code := r.API("DELETE", "/agents/1001/wrap-up", nil, nil); code >= 300 {
		t.Fatalf("finish wrap-up: HTTP %d", code)
	}
	if got := r.invite("invite_redirected", "1001", "regular"); !strings.Contains(got, desk) {
		t.Errorf("redirected to %q, want %s", got, desk)
	}
}

// Without the header, or with another kind, there is no wrap-up.
func TestRegularCallIsNotFollowedByWrapUp(t *testing.T) {
	r := newRig(t)
	desk := r.register("1001", "", 600)
	etag := r.publish("publish", "1001", nil)
	r.publish("publish_modify", "1001", map[string]string{"etag": etag, "state": "terminated", "version": "1"})
	if got := r.invite("invite_redirected", "1001", "regular"); !strings.Contains(got, desk) {
		t.Errorf("redirected to %q, want %s", got, desk)
	}
}
