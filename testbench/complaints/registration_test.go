//go:build testbench

package complaints

import (
	"fmt"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

// A phone over UDP that loses its power says nothing: it is asked, does not
// answer, and from then on gets no calls; the team sees it.
func TestPhoneWithoutPowerIsOffline(t *testing.T) {
	old, with := anyDevice()
	r := newRig(t, old, with, "qualify: nat", "qualify: all", "qualify_interval: 30s", "qualify_interval: 5s\n  qualify_tries: 1")
	buddy := r.watch(r.phone(r.line(phone.UDP), "1002"), "1001", "presence")
	desk := r.phone(r.line(phone.UDP), "1001")
	r.register(desk, "<"+desk.Contact(0)+">;expires=3600")
	r.shows(buddy, "Available", 2*time.Second)
	if got := r.offered("1001"); len(got) != 1 {
		t.Fatalf("offered %v", got)
	}
	time.Sleep(8 * time.Second) // asked in the meantime, and answers
	r.shows(buddy, "Available", time.Millisecond)
	desk.Line.Close()
	gone := r.shows(buddy, "Offline", 30*time.Second)
	t.Logf("told %v after the power went", gone.Round(time.Millisecond))
	if got := r.offered("1001"); len(got) != 0 {
		t.Errorf("still offered %v", got)
	}
	r.TeamStatus("1001", "offline", time.Second)
}

// Over a stream the end of the connection is the end of the registration.
func TestClosedConnectionIsOfflineAtOnce(t *testing.T) {
	old, with := anyDevice()
	r := newRig(t, old, with)
	buddy := r.watch(r.phone(r.line(phone.UDP), "1002"), "1001", "presence")
	desk := r.phone(r.line(phone.TCP), "1001")
	r.register(desk, "<"+desk.Contact(0)+">;expires=3600")
	r.shows(buddy, "Available", 2*time.Second)
	desk.Line.Close()
	r.shows(buddy, "Offline", time.Second)
	if got := r.offered("1001"); len(got) != 0 {
		t.Errorf("still offered %v", got)
	}
}

// Two phones behind NATs of their own have the same private address: each
// removes its own contact, whatever the other's is called.
func TestRemovalEndsOnlyTheContactOfItsDevice(t *testing.T) {
	r := newRig(t)
	contact := "<sip:1003@192.168.1.5:5060>"
	desk, soft := r.phone(r.line(phone.UDP), "1003"), r.phone(r.line(phone.UDP), "1003-soft")
	other := r.phone(r.line(phone.UDP), "1004")
	for _, p := range []*phone.Phone{desk, soft, other} {
		r.register(p, contact+";expires=3600")
	}
	has := func(number string, want int) {
		t.Helper()
		lab.Eventually(t, 2*time.Second, func() error {
			if got := r.offered(number); len(got) != want {
				return fmt.Errorf("%s is offered %v, want %d contacts", number, got, want)
			}
			return nil
		})
	}
	has("1003", 2)
	r.register(desk, contact+";expires=0")
	has("1003", 1)
	has("1004", 1)
	desk.Headers = "Expires: 0\r\n"
	r.register(desk, "*")
	has("1003", 1)
	for _, d := range r.Agent("1003").Devices {
		if d.Kind == "soft" && !d.Reachable {
			t.Errorf("the softphone's contact is gone: %+v", d)
		}
	}
}
