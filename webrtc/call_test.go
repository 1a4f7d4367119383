package webrtc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

// exchange is a lab whose pages are phones. Whatever they call, it is the one far
// phone that rings.
type exchange struct {
	*lab
	far *far
	// full refuses bridges.
	full bool

	mu      sync.Mutex
	bridges []*fakeBridge
}

// far is the phone at the other end.
type far struct {
	*ua.Phone
	answer func(*ua.Call)

	mu    sync.Mutex
	heard []string
	calls []*ua.Call
	offer *ua.Offer
	refer *ua.Referral
}

func (f *far) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = append(f.heard, fmt.Sprintf(format, args...))
}

func (f *far) said() string {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.heard, ", ")
	f.heard = nil
	return s
}

func (f *far) Progress(status int, _ []byte) { f.note("%d", status) }
func (f *far) Answered(sdp []byte)           { f.note("answered %s", word(sdp)) }
func (f *far) Acknowledged([]byte)           {}
func (f *far) Offered(o *ua.Offer)           { f.note("offered"); f.mu.Lock(); f.offer = o; f.mu.Unlock() }
func (f *far) Transferred(status int)        { f.note("transferred %d", status) }
func (f *far) Ended(e ua.End)                { f.note("ended %d", e.Status) }
func (f *far) Referred(r *ua.Referral) {
	f.note("referred %s", shown(r.To))
	f.mu.Lock()
	f.refer = r
	f.mu.Unlock()
}

func (f *far) incoming(c *ua.Call) ua.Handler {
	f.note("incoming")
	f.mu.Lock()
	f.calls = append(f.calls, c)
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		answer(c)
	}
	return f
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	x := &exchange{far: &far{}}
	here, there := ua.New(ua.Options{}), ua.New(ua.Options{})
	t.Cleanup(func() { here.Close(); there.Close() })
	x.lab = newLab(t, 2, Options{TrustWithoutTest: true, Calling: Calling{
		Phone: func(o ua.PhoneOptions) (*ua.Phone, error) {
			p, q, err := ua.Direct(here, there, o, ua.PhoneOptions{Address: "sip:+4930123@trunk.test", Name: "Anna", Incoming: x.far.incoming})
			x.far.Phone = q
			return p, err
		},
		Bridge: func(media.BridgeOptions) (Bridge, error) {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.full {
				return nil, media.ErrBusy
			}
			b := &fakeBridge{events: make(chan media.Event, 32)}
			x.bridges = append(x.bridges, b)
			return b, nil
		},
	}})
	for i, a := range x.agents {
		a.AORs = []string{fmt.Sprintf("100%d@demo.test", i+1)}
	}
	return x
}

func (x *exchange) bridge() *fakeBridge {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.bridges[len(x.bridges)-1]
}

// online opens a page that leads and whose phone is there.
func (x *exchange) online() *page {
	x.t.Helper()
	p := x.login("page")
	synctest.Wait()
	if _, f, ok := x.srv.Reach(p.greeting().Session); !ok || f == nil {
		x.t.Fatal("the page cannot be called")
	}
	return p
}

// calls has the far phone call the page, and returns what the page is told.
func (x *exchange) calls(p *page) (u *ua.Call, ring signalling.RingMsg) {
	x.t.Helper()
	u, err := x.far.Call(ua.Dial{To: "sip:1001@demo.test", SDP: []byte(sdpOf("far-offer"))}, x.far)
	if err != nil {
		x.t.Fatal(err)
	}
	synctest.Wait()
	if err := json.Unmarshal(p.last(signalling.Ring), &ring); err != nil {
		x.t.Fatalf("the page does not ring: %v", err)
	}
	return u, ring
}

// about has the page say something about a call.
func (p *page) about(t signalling.Type, call string, edit ...func(*signalling.In)) {
	m := signalling.In{T: t, Call: call}
	for _, f := range edit {
		f(&m)
	}
	p.say(m)
	synctest.Wait()
}

func on(m *signalling.In)     { m.On = true }
func answer(m *signalling.In) { m.SDP = "page-sdp" }

// told is what the page was told of its calls last.
func (p *page) told() (m signalling.CallMsg) {
	synctest.Wait()
	_ = json.Unmarshal(p.last(signalling.Call), &m)
	return m
}

// talks has a call come that the page answers.
func (x *exchange) talks(p *page) (*ua.Call, string) {
	x.t.Helper()
	u, ring := x.calls(p)
	p.about(signalling.RingAck, ring.Call)
	p.about(signalling.Answer, ring.Call, answer)
	p.about(signalling.Accept, ring.Call)
	if got := p.told(); got.State != signalling.CallTalking {
		x.t.Fatalf("the call is %+v", got)
	}
	x.far.said()
	x.bridge().did()
	return u, ring.Call
}

