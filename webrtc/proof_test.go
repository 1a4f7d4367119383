package webrtc

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/webrtc/signalling"
	"lamplight/webrtc/testcall"
	"lamplight/webrtc/testcall/testpage"
)

func provingOptions() Options { return Options{UDP: "127.0.0.1:0", Loopback: true} }

// eventually polls; test calls run in real time on loopback UDP.
func eventually(t testing.TB, what string, within time.Duration, f func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("not within %v: %s", within, what)
}

// invited waits for the n-th invitation to a test call.
func (p *page) invited(n int) string {
	p.lab.t.Helper()
	eventually(p.lab.t, "invitation to a test call", 5*time.Second, func() bool { return p.count(signalling.Test) >= n })
	var m signalling.TestMsg
	_ = json.Unmarshal(p.last(signalling.Test), &m)
	return m.Call
}

// call makes the test call the page was invited to, and keeps it up until the
// server says it is over.
func (p *page) call(id string, o testpage.Options, heard int) string {
	t := p.lab.t
	t.Helper()
	tp, err := testpage.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer tp.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	offer, err := tp.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answers, overs := p.count(signalling.Answer), p.count(signalling.Over)
	p.say(signalling.In{T: signalling.Offer, Call: id, SDP: offer})
	eventually(t, "answer", 5*time.Second, func() bool { return p.count(signalling.Answer) > answers })
	var a signalling.AnswerMsg
	_ = json.Unmarshal(p.last(signalling.Answer), &a)
	if err := tp.Accept(a.SDP); err != nil {
		t.Fatal(err)
	}
	p.say(signalling.In{T: signalling.Heard, Call: id, Packets: heard})
	eventually(t, "end of the test call", 12*time.Second, func() bool { return p.count(signalling.Over) > overs })
	var over signalling.OverMsg
	_ = json.Unmarshal(p.last(signalling.Over), &over)
	return over.Result
}

// TestProof: granted is not enough, audio is.
func TestProof(t *testing.T) {
	tests := map[string]struct {
		page    testpage.Options
		heard   int
		result  testcall.Outcome
		mic     presence.Mic
		target  bool
		network string
		code    string
	}{
		"audio both ways": {testpage.Options{Level: 20}, 50, testcall.Passed, presence.MicGranted, true, "proven", ""},
		"silence":         {testpage.Options{Level: 127}, 50, testcall.Silent, presence.MicSilent, true, "proven", "microphone-silent"},
		"no audio":        {testpage.Options{Quiet: true}, 50, testcall.NoAudio, presence.MicGranted, false, "unproven", "no-audio"},
		"UDP blocked":     {testpage.Options{Absent: true}, 0, testcall.NoICE, presence.MicGranted, false, "unproven", "no-ice"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 1, provingOptions())
			p := l.login("t1")
			id := p.invited(1)
			eventually(t, "the page knows of the test", 5*time.Second, func() bool { return p.now().Network == "testing" })
			if l.target() || p.now().Target {
				t.Errorf("before the test call: target %v, state %+v", l.target(), p.now())
			}
			if r := p.call(id, tt.page, tt.heard); r != string(tt.result) {
				t.Errorf("result %s, want %s", r, tt.result)
			}
			eventually(t, "state", 5*time.Second, func() bool { return p.now().Network == tt.network })
			if s := p.now(); s.Target != tt.target || s.Code != tt.code || (tt.code != "") != (s.Remedy != "") {
				t.Errorf("state %+v", s)
			}
			eventually(t, "roster", 5*time.Second, func() bool { return l.target() == tt.target })
			if f := l.sessions(); len(f) != 1 || f[0].Mic != tt.mic || f[0].MicProven != tt.target {
				t.Errorf("facts %+v", f)
			}
			if n := l.srv.tester.Calls(); n != 0 {
				eventually(t, "the call is closed", 5*time.Second, func() bool { return l.srv.tester.Calls() == 0 })
			}
		})
	}
}

