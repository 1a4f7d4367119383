package transaction

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

type outcome struct {
	m   *message.Message
	err error
	at  time.Duration
}

// notify sends a NOTIFY and returns where its outcome will be.
func (w *world) notify(f *transport.Flow) chan outcome {
	out, start := make(chan outcome, 4), time.Now()
	b := message.NewRequest("NOTIFY", "sip:a@10.0.0.2").Add(message.From, "<sip:b@c>;tag=1").Add(message.To, "<sip:a@c>;tag=2").
		Add(message.CallID, message.NewCallID("")).Add(message.CSeq, "7 NOTIFY")
	w.Send(f, b, func(m *message.Message, err error) { out <- outcome{m, err, time.Since(start)} })
	return out
}

func TestTimerEAndF(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		sent := w.sentAt("NOTIFY")
		got := <-w.notify(w.flow("10.0.0.2:5060"))
		if !errors.Is(got.err, ErrTimeout) || got.at < 32*time.Second || got.at > 32*time.Second+3*tick {
			t.Errorf("%v after %v", got.err, got.at)
		}
		// Timer E: 500 ms, doubled up to 4 s (RFC 3261 §17.1.2.2), within a tick.
		want := []int{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500}
		if len(sent()) != len(want) {
			t.Fatalf("sent at %s", seconds(sent()))
		}
		for i, at := range sent() {
			due := time.Duration(want[i]) * time.Millisecond
			if late := at - due; late < 0 || late > 2*tick {
				t.Errorf("number %d sent at %v, want %v", i, at, due)
			}
		}
		if w.count("lamplight_sip_transactions client") != 0 {
			t.Error("the transaction stays")
		}
	})
}

func TestClientResponse(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		sent := w.sentAt("NOTIFY")
		p := w.peer("10.0.0.2:5060")
		out := w.notify(w.flow("10.0.0.2:5060"))
		req := p.Expect(siptest.Method("NOTIFY"))
		p.Respond(req, 100)
		time.Sleep(10 * time.Second)
		if got := seconds(sent()); len(sent()) != 4 { // 0, 0.5, then every 4 s (§17.1.2.2, Proceeding)
			t.Errorf("sent at %s", got)
		}
		p.Respond(req, 481)
		got := <-out
		if got.err != nil || got.m.Status != 481 {
			t.Errorf("%+v", got)
		}
		p.Respond(req, 481) // again: absorbed
		p.SendRaw([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKforged\r\nFrom: <sip:b@c>;tag=1\r\nTo: <sip:a@c>\r\nCall-ID: 1\r\nCSeq: 7 NOTIFY\r\n\r\n"))
		time.Sleep(time.Minute)
		if len(out) != 0 || len(sent()) != 4 {
			t.Errorf("done was called again, or it was sent again at %s", seconds(sent()))
		}
		if n := w.count("lamplight_sip_transaction_drops_total unmatched_response"); n != 2 {
			t.Errorf("%d unmatched responses", n)
		}
		p.Close()
	})
}

// A response whose CSeq names another method is another transaction's (§17.1.3).
func TestClientMethodMustMatch(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		out := w.notify(w.flow("10.0.0.2:5060"))
		req := p.Expect(siptest.Method("NOTIFY"))
		via, _ := req.TopVia()
		for _, m := range []string{"SUBSCRIBE", "NOTIF", "NOTIFYX"} {
			p.SendRaw(siptest.CRLF(fmt.Sprintf("SIP/2.0 200 OK\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=%s\nFrom: <sip:b@c>;tag=1\nTo: <sip:a@c>;tag=2\nCall-ID: %s\nCSeq: 7 %s\n", via.Branch, req.CallID(), m)))
		}
		synctest.Wait()
		if len(out) != 0 {
			t.Fatal("matched")
		}
		p.Respond(req, 200)
		if got := <-out; got.err != nil {
			t.Error(got.err)
		}
		p.Close()
	})
}