func (x *exchange) dials(p *page, call, to string) {
	p.about(signalling.Dial, call, func(m *signalling.In) { m.To, m.SDP = to, "page-sdp" })
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestACallRingsInThePageAndIsAnsweredThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		u, ring := x.calls(p)
		if ring.From != "+4930123" || ring.Name != "Anna" || ring.SDP != "page-offer" || ring.Within != 1000 {
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

// A page that is dead, though nobody knows yet, gives the call up within a second.
func TestAPageThatDoesNotSayThatItRingsLosesTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		x.calls(p)
		time.Sleep(999 * time.Millisecond)
		check(t, "within the second", x.far.said(), "")
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

// leg is the name of the dialog of a page's call, as a Replaces header says it.
func (x *exchange) leg(id string) string {
	s := x.srv.find(x.sessions()[0].ID)
	s.seat.mu.Lock()
	defer s.seat.mu.Unlock()
	return s.calls[id].leg.Load().ua.Name()
}

// A socket that breaks takes no call with it if the page is back within ten seconds.
func TestACallOutlivesItsSocket(t *testing.T) {
	for name, away := range map[string]time.Duration{"reconnect": 9 * time.Second, "gone": 11 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t)
				p := x.online()
				_, id := x.talks(p)
				resume := p.greeting().Resume
				p.vanish()
				time.Sleep(away)
				if away > lingers {
					check(t, "too late", x.far.said(), "ended 200")
					return
				}
				check(t, "meanwhile", x.far.said(), "")
				q := x.open(signalling.In{Resume: resume, Lead: true})
				synctest.Wait()
				q.claim(granted())
				if got := q.greeting(); !got.Resumed || len(got.Calls) != 1 || got.Calls[0] != id {
					t.Fatalf("welcomed with %+v", got)
				}
				if got := q.told(); got.Call != id || got.State != signalling.CallTalking {
					t.Errorf("the page is told %+v", got)
				}
				q.about(signalling.Restart, id)
				q.about(signalling.Answer, id, answer)
				check(t, "the audio", x.bridge().did(), "offer-page restart, page-answered page-sdp")
				if !x.target() {
					t.Error("the page is no target any more")
				}
				time.Sleep(time.Minute)
				check(t, "later", x.far.said(), "")
			})
		})
	}
}

// A page that is silent is no target any more, but its call waits for it.
func TestACallOutlivesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		resume := p.greeting().Resume
		p.freeze(true)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if x.target() || len(x.sessions()) != 0 {
			t.Error("a silent page is still a target")
		}
		check(t, "meanwhile", x.far.said(), "")
		q := x.open(signalling.In{Resume: resume, Lead: true})
		synctest.Wait()
		q.claim(granted())
		if got := q.told(); got.Call != id || got.State != signalling.CallTalking || !x.target() {
			t.Errorf("the page is told %+v", got)
		}
		q.freeze(true)
		time.Sleep(20 * time.Second)
		check(t, "silent for good", x.far.said(), "ended 200")
	})
}

func TestLostAudioIsToldAndEndsTheCallIfItStaysLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		happens := func(k media.Kind, warn string) {
			t.Helper()
			x.bridge().events <- media.Event{Kind: k}
			if got := p.told(); got.Warn != warn {
				t.Errorf("after %s the page is told %q", k, got.Warn)
			}
		}
		happens(media.Silent, signalling.WarnSilent)
		happens(media.Hearing, "")
		happens(media.Stopped, signalling.WarnStopped)
		happens(media.Interrupted, signalling.WarnNetwork)
		happens(media.Connected, "")
		happens(media.Failed, signalling.WarnNetwork)
		if p.count(signalling.Offer) != 1 {
			t.Error("no ICE restart was asked for")
		}
		time.Sleep(14 * time.Second)
		check(t, "for a while", x.far.said(), "")
		p.about(signalling.Answer, id, answer)
		happens(media.Connected, "")
		happens(media.Failed, signalling.WarnNetwork)
		time.Sleep(16 * time.Second)
		check(t, "for good", x.far.said(), "ended 200")
		if got := p.told(); got.Why != signalling.WhyMedia || got.Sentence == "" {
			t.Errorf("the page is told %+v", got)
		}
	})
}

// What arrives in a call is evidence: a microphone that stops in the middle makes the page
// no target, and one that is heard again makes it one.
func TestTheAudioOfACallProvesTheMicrophone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		x.talks(p)
		for _, step := range []struct {
			kind   media.Kind
			target bool
		}{{media.Hearing, true}, {media.Stopped, false}, {media.Silent, false}, {media.Hearing, true}, {media.Interrupted, true}, {media.Stopped, true}} {
			x.bridge().events <- media.Event{Kind: step.kind}
			synctest.Wait()
			if x.target() != step.target {
				t.Errorf("%s: the page is a target: %t", step.kind, x.target())
			}
		}
		if got := p.told(); got.State != signalling.CallTalking {
			t.Errorf("the page is told %+v", got)
		}
	})
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

// A phone whose flow has ended under it is made anew when it is needed.
func TestAPhoneWhoseFlowEndedIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, old, _ := x.srv.Reach(p.greeting().Session)
		_ = old.Close()
		synctest.Wait()
		_, f, ok := x.srv.Reach(p.greeting().Session)
		if !ok || f == old {
			t.Fatal("the page is reached by a flow that has ended")
		}
		if _, _, ok := x.srv.Owner(old); ok {
			t.Error("a flow that has ended has an owner")
		}
		if _, ring := x.calls(p); ring.Call == "" {
			t.Error("the page does not ring")
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
