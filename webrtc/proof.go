package webrtc

import (
	"context"
	"net/netip"
	"time"

	"lamplight/presence"
	"lamplight/webrtc/microphone"
	"lamplight/webrtc/signalling"
	"lamplight/webrtc/testcall"
)

// Times of a test call.
const (
	offerWithin = 5 * time.Second // from the invitation to the page's offer
	retestPause = 2 * time.Second // between tests the page asks for
)

// retryPause is the pause after the n-th test in a row that proved nothing;
// after the last the page has to ask. Each test lights the recording sign and
// may switch a Bluetooth headset over, so they are few.
func retryPause(n int) (time.Duration, bool) {
	pauses := [...]time.Duration{2 * time.Second, 10 * time.Second, time.Minute}
	if n < 1 || n > len(pauses) {
		return 0, false
	}
	return pauses[n-1], true
}

type phase uint8

const (
	idle    phase = iota
	queued        // waits for a free slot
	invited       // the page was asked for its offer
	running       // a test call is up
)

// proof is how far a session's test call is; guarded by the seat's mu.
type proof struct {
	phase    phase
	call     string // id of the test call
	due      time.Time
	ticket   *place             // in the queue, and then the slot
	up       *testcall.Call     // while running
	cancel   context.CancelFunc // while running
	pending  []signalling.Candidate
	count    int // candidates of this call
	wanted   bool
	failures int
	next     time.Time // no test before; zero: at once
	given    bool      // no test until something changes
	remote   netip.Addr
	last     testcall.Result
}

// again allows a test at once.
func (p *proof) again() { p.failures, p.given, p.next = 0, false, time.Time{} }

// network says in one word what is known of the way of the audio.
func (x *session) network(v microphone.Verdict) string {
	switch {
	case x.srv.tester == nil:
		return "trusted"
	case x.proof.phase == queued:
		return "queued"
	case x.proof.phase != idle:
		return "testing"
	case v.Proven:
		return "proven"
	case x.proof.failures > 0:
		return "unproven"
	}
	return "untested"
}

// retest asks for a new test call; what was proven holds until it ends.
func (x *session) retest(now time.Time) {
	if x.srv.tester == nil || !x.leads() {
		return
	}
	last := x.proof.next
	x.proof.again()
	x.proof.wanted = true
	if last.After(now) {
		x.proof.next = now.Add(min(retestPause, last.Sub(now)))
	}
}

// stepTest moves the test call on and returns when to look again.
func (x *session) stepTest(now time.Time) time.Time {
	p := &x.proof
	need := x.srv.tester != nil && x.leads() && x.mic.Granted() && (x.mic.NeedsTest() || p.wanted)
	switch p.phase {
	case idle:
		if !need || p.given {
			return time.Time{}
		}
		if now.Before(p.next) {
			return p.next
		}
		l := x.link
		ticket, ok := x.srv.tests.enter(l.nudge)
		if !ok {
			x.srv.m.tests("busy")
			x.concluded(microphone.Unproven, "busy", now)
			return p.next
		}
		p.phase, p.ticket = queued, ticket
		x.tell()
		return x.stepTest(now)
	case queued:
		if !p.ticket.ready() {
			return time.Time{}
		}
		p.phase, p.call, p.due = invited, presence.NewID().String(), now.Add(offerWithin)
		p.count, p.pending, p.wanted = 0, nil, false
		x.link.send(signalling.Encode(signalling.TestMsg{
			T: signalling.Test, Call: p.call, Within: offerWithin.Milliseconds(),
		}))
		x.tell()
		return p.due
	case invited:
		if now.Before(p.due) {
			return p.due
		}
		x.srv.m.tests("no-offer")
		x.endTest("no-offer")
		x.concluded(microphone.Unproven, "no-offer", now)
	case running: // bounded by the call itself
	}
	return time.Time{}
}

// offer starts the test call the page was invited to.
func (x *session) offer(l *link, m signalling.In) bool {
	p := &x.proof
	if p.phase != invited || m.Call != p.call {
		x.srv.m.refuse("stray-offer")
		return true // its invitation may just have lapsed
	}
	if !x.srv.enter() {
		return false
	}
	ctx, cancel := context.WithCancel(x.srv.ctx)
	p.phase, p.cancel = running, cancel
	slot := p.ticket
	p.ticket = nil // the goroutine gives it back
	go x.runTest(ctx, cancel, slot, l, p.call, m.SDP)
	return true
}

