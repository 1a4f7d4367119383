package webrtc

import (
	cryptorand "crypto/rand"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"math/rand/v2"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/ua"
	"lamplight/webrtc/liveness"
	"lamplight/webrtc/microphone"
	"lamplight/webrtc/signalling"
)

// session is one page. Everything below seat is guarded by seat.mu.
type session struct {
	srv    *Server
	id     string
	login  string // the login its ticket was made under
	device presence.DeviceID
	client string // web or desktop
	tab    string
	since  time.Time

	seat  *seat // set once, before the session is seen by others
	token string
	link  *link       // nil while the page is away
	grace *time.Timer // runs while the page is away
	ended bool

	iced time.Time // when the page was told of relays

	pulse  liveness.Pulse
	life   presence.SessionState
	frozen bool // the page said so; its next answer says otherwise
	rtt    time.Duration

	mic     microphone.Truth
	online  bool // the microphone was usable at some time
	proof   proof
	visible string

	phone   *ua.Phone        // nil until it is needed
	calls   map[string]*call // by id
	past    []CallInfo       // of calls that are over, the newest last
	holding holding          // which of them are about to be held

	devices []signalling.Device // by the page's word

	fact *presence.Session   // what the roster was told last; nil: nothing
	ack  *atomic.Uint64      // version of the snapshot that first had it; 0: none yet
	told signalling.StateMsg // what the page was told last
}

// leads reports whether this is the page that rings.
func (x *session) leads() bool { return x.seat.leader == x }

// welcome attaches a socket; the seat is locked.
func (x *session) welcome(l *link, m signalling.In, resumed bool) {
	now := time.Now()
	if old := x.link; old != nil {
		old.finish(ending{code: signalling.CloseReplaced, reason: "replaced"})
		x.stopTest()
	}
	if x.grace != nil {
		x.grace.Stop()
		x.grace = nil
	}
	// The way of the audio was proven from another address: prove it anew.
	moved := x.proof.remote.IsValid() && x.proof.remote != l.remote
	x.link, x.tab, x.visible, x.iced = l, m.Tab, m.Visible, now
	x.pulse = liveness.New(x.srv.o.Timing, now, rand.Float64)
	x.life, x.frozen, x.told = presence.SessionAlive, false, signalling.StateMsg{}
	x.srv.rename(x, newToken())
	x.seat.rewake()

	if m.Mic != nil {
		x.believe(*m.Mic)
	}
	x.chooseLead(m, now)
	l.send(signalling.Encode(signalling.WelcomeMsg{
		T: signalling.Welcome, Session: x.id, Resume: x.token, Resumed: resumed,
		Grace: x.seat.grace.Milliseconds(), Dead: x.srv.o.Timing.Lost.Milliseconds(),
		Lead: x.leads(), Epoch: x.seat.epoch, ICE: x.iceServers(),
		Calls: slices.Sorted(maps.Keys(x.calls)), Takes: signalling.Takes(),
	}))
	cause := presence.CauseLogin
	if resumed {
		cause = presence.CauseWebphoneBack
	}
	if x.leads() {
		x.probe("login")
		if moved {
			x.retest(now)
		}
	}
	x.settle(cause)
	x.recall()
	for _, other := range x.seat.sessions {
		if other != x {
			other.tell() // a leader that came back is not to be succeeded
		}
	}
}

// newToken is a fresh secret of 130 bits.
func newToken() string { return cryptorand.Text() }

// chooseLead decides whether this page leads. A page that led until its socket
// closed goes on; one that comes back with an old epoch does not take over from
// whoever was given the lead since.
func (x *session) chooseLead(m signalling.In, now time.Time) {
	st := x.seat
	switch {
	case !m.Lead:
		st.vacate(x)
	case st.leader == x:
	case m.Epoch == 0 || m.Epoch == st.epoch || st.leader == nil:
		st.claim(x, now)
	}
}

// settle makes the roster and the page know what is true now. It is called
// after every change, with the cause the roster shall note if it matters there.
func (x *session) settle(cause presence.Cause) {
	if x.ended {
		return
	}
	v := x.mic.Verdict()
	x.report(v, cause)
	x.tell()
}

// report puts the leader's fact if it differs from what the roster knows.
func (x *session) report(v microphone.Verdict, cause presence.Cause) {
	if !x.leads() {
		if x.fact != nil {
			x.seat.apply(cause, roster.DropSession{ID: x.id})
			x.fact = nil
		}
		return
	}
	f := presence.Session{
		ID: x.id, Device: x.device, Client: x.client, State: x.life,
		Mic: v.Mic, MicProven: v.Proven, Since: x.since,
	}
	if x.life == presence.SessionClosed {
		f.Closed = time.Now()
		if x.fact != nil && x.fact.State == presence.SessionClosed {
			f.Closed = x.fact.Closed
		}
	}
	if x.fact != nil && *x.fact == f {
		return
	}
	if x.fact == nil || x.fact.State == presence.SessionClosed {
		x.ack = new(atomic.Uint64)
	}
	ops := []roster.Op{roster.PutSession{Session: f}}
	if y := x.seat.yielded; y != "" && v.Usable {
		ops = append(ops, roster.DropSession{ID: y})
		x.seat.yielded = ""
	}
	x.fact = &f
	x.seat.applyAck(x.ack, cause, ops...)
	if v.Usable {
		x.online = true
	}
}

