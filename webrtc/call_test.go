package webrtc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/signalling"
)

func TestACallRingsInThePageAndIsAnsweredThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, ring := x.calls(p)
		if ring.From != "+4930123" || ring.Name != "Anna" || ring.SDP != "page-offer" || ring.Within != 700 {
			t.Errorf("the page is told %+v", ring)
		}
		check(t, "before the page said so it does not ring", x.far.said(), "")
		p.about(signalling.RingAck, ring.Call)
		check(t, "acknowledged", x.far.said(), "180")
		time.Sleep(20 * time.Second)
		p.about(signalling.Accept, ring.Call) // before the microphone is there
		check(t, "picked up", x.far.said(), "")
		p.about(signalling.Cand, ring.Call, func(m *signalling.In) { m.Candidate = &signalling.Candidate{Candidate: "c1"} })
		p.about(signalling.Answer, ring.Call, answer)
		check(t, "answered", x.far.said(), "answered answer")
		check(t, "the audio", x.bridge().did(), "phone-offered far-offer, offer-page, candidate c1, page-answered page-sdp, answer-phone")
		if got := p.told(); got.State != signalling.CallTalking || got.Out || x.srv.Calls() != 1 {
			t.Errorf("the call is %+v", got)
		}
		u.End(200)
		if got := p.told(); got.State != signalling.CallOver || got.Why != signalling.WhyFar {
			t.Errorf("the call is %+v", got)
		}
		check(t, "the audio", x.bridge().did(), "close")
		if x.srv.Calls() != 0 {
			t.Error("the call is still there")
		}
	})
}

// A page that is dead, though nobody knows yet, gives the call up in less than a second.
func TestAPageThatDoesNotSayThatItRingsLosesTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		x.calls(p)
		time.Sleep(699 * time.Millisecond)
		check(t, "in time", x.far.said(), "")
		time.Sleep(2 * time.Millisecond)
		check(t, "after it", x.far.said(), "ended 480")
		if got := p.told(); got.Why != signalling.WhyNoAck {
			t.Errorf("the page is told %+v", got)
		}
	})
}

func TestHowACallThatRingsEnds(t *testing.T) {
	tests := map[string]struct {
		do   func(x *exchange, p *page, u *ua.Call, id string)
		far  string
		why  string
		here signalling.CallState
	}{
		"rejected":         {func(_ *exchange, p *page, _ *ua.Call, id string) { p.about(signalling.Reject, id) }, "ended 486", signalling.WhyRejected, ""},
		"hung up":          {func(_ *exchange, p *page, _ *ua.Call, id string) { p.about(signalling.Hangup, id) }, "ended 486", signalling.WhyRejected, ""},
		"the caller quits": {func(_ *exchange, _ *page, u *ua.Call, _ string) { u.End(0) }, "ended 200", signalling.WhyCanceled, ""},
		"no microphone": {func(_ *exchange, p *page, _ *ua.Call, id string) {
			p.about(signalling.Accept, id)
			time.Sleep(6 * time.Second)
		}, "ended 480", signalling.WhyMedia, ""},
		"no audio": {func(x *exchange, p *page, _ *ua.Call, id string) {
			x.bridge().fail = "answer-phone"
			p.about(signalling.Answer, id, answer)
			p.about(signalling.Accept, id)
		}, "ended 488", signalling.WhyMedia, ""},
		"the tab is closed": {func(_ *exchange, p *page, _ *ua.Call, _ string) { p.vanish() }, "ended 480", "", ""},
		"logged out":        {func(x *exchange, _ *page, _ *ua.Call, _ string) { x.srv.Logout(x.agents[0].ID, "") }, "ended 480", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t)
				p := x.online()
				u, ring := x.calls(p)
				p.about(signalling.RingAck, ring.Call)
				x.far.said()
				tt.do(x, p, u, ring.Call)
				check(t, "the caller", x.far.said(), tt.far)
				if tt.why != "" {
					if got := p.told(); got.State != signalling.CallOver || got.Why != tt.why {
						t.Errorf("the page is told %+v", got)
					}
				}
				if x.srv.Calls() != 0 {
					t.Error("the call is still there")
				}
			})
		})
	}
}

func TestACallIsMadeFromThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		x.dials(p, "c1", "+49 30 123")
		check(t, "called", x.far.said(), "incoming")
		if got := p.told(); got.State != signalling.CallDialling || !got.Out || got.From != "+4930123" {
			t.Errorf("the page is told %+v", got)
		}
		u := x.far.calls[0]
		check(t, "who calls", u.From().URI, "sip:1001@demo.test")
		u.Ring()
		if got := p.told(); got.State != signalling.CallRinging {
			t.Errorf("the page is told %+v", got)
		}
		check(t, "no answer before there is one", fmt.Sprint(p.count(signalling.Answer)), "0")
		if err := u.Answer([]byte(sdpOf("far-answer"))); err != nil {
			t.Fatal(err)
		}
		if got := p.told(); got.State != signalling.CallTalking || p.count(signalling.Answer) != 1 {
			t.Errorf("the page is told %+v", got)
		}
		check(t, "the audio", x.bridge().did(), "page-offered page-sdp, offer-phone, phone-answered far-answer, answer-page")
		x.far.said()
		p.about(signalling.Hangup, "c1")
		check(t, "hung up", x.far.said(), "ended 200")
		if got := p.told(); got.Why != signalling.WhyHungUp {
			t.Errorf("the page is told %+v", got)
		}
	})
}

// A phone that rings may be silent for long, as behind a trunk that opens the audio and
// plays no tone; one that has answered may not.
func TestSilenceCountsFromTheAnswerOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		x.dials(p, "c1", "+49 30 123")
		x.far.said()
		u := x.far.calls[0]
		u.Ring()
		if got := p.told(); got.State != signalling.CallRinging || x.bridge().isTaken() {
			t.Errorf("while it rings it counts, or the page is told %+v", got)
		}
		if err := u.Answer([]byte(sdpOf("far-answer"))); err != nil {
			t.Fatal(err)
		}
		if got := p.told(); got.State != signalling.CallTalking || !x.bridge().isTaken() {
			t.Errorf("after the answer it does not, or the page is told %+v", got)
		}
		_, id := x.talks(p)
		if !x.bridge().isTaken() {
			t.Errorf("it does not count in call %s that came", id)
		}
	})
}

func TestACallOfThePageThatFailsSaysWhy(t *testing.T) {
	tests := map[string]struct {
		to     string
		answer func(*ua.Call)
		says   string
	}{
		"busy":         {"1002", func(c *ua.Call) { c.Reject(486, "") }, "The line is busy."},
		"unknown":      {"1002", func(c *ua.Call) { c.Reject(404, "") }, "Nobody has this number."},
		"not allowed":  {"1002", func(c *ua.Call) { c.Reject(403, "Paused") }, "The call was refused: Paused."},
		"no number":    {"sip:nobody", nil, "This is neither a number nor an address."},
		"a full house": {"1002", nil, "The server has no room for another call."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t)
				p := x.online()
				x.full = name == "a full house"
				x.far.answer = func(c *ua.Call) { time.AfterFunc(time.Second, func() { tt.answer(c) }) }
				x.dials(p, "c1", tt.to)
				time.Sleep(2 * time.Second)
				if got := p.told(); got.State != signalling.CallOver || got.Sentence != tt.says {
					t.Errorf("the page is told %+v", got)
				}
			})
		})
	}
}

func TestACallIsHeldFromEachSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, id := x.talks(p)
		p.about(signalling.Hold, id, on)
		check(t, "held", x.far.said(), "offered")
		x.far.offer.Answer([]byte(sdpOf("held")))
		synctest.Wait()
		check(t, "the audio", x.bridge().did(), "hold, offer-phone, phone-answered held")
		if !p.told().Held {
			t.Error("the page does not know that it holds")
		}
		p.about(signalling.Hold, id)
		x.far.offer.Answer([]byte(sdpOf("talks")))
		synctest.Wait()
		check(t, "the audio", x.bridge().did(), "resume, offer-phone, phone-answered talks")
		for _, way := range []string{"sendonly", "sendrecv"} {
			u.Offer([]byte(sdpOf("far", way)), func(answer []byte, status int) { x.far.note("%d %s", status, word(answer)) })
			synctest.Wait()
			if got := p.told(); got.There != (way == "sendonly") {
				t.Errorf("%s: the page is told %+v", way, got)
			}
		}
		check(t, "answered", x.far.said(), "offered, 200 answer, 200 answer")
		check(t, "the audio", x.bridge().did(), "phone-offered far, answer-phone, phone-offered far, answer-phone")
	})
}

// The other side moves to a codec that the page was not asked for yet.
func TestAChangeThatConcernsThePageIsPutToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, id := x.talks(p)
		x.bridge().again = true
		for _, answers := range []bool{true, false} {
			u.Offer([]byte(sdpOf("opus")), func(_ []byte, status int) { x.far.note("%d", status) })
			synctest.Wait()
			if answers {
				p.about(signalling.Answer, id, answer)
				check(t, "answered", x.far.said(), "200")
				continue
			}
			time.Sleep(6 * time.Second)
			check(t, "not answered", x.far.said(), "488")
		}
		check(t, "the audio", x.bridge().did(), "phone-offered opus, offer-page, page-answered page-sdp, answer-phone, phone-offered opus, offer-page")
	})
}

func TestKeysArePressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		press := func(m *signalling.In) { m.Keys = "12#" }
		p.about(signalling.Keys, id, press)
		check(t, "keys", x.bridge().did(), "dial 12#")
		x.bridge().noKey = true
		p.about(signalling.Keys, id, press) // by INFO
		check(t, "the call goes on", x.far.said(), "")
	})
}

// People type faster than keys can be sent: none is lost, and none is sent to somebody
// else who is at the other end by then.
func TestKeysWaitForThoseBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, id := x.talks(p)
		b := x.bridge()
		b.keying = 200 * time.Millisecond
		press := func(keys string) {
			p.about(signalling.Keys, id, func(m *signalling.In) { m.Keys = keys })
		}
		for _, k := range []string{"1", "2", "#"} {
			press(k)
		}
		time.Sleep(time.Second)
		check(t, "keys", b.did(), "dial 1, dial 2#")
		full := strings.Repeat("5", signalling.MaxKeys)
		press("4")
		for range maxTyped / signalling.MaxKeys {
			press(full)
		}
		press("6")
		if got := p.told().Sentence; !strings.HasPrefix(got, "Too many keys") {
			t.Errorf("too many keys: told %q", got)
		}
		time.Sleep(time.Minute)
		check(t, "what was not too much", b.did(), "dial 4, dial "+full+", dial "+full)
		press("7")
		press("8")
		u.End(200)
		time.Sleep(time.Second)
		check(t, "after the call", b.did(), "dial 7, close")
	})
}

// leg is the name of the dialog of a page's call, as a Replaces header says it.
func (x *exchange) leg(id string) string {
	s := x.srv.find(x.sessions()[0].ID)
	s.seat.mu.Lock()
	defer s.seat.mu.Unlock()
	return s.calls[id].leg.Load().ua.Name()
}

// Another agent's page cannot do anything to a call, and neither can a page to one that
// is over.
func TestACallOfSomebodyElseIsNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		q := x.open(signalling.In{Ticket: x.ticketFor(x.agents[1].ID, "other"), Lead: true})
		synctest.Wait()
		for _, typ := range []signalling.Type{signalling.Hangup, signalling.Hold, signalling.Reject, signalling.Accept, signalling.Restart, signalling.RingAck, signalling.Mute} {
			q.about(typ, id, on)
		}
		q.about(signalling.Answer, id, answer)
		q.about(signalling.Transfer, id, func(m *signalling.In) { m.To = "1003" })
		q.about(signalling.Keys, id, func(m *signalling.In) { m.Keys = "1" })
		check(t, "the other side", x.far.said(), "")
		check(t, "the audio", x.bridge().did(), "")
		if got := q.told(); got.State != signalling.CallOver || got.Why != signalling.WhyGone {
			t.Errorf("the page is told %+v", got)
		}
		if got := p.told(); got.State != signalling.CallTalking {
			t.Errorf("its own page is told %+v", got)
		}
	})
}

func TestCallsOfAPageAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		for i := range 3 * maxCalls {
			x.dials(p, fmt.Sprint("c", i), "1002")
		}
		if n := x.srv.Calls(); n != maxCalls {
			t.Errorf("%d calls", n)
		}
		if got := p.told(); got.Sentence != "There are too many calls." {
			t.Errorf("the page is told %+v", got)
		}
		x.dials(p, "c0", "1002") // again
		if n := x.srv.Calls(); n != maxCalls {
			t.Errorf("%d calls", n)
		}
		if _, err := x.far.Call(ua.Dial{To: "sip:1001@demo.test", SDP: []byte(sdpOf("x"))}, x.far); err != nil {
			t.Fatal(err)
		}
		if got := x.far.said(); !strings.HasSuffix(got, "ended 480") {
			t.Errorf("one call more: %q", got)
		}
	})
}

// A page that dials and hangs up without end takes no ports from others: they rest after
// each call. Another tab of the agent's gives it no more.
func TestCallsAreMadeAtTheirPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		made := func() (n int) {
			for i := range 3 * dialBurst {
				id := fmt.Sprint("c", i, "-", time.Now().UnixNano())
				x.dials(p, id, "1002")
				if got := p.told(); got.State != signalling.CallOver {
					n++
					p.about(signalling.Hangup, id)
				} else if !strings.HasPrefix(got.Sentence, "Too many calls were made") {
					t.Fatalf("the page is told %+v", got)
				}
				synctest.Wait()
				time.Sleep(60 * time.Millisecond) // what a page may say in all is bounded too
			}
			return n
		}
		if n := made(); n != dialBurst {
			t.Errorf("%d calls are made at once", n)
		}
		p.vanish()
		p = x.online()
		if n := made(); n > 2 {
			t.Errorf("%d more by another tab", n)
		}
		time.Sleep(3 * dialBurst * dialEvery)
		if n := made(); n != dialBurst {
			t.Errorf("%d calls are made after a while", n)
		}
	})
}

// A page that does not lead, is away or does not answer is not rung.
func TestOnlyALivingLeaderIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		reach := func(p *page) bool { synctest.Wait(); _, _, ok := x.srv.Reach(p.greeting().Session); return ok }
		p := x.login("one")
		if !reach(p) {
			t.Error("the leader is not reached")
		}
		q := x.login("two")
		if !reach(q) || reach(p) {
			t.Error("not the new leader alone is reached")
		}
		_, f, _ := x.srv.Reach(q.greeting().Session)
		if a, d, ok := x.srv.Owner(f); !ok || a != x.agents[0].ID || d != x.device.ID {
			t.Error("the flow's owner is not known")
		}
		q.freeze(true)
		time.Sleep(3 * time.Second)
		if reach(q) {
			t.Error("a silent page is reached")
		}
		time.Sleep(2 * time.Second)
		if _, _, ok := x.srv.Owner(f); ok || x.srv.find("nobody") != nil {
			t.Error("the flow of a page that is gone has an owner")
		}
	})
}

func TestCallsNeedAPhoneAndABridge(t *testing.T) {
	h := newHouse(t, 1)
	_, err := Open(Options{Roster: h, Directory: h, Redeemer: h, TrustWithoutTest: true, Calling: Calling{
		Phone: func(ua.PhoneOptions) (*ua.Phone, error) { return nil, errors.New("no") },
	}})
	if err == nil {
		t.Error("opened")
	}
}
