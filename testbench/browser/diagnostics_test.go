//go:build testbench

package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

// A supervisor sees on the page what an agent's phones registered and who watches
// the agent; an agent does not see it of others.
func TestSupervisorSeesRegistrationsAndWatchers(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	phone := siptest.NewRealPeer(t, s.SIP)
	phone.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
	send := func(method, number, uri, name, value string) {
		t.Helper()
		seq := 0
		m := phone.DoAuth(number, "demo-"+number, func() *message.Builder {
			seq++
			from := "sip:" + number + "@demo.lamplight.test"
			to := from
			if method == "SUBSCRIBE" {
				to = uri
			}
			return phone.Request(method, uri, from, to).Set(message.CSeq, fmt.Sprint(seq, " ", method)).
				Add(message.Contact, "<"+phone.Contact(number)+">").Add(message.Expires, "600").Add(message.Name(name), value)
		})
		if m.Status != 200 {
			t.Fatalf("%s answered %d", method, m.Status)
		}
	}
	send("REGISTER", "1003", "sip:demo.lamplight.test", "User-Agent", "Desk/7")
	// By UDP from this machine, that is the demo's PBX.
	send("SUBSCRIBE", "1002", "sip:1003@demo.lamplight.test", "Event", "dialog")

	b := Open(t, s)
	p := b.Login("1006")
	p.Click(`[data-agent="1003"] button`)
	p.run(p.ctx, chromedp.WaitVisible(`[role=dialog]`))
	p.Click(`[data-testid=diagnostics]`)
	for _, want := range []string{phone.Contact("1003"), "UDP " + phone.Addr().String(), "Desk/7", "there", "heard 0:", "ends in 9:"} {
		p.Says("registrations", want)
	}
	for _, want := range []string{"server demo-pbx", "dialog: told", "UDP " + phone.Addr().String(), "ends in 9:"} {
		p.Says("watchers", want)
	}
	p.Says("webphones", "No page is open.")
	if got := p.Eval(`document.querySelector('[data-testid=diagnostics]').getAttribute('aria-expanded')`); got != "true" {
		t.Errorf("aria-expanded is %q", got)
	}
	p.Click(`[data-testid=diagnostics]`)
	if got := p.Eval(`String(document.querySelector('[data-testid=watchers]'))`); got != "null" {
		t.Errorf("closed, it still shows %s", got)
	}
	b.Quit()

	b = Open(t, s)
	p = b.Login("1001")
	p.Click(`[data-agent="1003"] button`)
	p.run(p.ctx, chromedp.WaitVisible(`[role=dialog]`))
	if got := p.Eval(`String(document.querySelector('[data-testid=diagnostics]'))`); got != "null" {
		t.Errorf("an agent is shown %s", got)
	}
}
