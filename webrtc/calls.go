package webrtc

import (
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/ua"
	"lamplight/webrtc/signalling"
)

// Times of calls.
const (
	// pageWithin is how long its media may take, once the agent picked up.
	pageWithin = 5 * time.Second
	// lingers is how long a call outlives its page's socket, and failsAfter its media.
	lingers    = 10 * time.Second
	failsAfter = 15 * time.Second
)

// maxCalls of one page at once, and maxPast that are over and still known.
const (
	maxCalls = 4
	maxPast  = 8
)

// dialEvery is how often an agent's pages may make a call, and dialBurst how many at once. A
// call's RTP ports rest after it, so whoever dialled and hung up without end would
// leave none to others.
const (
	dialEvery = 2 * time.Second
	dialBurst = 10
)

// Reach is the Request-URI of a session's phone and the flow there; false: its page
// would not ring now. The phone is made when it is first needed and ends with the
// session.
func (s *Server) Reach(session string) (uri string, f *ua.Flow, ok bool) {
	x := s.find(session)
	if x == nil {
		return "", nil, false
	}
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if x.ended || x.link == nil || !x.leads() || x.life != presence.SessionAlive {
		return "", nil, false
	}
	p, err := x.dialTone()
	if err != nil {
		s.o.Log.Warn().Str("session", session).Err(err).Msg("webphone cannot be made a phone")
		return "", nil, false
	}
	return p.Contact(), p.Flow(), true
}

// Owner is whose phone is at the end of a flow, and as which device.
func (s *Server) Owner(f *ua.Flow) (presence.AgentID, presence.DeviceID, bool) {
	s.mu.RLock()
	x := s.phones[f]
	s.mu.RUnlock()
	if x == nil {
		return presence.AgentID{}, presence.DeviceID{}, false
	}
	return x.seat.agent, x.device, true
}

// Calls is how many calls pages have.
func (s *Server) Calls() int { return int(s.calling.Load()) }

func (s *Server) find(session string) *session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[session]
}

