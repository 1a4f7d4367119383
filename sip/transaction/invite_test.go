package transaction

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// ackFor is the ACK of a response to text's INVITE.
func ackFor(res *message.Message, branch string) []byte {
	return []byte(strings.Replace(string(text("ACK", branch)), "To: <sip:bob@example.com>", "To: "+res.Get(message.To), 1))
}

func seconds(ds []time.Duration) string {
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintf(&b, "%.1f ", d.Seconds())
	}
	return strings.TrimSpace(b.String())
}

func TestInviteRedirected(t *testing.T) {
	h := &handler{then: reply(302)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		sent := w.sentAt("SIP/2.0 302")
		p := w.peer("10.0.0.2:5060")
		p.SendRaw(text("INVITE", "z9hG4bK1"))
		res := p.Expect(siptest.Status(302))
		time.Sleep(10 * time.Second)
		// Timer G: 500 ms, doubled up to 4 s (RFC 3261 §17.2.1).
		if got := seconds(sent()); got != "0.0 0.5 1.5 3.5 7.5" {
			t.Errorf("302 sent at %s", got)
		}
		p.SendRaw(text("INVITE", "z9hG4bK1")) // a retransmission: the same answer
		synctest.Wait()
		if len(sent()) != 6 || h.count("INVITE") != 1 {
			t.Errorf("%d times, %d INVITEs", len(sent()), h.count("INVITE"))
		}
		p.SendRaw(ackFor(res, "z9hG4bK1"))
		p.SendRaw(ackFor(res, "z9hG4bK1"))
		time.Sleep(20 * time.Second)
		if len(sent()) != 6 || h.count("ACK") != 0 {
			t.Errorf("%d times after the ACK, %d ACKs for the handler", len(sent()), h.count("ACK"))
		}
		if n := w.count("lamplight_sip_transactions invite"); n != 0 {
			t.Errorf("%d transactions left", n)
		}
		p.Close()
	})
}

func TestInviteNeverAcknowledged(t *testing.T) {
	h := &handler{then: reply(486)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		sent := w.sentAt("SIP/2.0 486")
		p := w.peer("10.0.0.2:5060")
		p.SendRaw(text("INVITE", "z9hG4bK1"))
		time.Sleep(2 * time.Minute)
		if got := seconds(sent()); got != "0.0 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5" { // Timer H at 32 s
			t.Errorf("486 sent at %s", got)
		}
		if n := w.count("lamplight_sip_transactions invite"); n != 0 {
			t.Errorf("%d transactions left", n)
		}
		p.Close()
	})
}

func TestInviteOnStreamSentOnce(t *testing.T) {
	h := &handler{then: reply(486)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.stream("10.0.0.2:40000")
		p.SendRaw([]byte(strings.Replace(string(text("INVITE", "z9hG4bK1")), "\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", 1)))
		p.Expect(siptest.Status(486))
		time.Sleep(time.Minute)
		if p.Again() != 0 || w.count("lamplight_sip_transactions invite") != 0 {
			t.Errorf("%d retransmissions", p.Again())
		}
		p.Close()
	})
}

func TestInviteTryingByItself(t *testing.T) {
	h := &handler{}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		p.SendRaw(text("INVITE", "z9hG4bK1"))
		p.ExpectNone(siptest.Status(100), 190*time.Millisecond)
		if m := p.Expect(siptest.Status(100)); m.ToTag() != "" || m.CallID() != "1@example.com" {
			t.Errorf("%s", m.Raw)
		}
		r := h.last()
		r.Reply(180)
		ringing := p.Expect(siptest.Status(180))
		r.Reply(404)
		final := p.Expect(siptest.Status(404))
		if ringing.ToTag() != final.ToTag() || final.ToTag() == "" {
			t.Errorf("tags %q and %q", ringing.ToTag(), final.ToTag())
		}
		r.Reply(180)
		r.Reply(200)
		p.ExpectNone(func(m *message.Message) bool { return m.Status != 404 }, time.Second)
		p.SendRaw(ackFor(final, "z9hG4bK1"))
		time.Sleep(10 * time.Second)
		p.Close()
	})
}

func TestCancel(t *testing.T) {
	var canceled atomic.Int32
	h := &handler{then: func(r *Request) { r.OnCancel(func() { canceled.Add(1) }) }}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		p.SendRaw(text("CANCEL", "z9hG4bK1"))
		p.Expect(siptest.Status(481))
		p.SendRaw(text("INVITE", "z9hG4bK2"))
		p.Expect(siptest.Status(100))
		p.SendRaw(text("CANCEL", "z9hG4bK2"))
		p.SendRaw(text("CANCEL", "z9hG4bK2"))
		p.Expect(siptest.Status(200))
		res := p.Expect(siptest.Status(487))
		p.SendRaw(ackFor(res, "z9hG4bK2"))
		time.Sleep(10 * time.Second)
		if canceled.Load() != 1 || p.Again() == 0 {
			t.Errorf("cancelled %d times, %d repeats", canceled.Load(), p.Again())
		}
		if h.count("CANCEL") != 0 || w.count("lamplight_sip_transactions invite") != 0 {
			t.Error("the CANCEL reached the handler, or the transaction stays")
		}
		p.Close()
	})
}

