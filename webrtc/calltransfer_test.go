package webrtc

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/signalling"
)

func TestACallIsTransferredByThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		to := func(m *signalling.In) { m.To = "1003" }
		p.about(signalling.Transfer, id, to)
		check(t, "asked", x.far.said(), "referred 1003")
		x.far.refer.Refuse(603)
		if got := p.told(); got.Moving || !strings.HasPrefix(got.Sentence, "The transfer failed") {
			t.Errorf("the page is told %+v", got)
		}
		p.about(signalling.Transfer, id, to)
		x.far.refer.Accept()
		if !p.told().Moving {
			t.Error("the page does not know of the transfer")
		}
		x.far.refer.Progress(200)
		if got := p.told(); got.Why != signalling.WhyTransferred {
			t.Errorf("the page is told %+v", got)
		}
		check(t, "our part is over", x.far.said(), "referred 1003, ended 200")
	})
}

// Many a phone agrees to a transfer and says nothing more. The agent has his call back
// after a time, may try again, and is done with it when the other side says so after all.
func TestATransferOfWhichNothingIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		to := func(m *signalling.In) { m.To = "1003" }
		p.about(signalling.Transfer, id, to)
		x.far.refer.Accept()
		time.Sleep(transferWithin - time.Second)
		if got := p.told(); !got.Moving || got.Sentence != "" {
			t.Errorf("a while before: %+v", got)
		}
		time.Sleep(2 * time.Second)
		if got := p.told(); got.Moving || got.State != signalling.CallTalking || !strings.HasPrefix(got.Sentence, "Nothing was heard") {
			t.Errorf("after it: %+v", got)
		}
		x.far.said()
		p.about(signalling.Transfer, id, to)
		check(t, "once more", x.far.said(), "referred 1003")
		x.far.refer.Accept()
		time.Sleep(transferWithin + time.Second)
		if p.told().Moving {
			t.Error("the second is under way for ever")
		}
		x.far.refer.Progress(200)
		if got := p.told(); got.Why != signalling.WhyTransferred {
			t.Errorf("told after all: %+v", got)
		}
	})
}

func TestACallIsTransferredToAnotherCallOfThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		x.dials(p, "c2", "1003")
		if err := x.far.calls[0].Answer([]byte(sdpOf("second"))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		x.far.said()
		p.about(signalling.Transfer, id, func(m *signalling.In) { m.With = "c2" })
		if x.far.refer == nil || !strings.HasPrefix(x.far.refer.Replaces, x.far.calls[0].ID()+";") {
			t.Fatalf("asked for %+v", x.far.refer)
		}
		p.about(signalling.Transfer, "c2", func(m *signalling.In) { m.With = "of-nobody" })
		if got := p.told(); got.Sentence == "" || got.State != signalling.CallTalking {
			t.Errorf("the page is told %+v", got)
		}
	})
}

// The other side transfers the page: it calls there, and its page hears on.
func TestThePageIsTransferred(t *testing.T) {
	for _, works := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			x := newExchange(t)
			p := x.online()
			u, _ := x.talks(p)
			if err := u.Refer("sip:1003@demo.test", nil); err != nil {
				t.Fatal(err)
			}
			check(t, "called there", x.far.said(), "transferred 100, transferred 100, incoming")
			next := x.far.calls[0]
			if !works {
				next.Reject(486, "")
				check(t, "told", x.far.said(), "ended 486, transferred 486")
				if got := p.told(); got.State != signalling.CallTalking || got.From != "+4930123" || got.Moving {
					t.Errorf("the page is told %+v", got)
				}
				return
			}
			if err := next.Answer([]byte(sdpOf("third"))); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := p.told(); got.State != signalling.CallTalking || got.From != "1003" || got.Moving {
				t.Errorf("the page is told %+v", got)
			}
			if got := x.far.said(); !strings.Contains(got, "transferred 200") || !strings.Contains(got, "ended 200") {
				t.Errorf("the one who transferred heard %q", got)
			}
			next.End(200)
			if got := p.told(); got.Why != signalling.WhyFar {
				t.Errorf("the page is told %+v", got)
			}
		})
	}
}

// Somebody takes the other side's place: the page need do nothing.
func TestTheOtherSideIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, id := x.talks(p)
		leg := x.leg(id)
		_, err := x.far.Call(ua.Dial{To: "sip:1001@demo.test", SDP: []byte(sdpOf("third")), Replaces: leg}, x.far)
		if err != nil {
			t.Fatal(err)
		}
		_ = u
		if got := x.far.said(); !strings.Contains(got, "answered answer") || !strings.Contains(got, "ended 200") {
			t.Errorf("the far side heard %q", got)
		}
		if got := p.told(); got.State != signalling.CallTalking || x.srv.Calls() != 1 {
			t.Errorf("the page is told %+v", got)
		}
	})
}
