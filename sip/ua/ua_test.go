package ua

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/sip/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// party is a phone and what its calls have heard.
type party struct {
	*Phone
	answer func(*Call) // nil: it rings

	mu    sync.Mutex
	heard []string
	calls []*Call
	offer *Offer
	refer *Referral
}

func (p *party) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, fmt.Sprintf(format, args...))
}

func (p *party) Progress(status int, sdp []byte) { p.note("%d %s", status, sdp) }
func (p *party) Answered(sdp []byte)             { p.note("answered %s", sdp) }
func (p *party) Acknowledged(sdp []byte)         { p.note("acknowledged %s", sdp) }
func (p *party) Offered(o *Offer) {
	p.note("offered %s", o.SDP)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offer = o
}
func (p *party) Referred(r *Referral)   { p.note("referred %s %s", r.To, r.Replaces); p.refer = r }
func (p *party) Transferred(status int) { p.note("transferred %d", status) }
func (p *party) Ended(e End) {
	p.note("ended %d far=%t elsewhere=%t", e.Status, e.Far, e.Elsewhere)
}

func (p *party) incoming(c *Call) Handler {
	p.note("incoming %s %s", c.From().URI, c.SDP())
	p.calls = append(p.calls, c)
	if p.answer != nil {
		p.answer(c)
	}
	return p
}

// said is what has been heard since it was last asked.
func (p *party) said() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := strings.Join(p.heard, ", ")
	p.heard = nil
	return out
}

// two are two phones at the two ends of one flow: what a proxy passes on is left out.
func two(t *testing.T) (a, b *party) {
	t.Helper()
	a, b = &party{}, &party{}
	sa, sb := New(Options{}), New(Options{})
	t.Cleanup(func() { sa.Close(); sb.Close() })
	pa, pb, err := Direct(sa, sb,
		PhoneOptions{Address: "sip:1001@demo.test", Calls: 2, Incoming: a.incoming},
		PhoneOptions{Address: "sip:1002@demo.test", Calls: 2, Incoming: b.incoming})
	if err != nil {
		t.Fatal(err)
	}
	a.Phone, b.Phone = pa, pb
	return a, b
}

func (p *party) call(t *testing.T, to string) *Call {
	t.Helper()
	c, err := p.Call(Dial{To: to, SDP: []byte("offer")}, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func want(t *testing.T, when string, p *party, heard string) {
	t.Helper()
	if got := p.said(); got != heard {
		t.Errorf("%s: %s heard %q, want %q", when, p.o.Address, got, heard)
	}
}

// talk has 1001 call 1002 and 1002 answer.
func talk(t *testing.T) (a, b *party, ca, cb *Call) {
	t.Helper()
	a, b = two(t)
	ca = a.call(t, "sip:1002@demo.test")
	want(t, "called", b, "incoming sip:1001@demo.test offer")
	cb = b.calls[0]
	cb.Ring()
	want(t, "rings", a, "180 ")
	if err := cb.Answer([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	want(t, "answered", a, "answered answer")
	want(t, "answered", b, "acknowledged ")
	return a, b, ca, cb
}

func TestACallIsMadeAndHungUpFromEachSide(t *testing.T) {
	for _, caller := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			a, b, ca, cb := talk(t)
			if caller {
				ca.End(480)
				want(t, "hung up", a, "ended 200 far=false elsewhere=false")
				want(t, "hung up", b, "ended 200 far=true elsewhere=false")
			} else {
				cb.End(480)
				want(t, "hung up", a, "ended 200 far=true elsewhere=false")
				want(t, "hung up", b, "ended 200 far=false elsewhere=false")
			}
			if len(a.list())+len(b.list()) != 0 {
				t.Error("calls are left")
			}
			time.Sleep(time.Minute)
			want(t, "later", a, "")
		})
	}
}

func TestACallThatIsNotAnsweredEnds(t *testing.T) {
	tests := map[string]struct {
		do             func(ca, cb *Call)
		caller, callee string
	}{
		"refused":    {func(_, cb *Call) { cb.Reject(486, "") }, "180 , ended 486 far=true elsewhere=false", "ended 486 far=false elsewhere=false"},
		"taken back": {func(ca, _ *Call) { ca.End(0) }, "180 , ended 200 far=false elsewhere=false", "ended 487 far=true elsewhere=false"},
		"flow gone":  {func(_, cb *Call) { _ = cb.phone.flow.Close() }, "180 , ended 503 far=true elsewhere=false", "ended 503 far=true elsewhere=false"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := two(t)
				ca := a.call(t, "sip:1002@demo.test")
				synctest.Wait()
				b.said()
				b.calls[0].Ring()
				synctest.Wait()
				tt.do(ca, b.calls[0])
				want(t, name, a, tt.caller)
				want(t, name, b, tt.callee)
			})
		})
	}
}

