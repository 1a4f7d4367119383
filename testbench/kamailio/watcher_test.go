//go:build testbench

package kamailio

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

// A Kamailio that subscribes to an agent's registrations with us hears of the
// agent's phone, and that it is gone.
func TestKamailioLearnsFromUsWherePhonesAre(t *testing.T) {
	s := lamplight(t, "")
	k := start(t, "watcher.cfg", options{Peer: s.SIP})
	var heard []string // what it must have logged by now
	hears := func(what string) {
		t.Helper()
		heard = append(heard, what)
		lab.Eventually(t, 5*time.Second, func() error {
			log, got := k.log(), []string(nil)
			for line := range strings.Lines(log) {
				if _, rc, ok := strings.Cut(line, "registrations: "); ok {
					got = append(got, strings.TrimSpace(rc))
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(heard) {
				return fmt.Errorf("Kamailio heard %q, want %q", got, heard)
			}
			return nil
		})
	}
	asker := &phone.Phone{Line: line(t, "127.0.0.1", k.Addr), Domain: domain, Anonymous: true}
	uri := "sip:1001@" + domain
	res, err := asker.Do("OPTIONS", uri, func() string {
		return "From: <sip:asker@" + domain + ">;tag=a\r\nTo: <" + uri + ">\r\nCall-ID: ask\r\nCSeq: 1 OPTIONS\r\n"
	}, "")
	if err != nil || res.Status != 200 {
		t.Fatalf("OPTIONS: %d, %v", res.Status, err)
	}
	hears("-1")
	p := &phone.Phone{Line: line(t, "127.0.0.2", s.SIP), User: "1001", Number: "1001", Domain: domain, Password: "demo-1001"}
	for range 2 {
		if res, err := p.Register("<" + p.Contact(0) + ">;expires=600"); err != nil || res.Status != 200 {
			t.Fatalf("REGISTER: %d, %v", res.Status, err)
		}
		hears("1")
		if res, err := p.Register("<" + p.Contact(0) + ">;expires=0"); err != nil || res.Status != 200 {
			t.Fatalf("un-REGISTER: %d, %v", res.Status, err)
		}
		hears("2")
	}
}
