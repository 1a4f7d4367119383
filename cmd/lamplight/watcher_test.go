package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// TestWhoWaitsIsListedAndLetIn: a lamp that needs leave is dark, and seen by those
// who can give it, also where it is one of a list.
func TestWhoWaitsIsListedAndLetIn(t *testing.T) {
	t.Setenv("LAMPLIGHT_DOMAINS_0_WATCH_0_WHO", "peer:demo-pbx") // who sends by UDP from this machine
	t.Setenv("LAMPLIGHT_DOMAINS_0_WATCH_0_THEN", "confirm")
	demo(t)
	const domain = "demo.lamplight.test"
	phone := siptest.NewRealPeer(t, os.Getenv("DEMO_SIP"))
	states := make(chan string, 100)
	phone.Handle(func(m *message.Message) *message.Builder {
		state, _, _ := strings.Cut(m.Get(message.SubscriptionState), ";")
		states <- state
		return message.NewResponse(m, 200, "")
	})
	told := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-states:
				if got == want {
					return
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("not told that it is %s", want)
			}
		}
	}
	subscribe := func(uri string, headers ...string) {
		t.Helper()
		b := phone.Request("SUBSCRIBE", uri, "sip:pbx@"+domain, "").Add(message.Contact, "<"+phone.Contact("pbx")+">").
			Add(message.Event, "dialog").Add(message.Expires, "600")
		for _, h := range headers {
			b.Add(message.Supported, h)
		}
		if m := phone.Do(b); m.Status != 200 {
			t.Fatalf("%s: %d", uri, m.Status)
		}
	}
	subscribe("sip:1002@" + domain)
	told("pending")
	ask(t, "watcher list --pending", "sip:1002@"+domain, "peer:demo-pbx", "pending")
	ask(t, "watcher allow 1002 peer:demo-pbx")
	told("active")
	ask(t, "watcher list --pending", "!1002@")
	ask(t, "watcher list 1002", "active")
	subscribe("sip:team-support@"+domain, "eventlist")
	told("active") // the list; its members wait
	ask(t, "watcher list --pending", "sip:team-support@"+domain, "peer:demo-pbx")
	ask(t, "watcher list 1007 --pending", "sip:team-support@"+domain)
	for n := 1007; n <= 1012; n++ {
		ask(t, fmt.Sprintf("watcher deny %d peer:demo-pbx", n))
	}
	ask(t, "watcher list --pending", "!team-support")
	ask(t, "watcher deny 1002 peer:demo-pbx")
	told("terminated")
}