// A call that was answered elsewhere is none that was missed.
func TestTheReasonOfACancelIsTold(t *testing.T) {
	for reason, is := range map[string]bool{
		`SIP;cause=200;text="Call completed elsewhere"`: true,
		`SIP ;cause=200`: true, `SIP;cause=486`: false, `Q.850;cause=200`: false, ``: false,
	} {
		if got := elsewhere([]string{reason}); got != is {
			t.Errorf("%q: %t", reason, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t)
		ca := a.call(t, "sip:1002@demo.test")
		synctest.Wait()
		b.said()
		ca.mu.Lock()
		out := ca.out
		ca.mu.Unlock()
		b.calls[0].Ring()
		synctest.Wait()
		out.Cancel(message.Header{Name: message.Reason, Value: "SIP;cause=200"})
		want(t, "canceled", b, "ended 487 far=true elsewhere=true")
	})
}

func TestASessionIsChangedFromEachSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, ca, cb := talk(t)
		for _, side := range []struct {
			c        *Call
			me, them *party
		}{{ca, a, b}, {cb, b, a}} {
			side.c.Offer([]byte("hold"), func(answer []byte, status int) { side.me.note("%d %s", status, answer) })
			want(t, "held", side.them, "offered hold")
			side.them.offer.Answer([]byte("held"))
			want(t, "held", side.me, "200 held")
			want(t, "held", side.them, "acknowledged ")
			side.c.Offer([]byte("video"), func(answer []byte, status int) { side.me.note("%d %s", status, answer) })
			want(t, "refused", side.them, "offered video")
			side.them.offer.Refuse(488)
			want(t, "refused", side.me, "488 ")
		}
	})
}

// Two offers that meet are both made again, and both are taken in the end.
func TestOffersThatMeetAreMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, ca, cb := talk(t)
		var done []string
		for _, c := range []*Call{ca, cb} {
			c.Offer([]byte("x"), func(_ []byte, status int) { a.mu.Lock(); defer a.mu.Unlock(); done = append(done, fmt.Sprint(status)) })
		}
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			for _, p := range []*party{a, b} {
				p.mu.Lock()
				o := p.offer
				p.offer = nil
				p.mu.Unlock()
				if o != nil {
					o.Answer([]byte("y"))
				}
			}
		}
		if got := strings.Join(done, " "); got != "200 200" {
			t.Errorf("the offers ended with %q", got)
		}
	})
}

// Without an ACK the 2xx comes again, and the call ends after 32 s.
func TestAnAnswerWithoutACKEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t)
		s := a.stack
		again := 0
		b.answer = func(c *Call) { go func() { synctest.Wait(); _ = c.Answer([]byte("answer")) }() }
		out := message.NewRequest("INVITE", "sip:1002@demo.test").Add(message.From, "<sip:1001@demo.test>;tag=x").Add(message.To, "<sip:1002@demo.test>").
			Add(message.CallID, "deaf").Add(message.CSeq, "1 INVITE").AddInt(message.MaxForwards, 70).Add(message.Contact, "<sip:1001@x.invalid>")
		s.tx.Invite(a.flow, message.NewBranch(), out, func(m *message.Message, _ error) {
			if m != nil && m.Status == 200 {
				again++
			}
		})
		time.Sleep(40 * time.Second)
		want(t, "no ACK", b, "incoming sip:1001@demo.test , ended 408 far=true elsewhere=false")
		if again < 8 {
			t.Errorf("the 2xx came %d times", again)
		}
	})
}

func TestATransferIsAskedForAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, ca, _ := talk(t)
		if err := ca.Refer("sip:1003@demo.test", nil); err != nil {
			t.Fatal(err)
		}
		want(t, "asked", b, "referred sip:1003@demo.test ")
		b.refer.Accept()
		b.refer.Progress(200)
		want(t, "told", a, "transferred 100, transferred 100, transferred 200")
		if err := ca.Refer("", ca); err != nil { // attended: to the other side of a call of ours
			t.Fatal(err)
		}
		ca.mu.Lock()
		name := message.DialogName{CallID: ca.id, ToTag: ca.remoteTag, FromTag: ca.tag}
		ca.mu.Unlock()
		want(t, "asked", b, "referred "+b.contact+" "+name.String())
		b.refer.Refuse(603)
		want(t, "refused", a, "transferred 603")
	})
}

func TestAnInviteTakesThePlaceOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _, cb := talk(t)
		for name, found := range map[string]bool{
			cb.id + ";to-tag=" + cb.tag + ";from-tag=" + cb.remoteTag: true,
			cb.id + ";to-tag=" + cb.tag + ";from-tag=other":           false,
			"other;to-tag=a;from-tag=b":                               false,
		} {
			b.calls = nil
			_, err := a.Call(Dial{To: "sip:1002@demo.test", SDP: []byte("offer"), Replaces: name}, a)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if !found {
				if got := a.said(); !strings.HasPrefix(got, "ended 481") {
					t.Errorf("%s: %q", name, got)
				}
				continue
			}
			if len(b.calls) != 1 || b.calls[0].Replaces() != cb {
				t.Fatalf("%s: %v", name, b.said())
			}
			b.calls[0].Reject(486, "")
			synctest.Wait()
			a.said()
		}
	})
}

