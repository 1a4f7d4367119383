//go:build testbench

package websocket

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/testbench/lab"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

const (
	pageTone  = 440
	phoneTone = 1000
)

// desk is a phone by TCP that registers.
func desk(t *testing.T, srv *lab.Server, user string) *browser {
	t.Helper()
	conn, err := net.Dial("tcp", srv.SIP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	at := conn.LocalAddr().String()
	b := &browser{
		t: t, tcp: conn, stream: bufio.NewReader(conn), via: "TCP", user: user, host: at,
		callID: message.NewTag(), tag: message.NewTag(), contact: "sip:" + user + "@" + at + ";transport=tcp",
	}
	m := b.do("REGISTER", "sip:"+domain, "sip:"+user+"@"+domain, "Contact: <"+b.contact+">", "Expires: 600")
	if m.Status != 200 {
		t.Fatalf("%s", m.Raw)
	}
	return b
}

// until reads until a message is wanted.
func (b *browser) until(what string, wanted func(*message.Message) bool) *message.Message {
	b.t.Helper()
	for range 50 {
		if m := b.read(); wanted(m) {
			return m
		}
	}
	b.t.Fatalf("no %s", what)
	return nil
}

func (b *browser) request2xx() *message.Message {
	b.t.Helper()
	m := b.until("final response", func(m *message.Message) bool { return m.Status >= 200 })
	if m.Status != 200 {
		b.t.Fatalf("%s", m.Raw)
	}
	return m
}

func (b *browser) invited() *message.Message {
	b.t.Helper()
	return b.until("INVITE", func(m *message.Message) bool { return m.Method == "INVITE" })
}

// within is a side of a dialog.
type within struct {
	*browser
	uri, from, to string
	route         []string
	callID        string
}

// caller is the dialog of who called, from the 2xx.
func caller(b *browser, res *message.Message) *within {
	d := &within{browser: b, from: res.Get(message.From), to: res.Get(message.To), callID: res.CallID(), route: res.Values(message.RecordRoute)}
	slices.Reverse(d.route)
	return d.at(res)
}

// callee is that of who was called, from the INVITE and its own tag.
func callee(b *browser, req *message.Message, tag string) *within {
	d := &within{browser: b, from: req.Get(message.To) + ";tag=" + tag, to: req.Get(message.From), callID: req.CallID(), route: req.Values(message.RecordRoute)}
	return d.at(req)
}

func (d *within) at(m *message.Message) *within {
	all, err := m.Contacts()
	if err != nil || len(all) != 1 {
		d.t.Fatalf("contact of %s", m.Raw)
	}
	d.uri = all[0].URI
	return d
}

func (d *within) send(method string, seq int, body string) {
	lines := []string{
		method + " " + d.uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=%s;rport", d.via, d.host, message.NewBranch()),
		"Max-Forwards: 70", "From: " + d.from, "To: " + d.to, "Call-ID: " + d.callID,
		fmt.Sprintf("CSeq: %d %s", seq, method), "Contact: <" + d.contact + ">",
	}
	for _, r := range d.route {
		lines = append(lines, "Route: "+r)
	}
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	d.browser.send(strings.Join(lines, "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)) + body)
}

// ok answers a request, with a description.
func (b *browser) ok(m *message.Message, body string) {
	r := message.NewResponse(m, 200, "").ToTag(b.tag).Add(message.Contact, "<"+b.contact+">")
	if body != "" {
		r.Body("application/sdp", []byte(body))
	}
	b.send(string(r.Bytes()))
}

func seqOf(m *message.Message) int { n, _ := m.CSeq(); return int(n) } //nolint:gosec // small

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func hear(t *testing.T, page *mediatest.Page, phone *mediatest.Phone) {
	t.Helper()
	page.Ear.Forget()
	phone.Ear.Forget()
	lab.Eventually(t, 10*time.Second, func() error { return phone.Ear.Recognises(pageTone) })
	lab.Eventually(t, 10*time.Second, func() error { return page.Ear.Recognises(phoneTone) })
}

// pair is a browser and a desk phone, registered, and what speaks and hears there.
func pair(t *testing.T, srv *lab.Server, web, wired string) (*browser, *browser, *mediatest.Page, *mediatest.Phone) {
	b := open(t, "ws", srv.HTTP, web)
	if m := b.register("600"); m.Status != 200 {
		t.Fatalf("%s", m.Raw)
	}
	page := must[*mediatest.Page](t)(mediatest.NewPage(mediatest.PageOptions{Hz: pageTone}))
	t.Cleanup(page.Close)
	phone := must[*mediatest.Phone](t)(mediatest.NewPhone(mediatest.PhoneOptions{Hz: phoneTone}))
	t.Cleanup(phone.Close)
	return b, desk(t, srv, wired), page, phone
}

// TestBrowserAndDeskPhoneTalk though their descriptions cannot meet: the gateway is
// put between them, whoever calls, and goes with a hold; where they can meet it is
// not.
func TestBrowserAndDeskPhoneTalk(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	t.Run("the browser calls", func(t *testing.T) {
		b, d, page, phone := pair(t, srv, "1001-soft", "1002")
		b.callID, b.body = message.NewTag(), must[string](t)(page.Offer(ctx, false))
		b.do("INVITE", "sip:1002@"+domain, "sip:1002@"+domain, "Contact: <"+b.contact+">")
		b.body = ""
		invite := d.invited()
		if s := string(invite.Body); !strings.Contains(s, "RTP/AVP ") || strings.Contains(s, "ice-") {
			t.Fatalf("the phone is offered\n%s", s)
		}
		d.ok(invite, string(must[[]byte](t)(phone.Answer(invite.Body))))
		res := b.request2xx()
		if err := page.Accept(string(res.Body)); err != nil {
			t.Fatal(err)
		}
		mine := caller(b, res)
		mine.send("ACK", seqOf(res), "")
		d.until("ACK", func(m *message.Message) bool { return m.Method == "ACK" })
		hear(t, page, phone)

		his := callee(d, invite, d.tag) // the phone holds, and goes on
		for i, way := range []sdp.Direction{sdp.SendOnly, sdp.SendRecv} {
			his.send("INVITE", 100+i, string(phone.Offer(way)))
			again := b.invited()
			b.ok(again, must[string](t)(page.Answer(ctx, string(again.Body))))
			res := d.request2xx()
			if err := phone.Accept(res.Body); err != nil {
				t.Fatal(err)
			}
			his.send("ACK", 100+i, "")
			b.until("ACK", func(m *message.Message) bool { return m.Method == "ACK" })
			if w := phone.Remote.Audio.Way; w != way.Reverse() {
				t.Errorf("%v is answered with %v", way, w)
			}
		}
		hear(t, page, phone)
		mine.send("INVITE", 200, must[string](t)(page.Offer(ctx, true))) // the browser restarts ICE
		again := d.invited()
		d.ok(again, string(must[[]byte](t)(phone.Answer(again.Body))))
		res = b.request2xx()
		if err := page.Accept(string(res.Body)); err != nil {
			t.Fatal(err)
		}
		mine.send("ACK", 200, "")
		hear(t, page, phone)
		mine.send("BYE", 201, "")
		d.ok(d.until("BYE", func(m *message.Message) bool { return m.Method == "BYE" }), "")
		b.request2xx()
		lab.Eventually(t, 5*time.Second, func() error { return calls(srv, 0) })
	})
	t.Run("the phone calls", func(t *testing.T) {
		b, d, page, phone := pair(t, srv, "1003-soft", "1004")
		d.callID, d.body = message.NewTag(), string(phone.Offer(sdp.SendRecv))
		d.do("INVITE", "sip:1003@"+domain, "sip:1003@"+domain, "Contact: <"+d.contact+">")
		d.body = ""
		invite := b.invited()
		if s := string(invite.Body); !strings.Contains(s, "UDP/TLS/RTP/SAVPF") {
			t.Fatalf("the browser is offered\n%s", s)
		}
		b.ok(invite, must[string](t)(page.Answer(ctx, string(invite.Body))))
		res := d.request2xx()
		if err := phone.Accept(res.Body); err != nil {
			t.Fatal(err)
		}
		mine := caller(d, res)
		mine.send("ACK", seqOf(res), "")
		hear(t, page, phone)
		if err := calls(srv, 1); err != nil {
			t.Error(err)
		}
		mine.send("BYE", 300, "")
		b.ok(b.until("BYE", func(m *message.Message) bool { return m.Method == "BYE" }), "")
		lab.Eventually(t, 5*time.Second, func() error { return calls(srv, 0) })
	})
	t.Run("phones meet without it", func(t *testing.T) {
		d, e := desk(t, srv, "1005"), desk(t, srv, "1006")
		d.callID, d.body = message.NewTag(), "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
		d.do("INVITE", "sip:1006@"+domain, "sip:1006@"+domain, "Contact: <"+d.contact+">")
		invite := e.invited()
		if string(invite.Body) != d.body {
			t.Errorf("changed to\n%s", invite.Body)
		}
		e.send(string(message.NewResponse(invite, 486, "").ToTag("x").Bytes()))
	})
}

// calls checks how many calls go through the gateway.
func calls(srv *lab.Server, want int) error {
	res, err := client().Get("http://" + srv.HTTP + "/metrics")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	text := string(b)
	if line := fmt.Sprintf("\nlamplight_media_calls %d\n", want); !strings.Contains(text, line) {
		i := strings.Index(text, "\nlamplight_media_calls ")
		return fmt.Errorf("want %d calls: %q", want, text[max(0, i):min(len(text), i+40)])
	}
	return nil
}
