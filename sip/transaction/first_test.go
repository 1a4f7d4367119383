package transaction_test

import (
	"context"
	"testing"
	"testing/synctest"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

func TestRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := siptest.NewNet()
		tp := transport.New(transport.Options{Dial: n.Dial})
		l := transaction.New(transaction.Options{Transport: tp, Handler: transaction.HandlerFunc(func(r *transaction.Request) { r.Reply(200) })})
		go tp.ServePacket(context.Background(), n.ListenPacket("10.0.0.1:5060"))
		go tp.ServeStream(context.Background(), n.Listen("10.0.0.1:5060"), transport.TCP)
		synctest.Wait()
		p := siptest.NewPeer(t, n, "10.0.0.2:5060", "10.0.0.1:5060")
		if res := p.Do(p.Request("OPTIONS", "sip:x@example.com", "sip:a@example.com", "")); res.Status != 200 {
			t.Fatal(res.Status)
		}
		q := siptest.NewStreamPeer(t, n, "10.0.0.2:5060", "10.0.0.1:5060")
		if res := q.Do(q.Request("OPTIONS", "sip:x@example.com", "sip:a@example.com", "")); res.Status != 200 {
			t.Fatal(res.Status)
		}
		f, err := tp.Flow(context.Background(), "UDP", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		p.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
		got := make(chan int)
		l.Send(f, p.Request("NOTIFY", "sip:a@10.0.0.2", "sip:x@example.com", ""), func(m *message.Message, err error) {
			if err != nil {
				t.Error(err)
			}
			got <- m.Status
		})
		if s := <-got; s != 200 {
			t.Fatal(s)
		}
		p.Close()
		q.Close()
		tp.Close()
		l.Close()
	})
}