// What is asked of a phone without sense is refused and changes nothing.
func TestNonsenseIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, ca, _ := talk(t)
		ask := func(method string, edit func(*message.Builder)) int {
			ca.mu.Lock()
			m := ca.requestLocked(method)
			ca.mu.Unlock()
			edit(m)
			status := 0
			a.stack.tx.Send(a.flow, m, func(m *message.Message, err error) { status = statusOf(m, err) })
			synctest.Wait()
			return status
		}
		tests := map[string]struct {
			method string
			edit   func(*message.Builder)
			status int
		}{
			"another's tag":   {"BYE", func(m *message.Builder) { m.Set(message.To, "<sip:1002@demo.test>;tag=other") }, 481},
			"another's call":  {"BYE", func(m *message.Builder) { m.Set(message.CallID, "other") }, 481},
			"an old number":   {"BYE", func(m *message.Builder) { m.Set(message.CSeq, "1 BYE") }, 500},
			"a demand":        {"UPDATE", func(m *message.Builder) { m.Add(message.Require, "precondition") }, 420},
			"another event":   {"NOTIFY", func(m *message.Builder) { m.Add(message.Event, "dialog") }, 489},
			"no Refer-To":     {"REFER", func(*message.Builder) {}, 400},
			"Refer-To a page": {"REFER", func(m *message.Builder) { m.Add(message.ReferTo, "<https://example.com>") }, 416},
			"a strange word":  {"DANCE", func(*message.Builder) {}, 405},
			"keys":            {"INFO", func(*message.Builder) {}, 200},
			"a refresh":       {"UPDATE", func(*message.Builder) {}, 200},
		}
		for name, tt := range tests {
			if got := ask(tt.method, tt.edit); got != tt.status {
				t.Errorf("%s: %d, want %d", name, got, tt.status)
			}
		}
		want(t, "nonsense", b, "")
		b.o.Calls = 1
		a.call(t, "sip:1002@demo.test")
		want(t, "one too many", a, "ended 486 far=true elsewhere=false")
	})
}

// A session that the other side promised to refresh and does not, ends.
func TestASessionTimerIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, ca, _ := talk(t)
		ca.mu.Lock()
		m := ca.requestLocked("UPDATE").Add(message.SessionExpires, "100").Add(message.Supported, "timer")
		ca.mu.Unlock()
		var got string
		a.stack.tx.Send(a.flow, m, func(m *message.Message, _ error) { got = m.Get(message.SessionExpires) })
		synctest.Wait()
		if got != "100;refresher=uac" {
			t.Errorf("agreed %q", got)
		}
		time.Sleep(60 * time.Second)
		want(t, "in time", b, "")
		time.Sleep(10 * time.Second)
		want(t, "not refreshed", b, "ended 408 far=true elsewhere=false")
		want(t, "not refreshed", a, "ended 200 far=true elsewhere=false")
	})
	synctest.Test(t, func(t *testing.T) { // the callee shall refresh
		a, b, ca, _ := talk(t)
		ca.mu.Lock()
		m := ca.requestLocked("UPDATE").Add(message.SessionExpires, "100;refresher=uas")
		ca.mu.Unlock()
		a.stack.tx.Send(a.flow, m, func(*message.Message, error) {})
		time.Sleep(time.Hour)
		want(t, "refreshed", a, "")
		want(t, "refreshed", b, "")
	})
}

func TestAClosedPhoneHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _, _ := talk(t)
		b.Close()
		want(t, "closed", b, "ended 200 far=false elsewhere=false")
		want(t, "closed", a, "ended 200 far=true elsewhere=false")
		if _, err := b.Call(Dial{To: "sip:x@y"}, b); err == nil {
			t.Error("a closed phone calls")
		}
	})
}

func TestWhatIsTypedBecomesAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := two(t)
		for typed, uri := range map[string]string{
			"1002": "sip:1002@demo.test", " +49 (30) 123-45 ": "sip:+493012345@demo.test", "*8": "sip:*8@demo.test",
			"bob@else.test": "sip:bob@else.test", "sip:bob@else.test": "sip:bob@else.test", "anna lena": "sip:annalena@demo.test",
			"": "", "sip:else.test": "", "sip:bob@else.test?Replaces=x": "", "tel:1": "sip:tel%3A1@demo.test",
			"a\r\nVia: x": "sip:a%0D%0AVia%3Ax@demo.test",
		} {
			if got, err := a.URI(typed); got != uri || (err == nil) != (uri != "") {
				t.Errorf("%q: %q, %v; want %q", typed, got, err, uri)
			}
		}
	})
}
