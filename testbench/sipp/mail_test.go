//go:build testbench

package sipp

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// An agent's phone sees its own registrations come and go; nobody else's phone
// does.
func TestPhoneSeesItsRegistrations(t *testing.T) {
	for name, tcp := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.begin("watch_reg", watcherFrom(tcp, "1001", "1001"))
			r.sees(w, 1, "nothing")
			run := phone("1001", "")
			var err error
			if run.Port, err = FreePort("127.0.0.1"); err != nil {
				t.Fatal(err)
			}
			run.CallID = "one-phone@sipp"
			run.Keys = map[string]string{"contact": "<" + fmt.Sprintf("sip:1001@127.0.0.1:%d", run.Port) + ">", "expires": "600"}
			r.run("register", run)
			if took := r.sees(w, 2, "bound"); took > time.Second {
				t.Errorf("told after %v", took)
			}
			run.CSeq, run.Keys["expires"] = 10, "0"
			r.run("register", run)
			if err := w.Wait(); err != nil { // un-subscribes by itself
				t.Fatal(err)
			}
			r.sees(w, 4, "unsubscribed")
			r.run("watch_reg_other", watcherFrom(tcp, "1002", "1001"))
		})
	}
}

// What the voicemail server publishes, or tells without being asked, lights the
// lamp of a phone that watches its mailbox; so does the API.
func TestPhoneSeesItsMessages(t *testing.T) {
	for name, tcp := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.begin("watch_messages", watcherFrom(tcp, "1001", "1001"))
			r.sees(w, 1, "none")
			etag := r.publish("publish_messages", "1001", map[string]string{"waiting": "yes", "voice": "2/5 (0/1)", "match": "X-Tag: none yet"})
			if took := r.sees(w, 2, "waiting"); took > time.Second {
				t.Errorf("told after %v", took)
			}
			r.publish("publish_messages", "1001", map[string]string{"waiting": "no", "voice": "0/7 (0/0)", "match": "SIP-If-Match: " + etag})
			if err := w.Wait(); err != nil {
				t.Fatal(err)
			}
			r.sees(w, 4, "unsubscribed")
		})
	}
}

func TestPhoneSeesMessagesOfANotifyThatNobodyAskedFor(t *testing.T) {
	r := newRig(t)
	w := r.begin("watch_messages", watcherFrom(true, "1001", "1001"))
	r.sees(w, 1, "none")
	r.run("notify_messages", Run{Number: "1001", Keys: map[string]string{"waiting": "yes", "voice": "2/5 (0/1)"}})
	r.sees(w, 2, "waiting")
	messages := map[string]any{"messages": map[string]any{"voice": map[string]int{"new": 0, "old": 7}}}
	if code := r.API("PUT", "/mailboxes/1001", messages, nil); code != http.StatusOK {
		t.Fatalf("HTTP %d", code)
	}
	if err := w.Wait(); err != nil {
		t.Fatal(err)
	}
	r.sees(w, 4, "unsubscribed")
}
