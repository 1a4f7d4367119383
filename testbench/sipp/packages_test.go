//go:build testbench

package sipp

import (
	"net/http"
	"testing"
	"time"
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
