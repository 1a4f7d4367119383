//go:build testbench

package sipp

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// An agent sees who watches, come and go; nobody else does.
func TestAgentSeesWhoWatches(t *testing.T) {
	r := newRig(t)
	own := r.begin("watch_winfo", watcherFrom(true, "1001", "1001"))
	r.sees(own, 1, "nobody")
	w := r.begin("watch_presence", watcherFrom(true, "1002", "1001"))
	r.sees(w, 1, "offline")
	r.sees(own, 2, "somebody")
	etag := r.publish("publish", "1001", nil)
	r.publish("publish_remove", "1001", map[string]string{"etag": etag})
	if err := w.Wait(); err != nil { // un-subscribes by itself
		t.Fatal(err)
	}
	if err := own.Wait(); err != nil {
		t.Fatal(err)
	}
	r.sees(own, 4, "unsubscribed")
	r.run("watch_winfo_other", watcherFrom(true, "1002", "1001"))
}

// A key of one phone is told to all phones of the agent, and so is what the API
// says; the server's status follows.
func TestDoNotDisturbKeyIsSharedByThePhonesOfAnAgent(t *testing.T) {
	for name, tcp := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			desk := r.begin("watch_features", watcherFrom(tcp, "1001", "1001"))
			r.sees(desk, 1, "off")
			soft := watcherFrom(tcp, "1001", "1001")
			soft.User = "1001-soft"
			p := r.begin("press_dnd", soft)
			if took := r.sees(desk, 2, "on"); took > time.Second {
				t.Errorf("the other phone was told after %v", took)
			}
			if err := p.Wait(); err != nil {
				t.Fatal(err)
			}
			if code := r.API("PUT", "/agents/1001/status", map[string]string{"status": "available", "reason": "test"}, nil); code != http.StatusOK {
				t.Fatalf("HTTP %d", code)
			}
			if err := desk.Wait(); err != nil {
				t.Fatal(err)
			}
			r.sees(desk, 4, "unsubscribed")
		})
	}
}

// One subscription shows a whole team; who cannot read a list is told so.
func TestTeamIsOneList(t *testing.T) {
	r := newRig(t)
	w := r.begin("watch_team", watcherFrom(true, "1007", "team-sales"))
	r.sees(w, 1, "all")
	etag := r.publish("publish", "1001", nil)
	r.sees(w, 2, "talking")
	r.publish("publish_remove", "1001", map[string]string{"etag": etag})
	if err := w.Wait(); err != nil {
		t.Fatal(err)
	}
	r.sees(w, 4, "unsubscribed")
	r.run("watch_team_unable", watcherFrom(true, "1007", "team-sales"))
}

// Codes dialled on a phone set its agent's status; the phones' keys follow.
func TestFeatureCodesSetTheStatus(t *testing.T) {
	r := newRig(t)
	desk := r.begin("watch_features", watcherFrom(true, "1001", "1001"))
	r.sees(desk, 1, "off")
	dial := func(scenario, user, number, code string, tcp bool) *Process {
		t.Helper()
		run := watcherFrom(tcp, number, number)
		run.User, run.Keys = user, map[string]string{"code": code}
		return r.run(scenario, run)
	}
	dial("dial_code", "1001-soft", "1001", "*78", false)
	if took := r.sees(desk, 2, "on"); took > time.Second {
		t.Errorf("the desk phone was told after %v", took)
	}
	dial("dial_code", "1001-soft", "1001", "*79", true)
	r.sees(desk, 3, "off-again")
	if err := desk.Wait(); err != nil {
		t.Fatal(err)
	}
	run := watcherFrom(false, "desk-1", "desk-1")
	run.Password, run.Keys = "demo-desk-1", map[string]string{"code": "*78"}
	if log := r.run("dial_code_refused", run).Log(); len(log) != 1 || !strings.Contains(log[0], "Nobody is logged in") {
		t.Errorf("refused with %q", log)
	}
}

// What a softphone publishes of its user selects a status by its changes alone,
// and only where its device may.
func TestPublishedPresenceSelectsWhereTheDeviceMay(t *testing.T) {
	for name, may := range map[string]bool{"may": true, "may not": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var devices struct {
				Devices []struct {
					ID        string
					Usernames []string
				}
			}
			if code := r.API("GET", "/agents/1001/devices", nil, &devices); code != http.StatusOK {
				t.Fatalf("HTTP %d", code)
			}
			for _, d := range devices.Devices {
				if !may || !slices.Contains(d.Usernames, "1001-soft") {
					continue
				}
				if code := r.API("PATCH", "/agents/1001/devices/"+d.ID, map[string]bool{"publish_selects": true}, nil); code != http.StatusOK {
					t.Fatalf("HTTP %d", code)
				}
			}
			run := watcherFrom(true, "1001", "1001")
			run.User = "1001-soft"
			p := r.begin("publish_own_presence", run)
			selected := func(step int, what string, want bool) {
				t.Helper()
				r.sees(p, step, what)
				lab.Eventually(t, time.Second, func() error {
					var a struct {
						Selected struct{ Status string }
					}
					r.API("GET", "/agents/1001", nil, &a)
					if got := a.Selected.Status == "do_not_disturb"; got != want {
						return fmt.Errorf("%s: selected %+v", what, a.Selected)
					}
					return nil
				})
			}
			selected(1, "open", false)
			selected(2, "do-not-disturb", may)
			r.sees(p, 4, "open-again")
			selected(4, "open-again", false)
			if err := p.Wait(); err != nil {
				t.Fatal(err)
			}
			r.sees(p, 5, "removed")
		})
	}
}
