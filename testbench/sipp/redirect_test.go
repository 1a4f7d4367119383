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

func TestColleagueIsRedirectedToo(t *testing.T) {
	r := newRig(t)
	desk := r.register("1001", "", 600)
	run := phone("1002", "")
	run.Number, run.From = "1001", "127.0.0.2" // no peer's address, so it has to prove who it is
	run.Keys = map[string]string{"caller": "1002", "kind": "campaign"}
	p := r.run("invite_colleague", run)
	if got := strings.Join(p.Log(), " "); !strings.Contains(got, desk) {
		t.Errorf("redirected to %q, want %s", got, desk)
	}
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
