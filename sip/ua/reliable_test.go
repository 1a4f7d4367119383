package ua

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
)

// demanding is a caller that requires reliable provisional responses.
type demanding struct {
	a     *party
	id    string
	rings []*message.Message
	final *message.Message
}

func (d *demanding) request(method, to string, seq int) *message.Builder {
	return message.NewRequest(method, "sip:1002@demo.test").Add(message.From, "<sip:1001@demo.test>;tag=x").Add(message.To, to).
		Add(message.CallID, d.id).Add(message.CSeq, fmt.Sprint(seq, " ", method)).AddInt(message.MaxForwards, 70).
		Add(message.Contact, "<sip:1001@x.invalid>")
}

func (d *demanding) invite(offer string) {
	b := d.request("INVITE", "<sip:1002@demo.test>", 7).Add(message.Require, "100rel")
	if offer != "" {
		b.Body(contentSDP, []byte(offer))
	}
	d.a.stack.tx.Invite(d.a.flow, message.NewBranch(), b, func(m *message.Message, _ error) {
		switch {
		case m == nil || m.Status == 100:
		case m.Status < 200:
			d.rings = append(d.rings, m)
		default:
			d.final = m
		}
	})
	synctest.Wait()
}

// prack acknowledges, and returns the status of the answer.
func (d *demanding) prack(seq int, rack, body string) int {
	b := d.request("PRACK", d.rings[0].Get(message.To), seq).Add("RAck", rack)
	if body != "" {
		b.Body(contentSDP, []byte(body))
	}
	status := 0
	d.a.stack.tx.Send(d.a.flow, b, func(m *message.Message, err error) { status = statusOf(m, err) })
	synctest.Wait()
	return status
}

func TestWhoRequiresReliableRingingGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t)
		d := &demanding{a: a, id: "reliable"}
		d.invite("offer")
		b.calls[0].Ring()
		b.calls[0].Ring() // is nothing new
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if n := len(d.rings); n != 4 { // at 0, 0.5, 1.5 and 3.5 s
			t.Errorf("it came %d times in four seconds", n)
		}
		first := d.rings[0]
		rseq := first.Get("RSeq")
		for _, m := range d.rings {
			if m.Status != 180 || m.Get("RSeq") != rseq || rseq == "" || m.Get(message.Require) != "100rel" {
				t.Errorf("it was told %d, RSeq %q, Require %q", m.Status, m.Get("RSeq"), m.Get(message.Require))
			}
		}
		for i, c := range []struct {
			rack, body string
			want       int
		}{
			{rseq + " 8 INVITE", "", 481}, {rseq + " 7 UPDATE", "", 481}, {"1" + rseq + " 7 INVITE", "", 481}, {"", "", 481},
			{rseq + " 7 INVITE", "video", 488}, {rseq + " 7 INVITE", "", 200}, {rseq + " 7 INVITE", "", 200},
		} {
			if got := d.prack(8+i, c.rack, c.body); got != c.want {
				t.Errorf("PRACK of %q: %d, want %d", c.rack, got, c.want)
			}
		}
		n := len(d.rings)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(d.rings) != n {
			t.Errorf("it came %d times after its PRACK", len(d.rings)-n)
		}
		if err := b.calls[0].Answer([]byte("answer")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d.final == nil || d.final.Status != 200 {
			t.Errorf("answered with %v", d.final)
		}
	})
}

// A caller that never says that it heard of the ringing is rung for all the same, and
// the answer needs no PRACK: there was no description in what came before.
func TestRingingThatIsNotAcknowledgedEndsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t)
		d := &demanding{a: a, id: "deaf"}
		d.invite("offer")
		b.calls[0].Ring()
		time.Sleep(2 * time.Minute)
		want(t, "not acknowledged", b, "incoming sip:1001@demo.test offer")
		if n := len(d.rings); n < 5 || n > 7 {
			t.Errorf("it came %d times", n)
		}
		if err := b.calls[0].Answer([]byte("answer")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d.final == nil || d.final.Status != 200 {
			t.Errorf("answered with %v", d.final)
		}
	})
}

// The first reliable response to an INVITE without an offer would have to bring one.
func TestReliableRingingWithoutAnOfferIsNotSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t)
		d := &demanding{a: a, id: "empty"}
		d.invite("")
		b.calls[0].Ring()
		synctest.Wait()
		if len(d.rings) != 0 {
			t.Errorf("told %d", d.rings[0].Status)
		}
		b.calls[0].Reject(486, "")
		synctest.Wait()
		if d.final == nil || d.final.Status != 486 {
			t.Errorf("answered with %v", d.final)
		}
	})
}
