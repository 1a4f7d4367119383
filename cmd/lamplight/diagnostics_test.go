package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"lamplight/cmd/lamplight/internal/client"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// ask runs the command line and wants these texts in what it printed; one with !
// in front must not be there.
func ask(t *testing.T, args string, want ...string) string {
	t.Helper()
	out, err := command(t, "", strings.Fields(args)...)
	if err != nil {
		t.Fatalf("lamplight %s: %v", args, err)
	}
	for _, w := range want {
		not, no := strings.CutPrefix(w, "!")
		if strings.Contains(out, not) == no {
			t.Errorf("lamplight %s: want %q in\n%s", args, w, out)
		}
	}
	return out
}

// TestWatchersRegistrationsAndFlowsCanBeListed: when a lamp stays dark somebody
// has to see who watches whom, from where, and what became of the NOTIFYs.
func TestWatchersRegistrationsAndFlowsCanBeListed(t *testing.T) {
	demo(t)
	const domain = "demo.lamplight.test"
	phone := siptest.NewRealPeer(t, os.Getenv("DEMO_SIP"))
	phone.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
	send := func(method, user, password, uri string, headers ...string) {
		t.Helper()
		seq := 0
		m := phone.DoAuth(user, password, func() *message.Builder {
			seq++
			b := phone.Request(method, uri, "sip:"+user+"@"+domain, "").Set(message.CSeq, fmt.Sprint(seq, " ", method)).Add(message.Contact, "<"+phone.Contact(user)+">")
			if method == "REGISTER" {
				b.Set(message.To, "<sip:"+user+"@"+domain+">")
			}
			for _, h := range headers {
				name, value, _ := strings.Cut(h, ": ")
				b.Add(message.Name(name), value)
			}
			return b
		})
		if m.Status != 200 {
			t.Fatalf("%s answered %d", method, m.Status)
		}
	}
	send("REGISTER", "1001", "demo-1001", "sip:"+domain, "User-Agent: Desk/7", "Expires: 600")
	send("SUBSCRIBE", "1001", "demo-1001", "sip:1002@"+domain, "Event: dialog", "Expires: 600")
	send("SUBSCRIBE", "1001", "demo-1001", "sip:parking-1@"+domain, "Event: dialog", "Expires: 600")
	send("SUBSCRIBE", "1001", "demo-1001", "sip:1001@"+domain, "Event: message-summary", "Expires: 600")

	ask(t, "sub list 1002", "dialog", "sip:1002@"+domain, phone.Addr().String(), "told", "!message-summary", "!parking")
	ask(t, "sub list", "sip:1002@"+domain, "sip:parking-1@"+domain, "message-summary")
	ask(t, "sub list --event message-summary", "sip:1001@"+domain, "!dialog")
	ask(t, "sub list 1002 --json", `"next_cseq"`, `"entity"`)
	entities, query := map[string]int{}, url.Values{"limit": {"1"}}
	if err := pages(t.Context(), query, func(q url.Values) (string, error) {
		var page struct {
			Watchers []watcher `json:"watchers"`
			Next     string    `json:"next"`
		}
		c := client.Client{Server: os.Getenv("LAMPLIGHT_API"), Token: "demo-admin"}
		err := c.Call(t.Context(), "GET", "/watchers", q, nil, &page)
		for _, w := range page.Watchers {
			entities[w.Entity]++
		}
		if len(page.Watchers) > 1 {
			t.Errorf("a page of one has %d", len(page.Watchers))
		}
		return page.Next, err
	}); err != nil || len(entities) != 3 || entities["sip:1002@"+domain] != 1 {
		t.Errorf("one by one: %v, %v", entities, err)
	}
	regs := ask(t, "reg list 1001", "1001", "alive", "UDP", phone.Addr().String(), "Desk/7")
	ask(t, "reg list", "Desk/7")
	ask(t, "flow list --transport UDP", phone.Addr().String(), "UDP-")
	ask(t, "flow list --transport TLS", "!UDP")

	ask(t, "mailbox set 1001 --new 2 --old 5")
	ask(t, "mailbox list", "1001@"+domain, "yes", "voice 2/5", "api")
	ask(t, "mailbox clear 1001")
	ask(t, "mailbox list", "!1001")
	ask(t, "upstream list", "PUBLICATIONS", "STATE")
	ask(t, "trunk list", "HOP", "STATE")
	publish := func(event, typ, body string) {
		t.Helper()
		m := phone.Do(phone.Request("PUBLISH", "sip:1003@"+domain, "sip:pbx@"+domain, "").Add(message.Event, event).Add(message.Expires, "600").Body(typ, []byte(body)))
		if m.Status != 200 {
			t.Fatalf("PUBLISH of %s answered %d", event, m.Status)
		}
	}
	publish("dialog", "application/dialog-info+xml", `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:1003@`+domain+`"><dialog id="d"><state>confirmed</state></dialog></dialog-info>`)
	publish("message-summary", "application/simple-message-summary", "Messages-Waiting: yes\r\n")
	publish("presence", "application/pidf+xml", `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:1003@`+domain+`"><tuple id="t"><status><basic>open</basic></status></tuple></presence>`)
	out := ask(t, "pub list", "1003", "demo-pbx", "dialog", "message-summary", "presence")
	if n := strings.Count(out, "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, out)
	}
	ask(t, "pub list --event dialog", "demo-pbx", "!message-summary", "!presence")

	id := strings.Fields(strings.Split(regs, "\n")[1])[0]
	ask(t, "reg remove 1001 "+id)
	ask(t, "reg list", "!Desk/7")
	if _, err := command(t, "", "reg", "remove", "1001", id); err == nil || !strings.Contains(err.Error(), "no registration") {
		t.Errorf("removed twice: %v", err)
	}
}
