package transaction

import (
	"context"
	"net/netip"
	"testing"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// FuzzReceive: no datagram makes the table panic, and none but a sound request
// reaches the handler.
func FuzzReceive(f *testing.F) {
	for _, m := range []string{"REGISTER", "INVITE", "ACK", "CANCEL", "OPTIONS"} {
		f.Add(text(m, "z9hG4bK1"))
		f.Add(text(m, "1"))
	}
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 NOTIFY\r\n\r\n"))
	tp := transport.New(transport.Options{})
	l := New(Options{Transport: tp, MaxInvite: 100, Handler: HandlerFunc(func(r *Request) {
		if message.Validate(r.Message) != nil {
			panic("an unsound request reached the handler")
		}
		r.OnCancel(func() {})
		r.Reply(180)
		r.Reply(200)
	})})
	pc := nowhere{make(chan struct{})}
	go tp.ServePacket(context.Background(), pc)
	f.Cleanup(func() {
		close(pc.closed)
		tp.Close()
		l.Close()
	})
	var flow *transport.Flow
	for flow == nil {
		flow, _ = tp.Flow(context.Background(), transport.UDP, netip.MustParseAddrPort("10.0.0.2:5060"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := message.Parse(raw)
		switch {
		case err == nil:
			l.receive(flow, m)
		case m != nil:
			l.receiveBad(flow, m, err)
		}
	})
}
