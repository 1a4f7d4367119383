//go:build testbench

package websocket

import (
	"context"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/testbench/lab"
)

func bye(m *message.Message) bool { return m.Method == "BYE" }

// TestPhoneThatDies says no BYE. Its silence is heard, and both sides are hung up.
func TestPhoneThatDies(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, d, page, phone := pair(t, srv, "1001-soft", "1002")
	b.callID, b.body = message.NewTag(), must[string](t)(page.Offer(ctx, false))
	b.do("INVITE", "sip:1002@"+domain, "sip:1002@"+domain, "Contact: <"+b.contact+">")
	b.body = ""
	invite := d.invited()
	d.ok(invite, string(must[[]byte](t)(phone.Answer(invite.Body))))
	res := b.request2xx()
	if err := page.Accept(string(res.Body)); err != nil {
		t.Fatal(err)
	}
	caller(b, res).send("ACK", seqOf(res), "")
	hear(t, page, phone)
	phone.Close()
	died := time.Now()
	time.Sleep(11 * time.Second) // a while it may be silent
	if err := calls(srv, 1); err != nil {
		t.Error(err)
	}
	m := b.until("BYE", bye)
	if m.ToTag() != res.FromTag() || m.FromTag() != res.ToTag() || m.URI != b.contact {
		t.Errorf("the browser is hung up by\n%s", m.Raw)
	}
	b.ok(m, "")
	if after := time.Since(died); after < 14*time.Second || after > 20*time.Second {
		t.Errorf("after %v", after)
	}
	m = d.until("BYE", bye)
	if n, _ := m.CSeq(); int(n) != seqOf(res)+1 || m.ToTag() != d.tag {
		t.Errorf("the phone is hung up by\n%s", m.Raw)
	}
	d.ok(m, "")
	lab.Eventually(t, 5*time.Second, func() error { return calls(srv, 0) })
}

// TestAnswerOfNoUse of a phone that speaks nothing of what it was offered: nobody sits
// in silence.
func TestAnswerOfNoUse(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, d, page, _ := pair(t, srv, "1001-soft", "1002")
	b.callID, b.body = message.NewTag(), must[string](t)(page.Offer(ctx, false))
	b.do("INVITE", "sip:1002@"+domain, "sip:1002@"+domain, "Contact: <"+b.contact+">")
	b.body = ""
	invite := d.invited()
	d.ok(invite, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n")
	no := b.until("final response", func(m *message.Message) bool { return m.Status >= 200 })
	if no.Status != 488 || !strings.HasPrefix(no.Get(message.Warning), "305 ") {
		t.Errorf("the browser is answered\n%s", no.Raw)
	}
	d.until("ACK", func(m *message.Message) bool { return m.Method == "ACK" })
	d.ok(d.until("BYE", bye), "")
	lab.Eventually(t, 5*time.Second, func() error { return calls(srv, 0) })
}