// The owner may answer a cancelled INVITE itself, even from within OnCancel; a
// CANCEL after the final response changes nothing (RFC 3261 §9.2).
func TestCancelMeetsAnswer(t *testing.T) {
	h := &handler{then: func(r *Request) { r.OnCancel(func() { r.Reply(603) }) }}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		p.SendRaw(text("INVITE", "z9hG4bK1"))
		p.SendRaw(text("CANCEL", "z9hG4bK1"))
		res := p.Expect(siptest.Status(603))
		p.SendRaw(ackFor(res, "z9hG4bK1"))
		p.SendRaw(text("INVITE", "z9hG4bK2"))
		synctest.Wait()
		h.last().Reply(486)
		res = p.Expect(siptest.Status(486))
		p.SendRaw(text("CANCEL", "z9hG4bK2"))
		p.SendRaw(ackFor(res, "z9hG4bK2"))
		p.ExpectNone(siptest.Status(487), 40*time.Second)
		p.Close()
	})
}

func TestAckFor2xxReachesTheHandler(t *testing.T) {
	h := &handler{then: func(r *Request) { r.Reply(200) }}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		p.SendRaw(text("INVITE", "z9hG4bK1"))
		res := p.Expect(siptest.Status(200))
		p.SendRaw(ackFor(res, "z9hG4bK2")) // a transaction of its own (§13.2.2.4)
		p.SendRaw(ackFor(res, "z9hG4bK1")) // an old peer
		if n := h.count("ACK"); n != 2 {
			t.Errorf("%d ACKs", n)
		}
		time.Sleep(time.Minute)
		if n := w.count("lamplight_sip_transactions invite"); n != 0 {
			t.Errorf("%d transactions left", n)
		}
		p.Close()
	})
}

func TestCloseWithOpenInvites(t *testing.T) {
	h := &handler{}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		for i := range 50 {
			p.SendRaw(text("INVITE", fmt.Sprint("z9hG4bK", i)))
		}
		if n := h.count("INVITE"); n != 50 {
			t.Errorf("%d INVITEs", n)
		}
		p.Close()
	}) // goleak and the bubble see what stays behind
}

// Who never acknowledges keeps nobody from calling: the oldest refusals make room.
func TestRefusalsThatNobodyAcknowledgesMakeRoom(t *testing.T) {
	h := &handler{then: func(r *Request) {
		if r.Get("X-Hold") == "" {
			r.Reply(403)
		}
	}}
	inWorld(t, Options{Handler: h, MaxInvite: 10}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		for i := range 50 {
			p.SendRaw(text("INVITE", fmt.Sprint("z9hG4bK", i)))
		}
		if h.count("INVITE") != 50 || w.count("lamplight_sip_transactions invite") != 10 {
			t.Errorf("%d INVITEs came through, %d are kept", h.count("INVITE"), w.count("lamplight_sip_transactions invite"))
		}
		if n := w.count("lamplight_sip_transaction_drops_total unacknowledged_refusal"); n != 40 {
			t.Errorf("%d made room", n)
		}
		for i := range 12 { // these wait for their answer, and are kept
			p.SendRaw(text("INVITE", fmt.Sprint("z9hG4bKheld", i), "X-Hold: yes"))
		}
		if m := p.Expect(siptest.Status(503)); m.Get(message.RetryAfter) == "" || h.count("INVITE") != 60 {
			t.Errorf("%d INVITEs came through", h.count("INVITE"))
		}
		for _, r := range h.got {
			r.Reply(480)
		}
		time.Sleep(time.Minute)
		if n := w.count("lamplight_sip_transactions invite"); n != 0 {
			t.Errorf("%d transactions left", n)
		}
		p.Close()
	})
}

// Nothing is left of an INVITE whose stream ended before the answer.
func TestAnswerToAStreamThatIsGone(t *testing.T) {
	for _, status := range []int{200, 486} {
		h := &handler{}
		inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
			p := w.stream("10.0.0.2:40000")
			p.SendRaw([]byte(strings.Replace(string(text("INVITE", "z9hG4bK1")), "\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", 1)))
			r := h.last()
			p.Close()
			synctest.Wait()
			r.Reply(status)
			time.Sleep(time.Minute)
			if n := w.count("lamplight_sip_transactions invite"); n != 0 {
				t.Errorf("%d: %d transactions left", status, n)
			}
		})
	}
}

// What is settled is remembered: an INVITE that comes again is absorbed, and a
// CANCEL that crossed the answer is answered, for 32 s.
func TestSettledInviteIsRemembered(t *testing.T) {
	for _, status := range []int{200, 486} {
		h := &handler{then: func(r *Request) { r.Reply(status) }}
		inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
			p := w.peer("10.0.0.2:5060")
			p.SendRaw(text("INVITE", "z9hG4bK1"))
			res := p.Expect(siptest.Status(status))
			if status >= 300 {
				p.SendRaw(ackFor(res, "z9hG4bK1"))
			}
			synctest.Wait()
			if n := w.count("lamplight_sip_transactions invite"); n != 0 || w.replay.len() != 1 {
				t.Errorf("%d: %d open, %d remembered", status, n, w.replay.len())
			}
			p.SendRaw(text("INVITE", "z9hG4bK1"))
			p.SendRaw(text("CANCEL", "z9hG4bK1"))
			if m := p.Expect(func(m *message.Message) bool { _, of := m.CSeq(); return of == "CANCEL" }); m.Status != 200 {
				t.Errorf("%d: a CANCEL too late is answered %d", status, m.Status)
			}
			if h.count("INVITE") != 1 || p.Again() != 0 {
				t.Errorf("%d: the handler saw %d INVITEs, %d answers came again", status, h.count("INVITE"), p.Again())
			}
			time.Sleep(40 * time.Second)
			p.SendRaw(text("INVITE", "z9hG4bK1")) // another one by now
			if h.count("INVITE") != 2 {
				t.Errorf("%d: remembered for too long", status)
			}
			time.Sleep(time.Minute)
			p.Close()
		})
	}
}