// tell sends the page the truth if it changed.
func (x *session) tell() {
	if x.link == nil {
		return
	}
	v := x.mic.Verdict()
	s := signalling.StateMsg{
		T: signalling.State, Leader: x.leader(), Life: string(x.life), Mic: string(v.Mic),
		Network: x.network(v), Code: v.Code, Sentence: v.Sentence, Remedy: v.Remedy,
	}
	s.Target = s.Leader == signalling.LeaderYou && x.life == presence.SessionAlive && v.Usable
	switch s.Leader {
	case signalling.LeaderOther:
		s.Code, s.Sentence = "other-tab", x.elsewhere()
		s.Remedy = "Press \"Use here\" to take it over."
	case signalling.LeaderNone:
		s.Code, s.Sentence, s.Remedy = "no-lead", "The phone is not in this tab.", ""
	}
	if s == x.told {
		return
	}
	x.told = s
	x.link.send(signalling.Encode(s))
}

// elsewhere is where the phone is instead; another session leads.
func (x *session) elsewhere() string {
	switch x.seat.leader.client {
	case x.client:
		return "The phone is in another tab or window."
	case "desktop":
		return "The phone is in the desktop client."
	default:
		return "The phone is in a browser."
	}
}

func (x *session) leader() signalling.Leader {
	switch x.seat.leader {
	case x:
		return signalling.LeaderYou
	case nil:
		return signalling.LeaderNone
	}
	// A leader whose page is away can be succeeded at once.
	if x.seat.leader.link == nil {
		return signalling.LeaderNone
	}
	return signalling.LeaderOther
}

// hear takes the page's word on its microphone.
func (x *session) hear(c signalling.Claim) {
	x.believe(c)
	x.settle(x.mic.Verdict().Cause(x.backCause()))
}

// believe takes the page's word into the verdict.
func (x *session) believe(c signalling.Claim) {
	granted := x.mic.Granted()
	x.mic.Hear(c)
	switch now := x.mic.Granted(); {
	case granted && !now:
		x.stopTest()
	case !granted && now:
		x.proof.again() // a microphone that came back is tried at once
	}
	if x.srv.o.TrustWithoutTest && x.mic.NeedsTest() {
		x.mic.Tested(microphone.Trusted, "")
	}
}

// backCause is the cause when the microphone becomes usable: at first it
// completes the login.
func (x *session) backCause() presence.Cause {
	if x.online {
		return presence.CauseWebphoneBack
	}
	return presence.CauseLogin
}

func (x *session) probe(why string) {
	x.link.send(signalling.Encode(signalling.ProbeMsg{T: signalling.Probe, Why: why}))
}

// away: the socket is closed or the page said goodbye. It is no target from now
// on and may come back within the grace time.
func (x *session) away() {
	if x.ended || x.link == nil {
		return
	}
	x.stopTest()
	x.link = nil
	x.seat.rewake()
	x.life = presence.SessionClosed
	x.unanswered()
	if x.seat.grace <= 0 && len(x.calls) == 0 {
		x.settle(presence.CauseWebphoneGone)
		x.remove()
		return
	}
	x.settle(presence.CauseWebphoneGone)
	for _, other := range x.seat.sessions {
		other.tell() // the lead may be asked for
	}
	x.wait()
}

// wait forgets the session after the grace time.
func (x *session) wait() {
	x.srv.mu.RLock()
	gone := x.srv.state == closed
	x.srv.mu.RUnlock()
	if gone {
		return
	}
	var timer *time.Timer
	grace := x.seat.grace
	if len(x.calls) > 0 {
		grace = max(grace, lingers)
	}
	timer = time.AfterFunc(grace, func() {
		if !x.srv.enter() {
			return
		}
		defer x.srv.tasks.Done()
		x.seat.mu.Lock()
		defer x.seat.mu.Unlock()
		if x.grace == timer && x.link == nil { // the roster ends the fact itself
			x.fact = nil
			x.remove()
		}
	})
	x.grace = timer
}

// drop ends the session at once and tells the page with the close code; a page
// that is silent is cut.
func (x *session) drop(cause presence.Cause, code int, reason string) {
	if x.ended {
		return
	}
	if x.fact != nil {
		x.seat.apply(cause, roster.DropSession{ID: x.id})
		x.fact = nil
	}
	if x.link != nil {
		x.link.finish(ending{code: statusCode(code), reason: reason, cut: code == signalling.CloseSilent})
	}
	x.remove()
}

// remove takes the session out of everything. Its fact, if any is left, ends by
// the roster's grace time.
func (x *session) remove() {
	if x.ended {
		return
	}
	x.ended = true
	x.stopTest()
	x.hangAll(signalling.WhyGone)
	if x.grace != nil {
		x.grace.Stop()
	}
	x.link = nil
	st := x.seat
	st.sessions = slices.DeleteFunc(st.sessions, func(o *session) bool { return o == x })
	st.vacate(x)
	st.rewake()
	x.srv.mu.Lock()
	delete(x.srv.resume, x.token)
	delete(x.srv.byID, x.id)
	x.srv.count--
	if len(st.sessions) == 0 {
		st.dead = true
		delete(x.srv.seats, st.agent)
	}
	x.srv.mu.Unlock()
}

// rename gives the session its next resume token. The old one is good no more,
// so that a goodbye under it that comes late ends nothing.
func (s *Server) rename(x *session, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.resume, x.token)
	x.token = token
	s.resume[token] = x
	s.byID[x.id] = x
}