// candidate adds one of the page's candidates to the test call.
func (x *session) candidate(l *link, m signalling.In) bool {
	p := &x.proof
	if m.Call != p.call || p.phase == idle {
		return true // late
	}
	if p.count++; p.count > signalling.MaxCandidates {
		x.abuse(l, "candidates", "too many candidates")
		return false
	}
	if p.up == nil {
		p.pending = append(p.pending, *m.Candidate)
		return true
	}
	x.addCandidate(*m.Candidate)
	return true
}

func (x *session) addCandidate(c signalling.Candidate) {
	if err := x.proof.up.Candidate(c.Candidate, c.Mid, c.Line); err != nil {
		x.srv.m.refuse("candidate")
		x.srv.o.Log.Debug().Str("session", x.id).Err(err).Msg("webphone candidate")
	}
}

func (x *session) heard(m signalling.In) {
	if x.proof.up != nil && m.Call == x.proof.call {
		x.proof.up.Heard(m.Packets)
	}
}

// runTest is the goroutine of one test call.
func (x *session) runTest(ctx context.Context, cancel context.CancelFunc, slot *place, l *link, id, sdp string) {
	defer x.srv.tasks.Done()
	defer slot.leave()
	defer cancel()
	call, answer, err := x.srv.tester.Answer(ctx, sdp)
	if err != nil {
		x.srv.o.Log.Info().Str("session", x.id).Str("src", l.remote.String()).Err(err).Msg("webphone test call")
		x.result(l, id, testcall.Result{Outcome: "bad-offer"})
		return
	}
	defer call.Close()
	if !x.started(l, id, call, answer) {
		return
	}
	x.result(l, id, call.Wait(ctx))
}

// started sends the answer, unless the test was given up meanwhile.
func (x *session) started(l *link, id string, call *testcall.Call, answer string) bool {
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	p := &x.proof
	if p.phase != running || p.call != id {
		return false
	}
	p.up = call
	for _, c := range p.pending {
		x.addCandidate(c)
	}
	p.pending = nil
	l.send(signalling.Encode(signalling.AnswerMsg{T: signalling.Answer, Call: id, SDP: answer}))
	return true
}

// result concludes from a finished test call.
func (x *session) result(l *link, id string, r testcall.Result) {
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	x.srv.m.tests(string(r.Outcome))
	p := &x.proof
	if p.phase != running || p.call != id || r.Outcome == testcall.Ended {
		return
	}
	x.srv.m.testSeconds.Observe(r.Audio.Seconds())
	x.srv.o.Log.Info().Str("session", x.id).Str("agent", x.seat.agent.String()).
		Str("src", l.remote.String()).Str("outcome", string(r.Outcome)).
		Dur("ice", r.ICE).Dur("dtls", r.DTLS).Dur("audio", r.Audio).
		Int("packets", r.Packets).Int("heard", r.Heard).Uint8("level", r.Level).
		Msg("webphone test call")
	p.last, p.remote = r, l.remote
	x.endTest(string(r.Outcome))
	switch r.Outcome {
	case testcall.Passed:
		x.concluded(microphone.Proven, "", time.Now())
	case testcall.Silent:
		x.concluded(microphone.Mute, "", time.Now())
	default:
		x.concluded(microphone.Unproven, string(r.Outcome), time.Now())
	}
	l.nudge()
}

// concluded takes the outcome into the verdict.
func (x *session) concluded(proof microphone.Proof, why string, now time.Time) {
	x.mic.Tested(proof, why)
	if proof == microphone.Unproven {
		x.proof.failures++
		pause, more := retryPause(x.proof.failures)
		x.proof.given, x.proof.next = !more, now.Add(pause)
	} else {
		x.proof.failures, x.proof.next = 0, now.Add(retestPause)
	}
	x.settle(x.mic.Verdict().Cause(x.backCause()))
}

// endTest tells the page that its test call is over, if one is.
func (x *session) endTest(result string) {
	p := &x.proof
	if p.phase == idle {
		return
	}
	if p.phase != queued && x.link != nil {
		x.link.send(signalling.Encode(signalling.OverMsg{T: signalling.Over, Call: p.call, Result: result}))
	}
	if p.ticket != nil {
		p.ticket.leave()
		p.ticket = nil
	}
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
	p.phase, p.up, p.pending = idle, nil, nil
}

// stopTest gives a test up without a verdict.
func (x *session) stopTest() { x.endTest("ended") }
