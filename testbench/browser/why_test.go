//go:build testbench

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

// A supervisor sees on the page who waits for a group, and why a call went where it
// did, by the keyboard alone; an agent sees that of their own calls.
func TestPageTellsWhyAndWhoWaits(t *testing.T) {
	t.Parallel()
	conf, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := lab.Start(t, lab.Options{Config: strings.Replace(lab.Ports(string(conf)), "mode: redirect", "mode: proxy", 1)})
	s.API("PUT", "/groups/690", map[string]any{"name": "Hotline", "members": []map[string]any{{"agent": "1003"}}, "queue": map[string]any{"size": 2}}, nil)
	phone := siptest.NewRealPeer(t, s.SIP)
	seq := 0
	if m := phone.DoAuth("1003", "demo-1003", func() *message.Builder {
		seq++
		return phone.Request("REGISTER", "sip:demo.lamplight.test", "sip:1003@demo.lamplight.test", "sip:1003@demo.lamplight.test").
			Set(message.CSeq, fmt.Sprint(seq, " REGISTER")).Add(message.Contact, "<"+phone.Contact("1003")+">").Add(message.Expires, "600")
	}); m.Status != 200 {
		t.Fatalf("REGISTER: %d", m.Status)
	}
	caller := siptest.NewRealPeer(t, s.SIP)
	calls := func(number, from string) {
		caller.Send(caller.Request("INVITE", "sip:"+number+"@demo.lamplight.test", "sip:"+from+"@carrier.test", "").
			Add(message.Contact, "<"+caller.Contact("c")+">").Body("application/sdp", []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")))
	}
	calls("1003", "+3906111")
	inv := phone.Expect(siptest.Method("INVITE"))
	phone.Respond(inv, 180)
	phone.Respond(inv, 200, message.Header{Name: message.Contact, Value: "<" + phone.Contact("1003") + ">"})
	ok := caller.Expect(siptest.Status(200))
	caller.Send(caller.InDialog("ACK", ok))
	calls("690", "+3906222")
	caller.Expect(siptest.Status(182))
	calls("690", "+3906333")
	caller.Expect(func(m *message.Message) bool { return m.Status == 182 && strings.Contains(m.Phrase, "2") })

	b := Open(t, s)
	p := b.Tab()
	p.Colours("light")
	p.run(p.ctx, chromedp.EmulateViewport(1280, 900))
	p.LogIn("1006")
	p.Says("waiting", "Hotline: 2 (full), longest 0:")
	p.Click(`[data-group="690"]`)
	p.Says("waiting", "1.+3906222")
	p.Says("waiting", "2.+3906333")
	picture(t, p, "waiting")
	p.Click(`[data-agent="1003"] button`)
	p.run(p.ctx, chromedp.WaitVisible(`[role=dialog]`))
	press(p, `[data-testid=calls]`)
	p.Says("recent", "From +3906111: answered")
	press(p, `[data-testid=recent] button`)
	for _, want := range []string{"1003 Chiara Moretti", "answered · 200", "Chosen", "Desk phone", "Left out", "rings (180)", "answered (200)", "identical decision again"} {
		p.Says("call-why", want)
	}
	picture(t, p, "why")
	b.Quit()

	b = Open(t, s)
	p = b.Login("1003")
	if got := p.Eval(`String(document.querySelector('[data-testid=waiting]'))`); got != "null" {
		t.Errorf("an agent is shown who waits: %s", got)
	}
	p.Click(`[data-agent="1003"] button`)
	p.run(p.ctx, chromedp.WaitVisible(`[role=dialog]`))
	press(p, `[data-testid=calls]`)
	p.Says("recent", "From +3906111: answered")
	press(p, `[data-testid=recent] button`)
	p.Says("call-why", "answered (200)")
}

// press is the Enter key on a button, which may still be sliding in.
func press(p *Page, selector string) {
	p.t.Helper()
	p.run(p.ctx, chromedp.Focus(selector), chromedp.KeyEvent("\r"))
}

// picture keeps what the page looks like in the folder that PICTURES names.
func picture(t *testing.T, p *Page, name string) {
	t.Helper()
	dir := os.Getenv("PICTURES")
	if dir == "" {
		return
	}
	time.Sleep(time.Second) // until what opens is open
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
