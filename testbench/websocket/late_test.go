//go:build testbench

package websocket

import (
	"context"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/testbench/lab"
	"lamplight/webrtc/media/sdp"
)

// Many a PBX sends its INVITE without an offer, and answers in the ACK the one that
// the 200 brings (RFC 3261 §13.2.1): the gateway is put between the two all the same.
func TestBrowserAndDeskPhoneTalkWithTheOfferInThe200(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ack := func(m *message.Message) bool { return m.Method == "ACK" }
	t.Run("the phone calls", func(t *testing.T) {
		b, d, page, phone := pair(t, srv, "1001-soft", "1002")
		d.callID = message.NewTag()
		d.do("INVITE", "sip:1001@"+domain, "sip:1001@"+domain, "Contact: <"+d.contact+">")
		b.ok(b.invited(), must[string](t)(page.Offer(ctx, false)))
		res := d.request2xx()
		if s := string(res.Body); !strings.Contains(s, "RTP/AVP ") || strings.Contains(s, "ice-") {
			t.Fatalf("the phone is offered\n%s", s)
		}
		mine := caller(d, res)
		mine.send("ACK", seqOf(res), string(must[[]byte](t)(phone.Answer(res.Body))))
		if err := page.Accept(string(b.until("ACK", ack).Body)); err != nil {
			t.Fatal(err)
		}
		hear(t, page, phone)
		mine.send("BYE", 300, "")
		b.ok(b.until("BYE", func(m *message.Message) bool { return m.Method == "BYE" }), "")
		lab.Eventually(t, 5*time.Second, func() error { return calls(srv, 0) })
	})
	t.Run("the browser calls", func(t *testing.T) {
		b, d, page, phone := pair(t, srv, "1003-soft", "1004")
		b.callID = message.NewTag()
		b.do("INVITE", "sip:1004@"+domain, "sip:1004@"+domain, "Contact: <"+b.contact+">")
		d.ok(d.invited(), string(phone.Offer(sdp.SendRecv)))
		res := b.request2xx()
		mine := caller(b, res)
		mine.send("ACK", seqOf(res), must[string](t)(page.Answer(ctx, string(res.Body))))
		if err := phone.Accept(d.until("ACK", ack).Body); err != nil {
			t.Fatal(err)
		}
		hear(t, page, phone)
		mine.send("BYE", 300, "")
		d.ok(d.until("BYE", func(m *message.Message) bool { return m.Method == "BYE" }), "")
		lab.Eventually(t, 5*time.Second, func() error { return calls(srv, 0) })
	})
}
