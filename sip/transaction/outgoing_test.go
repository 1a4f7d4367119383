package transaction

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

// outgoing is an INVITE of ours and what became of it.
type outgoing struct {
	*Outgoing
	start time.Time

	mu  sync.Mutex
	got []outcome // guarded by mu
}

func (w *world) call(f *transport.Flow) *outgoing {
	o := &outgoing{start: time.Now()}
	b := message.NewRequest("INVITE", "sip:a@10.0.0.2").Add(message.Route, "<sip:10.0.0.2;lr>").Add(message.MaxForwards, "70").
		Add(message.From, "<sip:b@c>;tag=1").Add(message.To, "<sip:a@c>").Add(message.CallID, message.NewCallID("")).Add(message.CSeq, "7 INVITE")
	o.Outgoing = w.Invite(f, message.NewBranch(), b, func(m *message.Message, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.got = append(o.got, outcome{m, err, time.Since(o.start)})
	})
	return o
}

// told is what happened so far, as "180", "200" or the error.
func (o *outgoing) told() string {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for _, g := range o.got {
		if g.err != nil {
			out = append(out, g.err.Error())
		} else {
			out = append(out, fmt.Sprint(g.m.Status))
		}
	}
	return strings.Join(out, " ")
}

func (w *world) wantNoneOpen() {
	w.t.Helper()
	synctest.Wait()
	if n := w.count("lamplight_sip_transactions invite_client"); n != 0 {
		w.t.Errorf("%d INVITE client transactions stay", n)
	}
}

func TestTimerAAndB(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		sent := w.sentAt("INVITE")
		o := w.call(w.flow("10.0.0.2:5060"))
		time.Sleep(33 * time.Second)
		if o.told() != ErrTimeout.Error() || o.got[0].at != 32*time.Second {
			t.Errorf("told %q", o.told())
		}
		// Timer A doubles without a cap (RFC 3261 §17.1.1.2).
		var want []time.Duration
		for _, ms := range []int{0, 500, 1500, 3500, 7500, 15500, 31500} {
			want = append(want, time.Duration(ms)*time.Millisecond)
		}
		if !slices.Equal(sent(), want) {
			t.Errorf("sent at %s", seconds(sent()))
		}
		w.wantNoneOpen()
	})
}

func TestRefusalIsAcknowledgedEachTime(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		o := w.call(w.flow("10.0.0.2:5060"))
		inv := p.Expect(siptest.Method("INVITE"))
		p.Respond(inv, 180)
		time.Sleep(time.Minute) // no Timer B any more
		p.Respond(inv, 486)
		ack := p.Expect(siptest.Method("ACK"))
		a, _ := ack.TopVia()
		i, _ := inv.TopVia()
		if a.Branch != i.Branch || ack.Get(message.CSeq) != "7 ACK" || ack.ToTag() == "" || ack.Get(message.Route) != "<sip:10.0.0.2;lr>" || ack.URI != inv.URI {
			t.Errorf("ACK is\n%s", ack.Raw)
		}
		p.Respond(inv, 486)
		synctest.Wait()
		if p.Again() != 1 || o.told() != "180 486" {
			t.Errorf("%d ACKs more, told %q", p.Again(), o.told())
		}
		time.Sleep(32*time.Second + time.Millisecond) // Timer D
		w.wantNoneOpen()
	})
}

func TestEvery2xxIsTold(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		o := w.call(w.flow("10.0.0.2:5060"))
		inv := p.Expect(siptest.Method("INVITE"))
		ok := message.NewResponse(inv, 200, "")
		p.SendRaw(ok.Bytes())
		p.SendRaw(ok.Bytes())                                                   // our ACK is late
		p.SendRaw(message.NewResponse(inv, 200, "").ToTag("fork").Bytes())      // another fork
		p.SendRaw(message.NewResponse(inv, 486, "").ToTag("otherfork").Bytes()) // and a third
		p.SendRaw(message.NewResponse(inv, 180, "").Bytes())                    // overtaken
		if o.told() != "200 200 200" {
			t.Errorf("told %q", o.told())
		}
		p.ExpectNone(siptest.Method("ACK"), time.Second) // it is the caller's
		time.Sleep(32 * time.Second)                     // Timer M
		w.wantNoneOpen()
	})
}