func TestClientOverLoss(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		w.net.SetFaults(siptest.Faults{Seed: 7, Loss: 0.3, Duplicate: 0.2, Reorder: 0.3, Delay: 5 * time.Millisecond, Jitter: 30 * time.Millisecond})
		p := w.peer("10.0.0.2:5060")
		p.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
		f := w.flow("10.0.0.2:5060")
		var all []chan outcome
		for range 500 {
			all = append(all, w.notify(f))
		}
		for i, out := range all {
			if got := <-out; got.err != nil {
				t.Errorf("number %d: %v", i, got.err)
			}
		}
		if s := w.net.Stats(); s.Lost == 0 || s.Duplicated == 0 {
			t.Errorf("the network was kind: %+v", s)
		}
		p.Close()
		time.Sleep(time.Second)
	})
}

func TestClientOnStream(t *testing.T) {
	h := &handler{then: reply(200)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.stream("10.0.0.2:40000")
		p.Do(p.Request("OPTIONS", "sip:x@example.com", "sip:a@example.com", ""))
		f := h.last().Flow
		out := w.notify(f)
		req := p.Expect(siptest.Method("NOTIFY"))
		time.Sleep(10 * time.Second)
		if p.Again() != 0 {
			t.Errorf("%d retransmissions on a stream", p.Again())
		}
		p.Respond(req, 200)
		if got := <-out; got.err != nil {
			t.Error(got.err)
		}
		out = w.notify(f)
		p.Expect(siptest.Method("NOTIFY"))
		p.Close()
		if got := <-out; !errors.Is(got.err, ErrFlowClosed) || got.at > time.Second {
			t.Errorf("%v after %v", got.err, got.at)
		}
		if got := <-w.notify(f); !errors.Is(got.err, ErrFlowClosed) {
			t.Errorf("on a flow that has ended: %v", got.err)
		}
	})
}

func TestClientLimits(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}, MaxClient: 3}, func(t *testing.T, w *world) {
		f := w.flow("10.0.0.2:5060")
		var kept []chan outcome
		for range 3 {
			kept = append(kept, w.notify(f))
		}
		if got := <-w.notify(f); !errors.Is(got.err, ErrOverload) {
			t.Error(got.err)
		}
		for _, out := range kept {
			if got := <-out; !errors.Is(got.err, ErrTimeout) {
				t.Error(got.err)
			}
		}
		long := message.NewRequest("NOTIFY", "sip:a@b").Add(message.CSeq, "1 NOTIFY").Body("text/plain", make([]byte, 70000))
		out := make(chan error, 1)
		w.Send(f, long, func(_ *message.Message, err error) { out <- err })
		if err := <-out; !errors.Is(err, transport.ErrTooLong) {
			t.Error(err)
		}
		left := w.notify(f)
		w.wheel.close()
		if got := <-left; !errors.Is(got.err, ErrClosed) {
			t.Error(got.err)
		}
		if got := <-w.notify(f); !errors.Is(got.err, ErrClosed) {
			t.Error(got.err)
		}
		w.wheel = newWheel(time.Second, time.Second, 1, w.replay.purge) // for the layer's own Close
	})
}

func TestViaAndContact(t *testing.T) {
	h := &handler{then: reply(200)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		f := w.flow("10.0.0.2:5060")
		if v := w.Via(f, "z9hG4bKx"); v != "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx;rport" {
			t.Error(v)
		}
		if u := w.LocalURI(f, "10 01"); u != "sip:10%2001@10.0.0.1:5060" {
			t.Error(u)
		}
		p := w.stream("10.0.0.2:40000")
		p.Do(p.Request("OPTIONS", "sip:x@example.com", "sip:a@example.com", ""))
		if u := w.LocalURI(h.last().Flow, ""); u != "sip:10.0.0.1:5060;transport=tcp" {
			t.Error(u)
		}
		p.Close()
	})
}