// TestProofIsKept: a proven microphone stays so on reload and while a new test
// runs; one that was taken away has to be proven anew.
func TestProofIsKept(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, provingOptions())
	p := l.login("t1")
	p.call(p.invited(1), testpage.Options{Level: 20}, 50)
	eventually(t, "target", time.Second, l.target)

	w := p.greeting()
	p.vanish()
	eventually(t, "gone", time.Second, func() bool { return !l.target() })
	p = l.open(signalling.In{Resume: w.Resume, Lead: true, Epoch: w.Epoch, Mic: &signalling.Claim{Perm: "granted"}})
	eventually(t, "resumed", time.Second, l.target)
	p.claim(granted())

	time.Sleep(retestPause)
	p.say(signalling.In{T: signalling.Retest, Why: "online"})
	id := p.invited(1)
	if !l.target() {
		t.Error("the proof was forgotten while it is renewed")
	}
	p.call(id, testpage.Options{Level: 20}, 50)

	p.claim(signalling.Claim{Perm: "granted", Probe: "ok", Lost: true})
	eventually(t, "lost", time.Second, func() bool { return !l.target() })
	p.claim(granted())
	id = p.invited(2)
	if l.target() {
		t.Error("the page's word alone brought the microphone back")
	}
	p.call(id, testpage.Options{Level: 20}, 50)
	eventually(t, "proven anew", time.Second, l.target)
}

// TestBadOffer: an offer that cannot be answered ends the test, with a reason.
func TestBadOffer(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, provingOptions())
	p := l.login("t1")
	p.say(signalling.In{T: signalling.Offer, Call: p.invited(1), SDP: "v=0\r\n" + strings.Repeat("a=x\r\n", 1000)})
	eventually(t, "state", 2*time.Second, func() bool { return p.now().Code == "bad-offer" })
	if p.now().Remedy == "" || l.target() {
		t.Errorf("state %+v", p.now())
	}
	p.invited(2) // tried again by itself after 2 s
}

func TestManyCandidates(t *testing.T) {
	t.Parallel()
	o := provingOptions()
	o.Limits.Burst = 200
	l := newLab(t, 1, o)
	p := l.login("t1")
	id := p.invited(1)
	for range signalling.MaxCandidates + 1 {
		p.say(signalling.In{T: signalling.Cand, Call: id, Candidate: &signalling.Candidate{
			Candidate: "candidate:1 1 udp 2113937151 192.0.2.1 9 typ host",
		}})
	}
	if c := p.gone(); c != 1008 {
		t.Errorf("close code %d", c)
	}
}

// TestQueue: with one slot, test calls run one after the other, and a page that
// goes gives its place back.
func TestQueue(t *testing.T) {
	t.Parallel()
	o := provingOptions()
	o.Limits.Tests, o.Limits.TestQueue = 1, 1
	l := newLab(t, 4, o)
	pages := make([]*page, 0, len(l.agents))
	for i, a := range l.agents {
		c := granted()
		pages = append(pages, l.open(signalling.In{Ticket: l.ticketFor(a.ID, a.ID.String()), Lead: true, Mic: &c}))
		if i == 0 {
			pages[0].invited(1)
		}
		if i == 1 {
			eventually(t, "second waits", time.Second, func() bool { return pages[1].now().Network == "queued" })
		}
	}
	for _, p := range pages[2:] {
		eventually(t, "the others are told", time.Second, func() bool { return p.now().Code == "busy" })
	}
	pages[0].vanish()
	pages[1].invited(1)
	pages[1].vanish()
	eventually(t, "one that was turned away tries again", 5*time.Second, func() bool {
		return pages[2].count(signalling.Test)+pages[3].count(signalling.Test) > 0
	})
}

// TestOverRealSockets: the whole way over TCP, with net/http's own server.
func TestOverRealSockets(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 1)
	o := provingOptions()
	o.Roster, o.Directory, o.Redeemer = h, h, h
	srv, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(srv)
	defer hs.Close()
	defer srv.Close()
	l := &lab{house: h, srv: srv, client: hs.Client(), t: t, url: hs.URL}
	p := l.login("t1")
	start := time.Now()
	p.call(p.invited(1), testpage.Options{Level: 20}, 50)
	eventually(t, "target", time.Second, l.target)
	t.Logf("proven %v after the invitation", time.Since(start))
	closed := time.Now()
	_ = p.ws.CloseNow()
	eventually(t, "no target", 200*time.Millisecond, func() bool { return !l.target() })
	t.Logf("no target %v after the socket closed", time.Since(closed))
}