// dialTone is the session's phone; the seat is locked.
func (x *session) dialTone() (*ua.Phone, error) {
	s := x.srv
	if x.phone != nil {
		select {
		case <-x.phone.Flow().Done(): // it is of no use any more
			s.mu.Lock()
			delete(s.phones, x.phone.Flow())
			s.mu.Unlock()
			x.phone = nil
		default:
			return x.phone, nil
		}
	}
	if s.o.Calling.Phone == nil {
		return nil, ErrNoCalls
	}
	a, ok := s.o.Directory.Agent(x.seat.agent)
	if !ok || len(a.AORs) == 0 {
		return nil, ErrNoCalls
	}
	p, err := s.o.Calling.Phone(ua.PhoneOptions{
		Address: "sip:" + a.AORs[0], Name: a.Name, Calls: 2 * maxCalls, Incoming: x.incoming,
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // of this project
	}
	x.phone = p
	s.mu.Lock()
	s.phones[p.Flow()] = x
	s.mu.Unlock()
	return p, nil
}

// hangAll ends all calls and the phone; the seat is locked.
func (x *session) hangAll(why string) {
	for _, c := range x.calls {
		c.post(func() { c.end(why, 480, "") })
	}
	p := x.phone
	if p == nil {
		return
	}
	x.phone = nil
	x.srv.mu.Lock()
	delete(x.srv.phones, p.Flow())
	x.srv.mu.Unlock()
	p.Close()
}

// say sends the page a message, if it is there.
func (x *session) say(m any) {
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	x.sayLocked(m)
}

func (x *session) sayLocked(m any) {
	if x.link != nil {
		x.link.send(signalling.Encode(m))
	}
}

// add takes a call in under its id and starts it; the seat is locked.
func (x *session) add(c *call, begin func()) bool {
	if x.ended || len(x.calls) >= maxCalls || !x.srv.enter() {
		return false
	}
	if x.calls == nil {
		x.calls = make(map[string]*call)
	}
	x.calls[c.id] = c
	c.begins()
	x.srv.calling.Add(1)
	go c.run(begin)
	return true
}

// onCall takes a message about a call; false: it is about none. The seat is locked.
func (x *session) onCall(m signalling.In) bool {
	c := x.calls[m.Call]
	switch m.T {
	case signalling.Offer, signalling.Cand:
		if c == nil {
			return false // of a test call
		}
	case signalling.Dial:
		x.dial(m, c != nil)
		return true
	case signalling.Answer, signalling.RingAck, signalling.Accept, signalling.Reject, signalling.Hangup,
		signalling.Hold, signalling.Mute, signalling.Keys, signalling.Transfer, signalling.Restart:
	case signalling.Figures:
		if c == nil { // it has just ended
			x.srv.m.refuse("stray-call")
			return true
		}
	default:
		return false
	}
	if c == nil { // of a call that is over, or of somebody else
		x.srv.m.refuse("stray-call")
		x.srv.o.Log.Info().Str("session", x.id).Str("agent", x.seat.agent.String()).Str("call", m.Call).
			Str("type", string(m.T)).Msg("webphone has no such call")
		x.sayLocked(signalling.CallMsg{T: signalling.Call, Call: m.Call, State: signalling.CallOver, Why: signalling.WhyGone})
		return true
	}
	var with *call
	if m.With != "" {
		with = x.calls[m.With]
	}
	if m.T == signalling.Hold && m.On {
		x.holding.begins(c)
	}
	c.post(func() { c.page(m, with) })
	return true
}

// dial begins a call of the agent's; the seat is locked.
func (x *session) dial(m signalling.In, known bool) {
	p, err := x.dialTone()
	c := newCall(x, m.Call)
	c.out, c.number = true, m.To
	var no string
	switch {
	case known:
		no = "This call has been made already."
	case err != nil:
		no = "Calls cannot be made from this page."
	case !x.leads():
		no = "The phone is not in this tab."
	case len(x.calls) < maxCalls && !x.seat.dials.Allow():
		no = "Too many calls were made in a short time. Try again in a moment."
	case !x.add(c, func() { c.dials(p, m.SDP) }):
		no = "There are too many calls."
	default:
		return
	}
	x.srv.m.refuse("dial")
	x.srv.o.Log.Info().Str("session", x.id).Str("agent", x.seat.agent.String()).Err(err).Str("why", no).Msg("webphone call refused")
	if known {
		return // the one that is there goes on
	}
	x.sayLocked(signalling.CallMsg{
		T: signalling.Call, Call: m.Call, State: signalling.CallOver, Out: true, From: m.To, Why: signalling.WhyRefused, Sentence: no,
	})
}

// incoming takes a call for the page. It is called on the flow's goroutine.
func (x *session) incoming(u *ua.Call) ua.Handler {
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if old := u.Replaces(); old != nil {
		for _, c := range x.calls {
			if l := c.leg.Load(); l != nil && l.ua == old {
				if next := (&leg{c: c, ua: u}); c.wanted(next) {
					return next
				}
			}
		}
		return nil // 481
	}
	if x.ended || x.link == nil || !x.leads() || x.life != presence.SessionAlive {
		return nil
	}
	c := newCall(x, presence.NewID().String())
	l := &leg{c: c, ua: u}
	c.leg.Store(l)
	if !x.add(c, c.comes) {
		return nil
	}
	return l
}

// recall tells a page that came back of its calls; the seat is locked.
func (x *session) recall() {
	for _, c := range x.calls {
		c.post(c.retell)
	}
}

// unanswered: the page is away, so what rings in it rings no more. The seat is
// locked.
func (x *session) unanswered() {
	for _, c := range x.calls {
		c.post(c.unheard)
	}
}

// linger keeps a session whose page is silent for the sake of its calls: they go on
// if it comes back in time. The seat is locked.
func (x *session) linger(cause presence.Cause) bool {
	if len(x.calls) == 0 || x.link == nil {
		return false
	}
	if x.fact != nil {
		x.seat.apply(cause, roster.DropSession{ID: x.id})
		x.fact = nil
	}
	x.stopTest()
	x.link.finish(ending{code: signalling.CloseSilent, reason: "silent", cut: true})
	x.link = nil
	x.life = presence.SessionClosed
	x.seat.rewake()
	x.unanswered()
	for _, other := range x.seat.sessions {
		other.tell()
	}
	x.wait()
	return true
}