func TestCancelWaitsForAProvisionalResponse(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		o := w.call(w.flow("10.0.0.2:5060"))
		inv := p.Expect(siptest.Method("INVITE"))
		o.Cancel(message.Header{Name: message.Reason, Value: "SIP;cause=200"})
		o.Cancel()
		p.ExpectNone(siptest.Method("CANCEL"), 2*time.Second)
		p.Respond(inv, 100)
		cancel := p.Expect(siptest.Method("CANCEL"))
		c, _ := cancel.TopVia()
		i, _ := inv.TopVia()
		if c.Branch != i.Branch || cancel.Get(message.CSeq) != "7 CANCEL" || cancel.ToTag() != "" || cancel.Get(message.Reason) == "" || cancel.Get(message.Route) == "" {
			t.Errorf("CANCEL is\n%s", cancel.Raw)
		}
		p.Respond(cancel, 200)
		p.Respond(inv, 487)
		p.Expect(siptest.Method("ACK"))
		if o.told() != "100 487" {
			t.Errorf("told %q", o.told())
		}
		o.Cancel() // too late to matter
		p.ExpectNone(siptest.Method("CANCEL"), 33*time.Second)
		w.wantNoneOpen()
	})
}

func TestCancelThatIsIgnoredEnds(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		o := w.call(w.flow("10.0.0.2:5060"))
		inv := p.Expect(siptest.Method("INVITE"))
		p.Respond(inv, 180)
		synctest.Wait()
		o.Cancel()
		time.Sleep(33 * time.Second)
		if o.told() != "180 "+ErrTimeout.Error() {
			t.Errorf("told %q", o.told())
		}
		w.wantNoneOpen()
	})
}

func TestAnswerThatCrossesTheCancelIsTold(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		o := w.call(w.flow("10.0.0.2:5060"))
		inv := p.Expect(siptest.Method("INVITE"))
		p.Respond(inv, 180)
		synctest.Wait()
		o.Cancel()
		p.Respond(inv, 200)
		if o.told() != "180 200" {
			t.Errorf("told %q", o.told())
		}
	})
}

func TestInviteEndsWithItsStream(t *testing.T) {
	inWorld(t, Options{Handler: &handler{then: reply(200)}}, func(t *testing.T, w *world) {
		p := w.stream("10.0.0.2:5060")
		p.Do(p.Request("OPTIONS", "sip:10.0.0.1", "sip:a@b", ""))
		f, err := w.tp.Flow(t.Context(), transport.TCP, p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		sent := w.call(f)
		refused := w.call(f)
		p.Expect(siptest.Method("INVITE"))
		inv := p.Expect(siptest.Method("INVITE"))
		p.Respond(inv, 600)
		p.Expect(siptest.Method("ACK"))
		p.Close()
		synctest.Wait()
		told := []string{sent.told(), refused.told()}
		slices.Sort(told)
		if told[0] != "600" || !strings.HasPrefix(told[1], ErrFlowClosed.Error()) {
			t.Errorf("told %q", told)
		}
		w.wantNoneOpen() // Timer D is zero there
	})
}

func TestTooManyInvitesAndClose(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}, MaxOutgoing: 1}, func(t *testing.T, w *world) {
		f := w.flow("10.0.0.2:5060")
		first, second := w.call(f), w.call(f)
		if second.told() != ErrOverload.Error() {
			t.Errorf("the second was told %q", second.told())
		}
		w.outgoing.close()
		if first.told() != ErrClosed.Error() {
			t.Errorf("the first was told %q", first.told())
		}
		if third := w.call(f); !errors.Is(third.got[0].err, ErrClosed) {
			t.Errorf("after the end: %q", third.told())
		}
		second.Cancel()
	})
}

// What has its answer keeps nothing from beginning; beyond a bound the oldest is
// forgotten.
func TestSettledInvitesMakeRoom(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}, MaxOutgoing: 1, MaxSettled: 2}, func(t *testing.T, w *world) {
		f := w.flow("10.0.0.2:5060")
		p := w.peer("10.0.0.2:5060")
		var calls []*outgoing
		for _, status := range []int{200, 486, 200, 200} {
			o := w.call(f)
			calls = append(calls, o)
			inv := p.Expect(siptest.Method("INVITE"))
			p.Respond(inv, status)
			if got := o.told(); got != fmt.Sprint(status) {
				t.Errorf("told %q, want %d", got, status)
			}
		}
		if n := w.count("lamplight_sip_transactions invite_client"); n != 2 {
			t.Errorf("%d are remembered, want 2", n)
		}
		if n := w.count("lamplight_sip_transaction_drops_total settled_invite"); n != 2 {
			t.Errorf("%d were forgotten, want 2", n)
		}
		last := w.call(f) // one may be open
		p.Respond(p.Expect(siptest.Method("INVITE")), 180)
		if refused := w.call(f); refused.told() != ErrOverload.Error() || last.told() != "180" {
			t.Errorf("with one open the next was told %q", refused.told())
		}
		last.Cancel()
		time.Sleep(2 * time.Minute)
		w.wantNoneOpen()
		for i, o := range calls {
			if len(o.got) != 1 {
				t.Errorf("call %d was told %q", i, o.told())
			}
		}
		p.Close()
	})
}
