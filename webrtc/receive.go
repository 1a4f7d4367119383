package webrtc

import (
	"time"

	"lamplight/presence"
	"lamplight/webrtc/signalling"
)

// handle takes one message; false closes the socket.
func (x *session) handle(l *link, m signalling.In) bool {
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if x.link != l || x.ended {
		return true // the rest of a socket that was replaced
	}
	if x.onCall(m) {
		l.nudge()
		return true
	}
	now := time.Now()
	switch m.T {
	case signalling.Pong:
		x.pong(m, now)
	case signalling.Mic:
		x.hear(*m.Mic)
	case signalling.Devices:
		x.devices = m.Devices
	case signalling.Lead:
		x.lead(now)
	case signalling.Retest:
		x.retest(now)
		x.settle(presence.CauseMicPending)
	case signalling.Freeze:
		x.frozen = true
		x.judgeLife(now)
	case signalling.Offer:
		return x.offer(l, m)
	case signalling.Cand:
		return x.candidate(l, m)
	case signalling.Heard:
		x.heard(m)
	case signalling.Bye:
		x.bye(m.Why)
	case signalling.Hello:
		x.abuse(l, "invalid", "second hello")
		return false
	}
	l.nudge()
	return true
}

// pong is the proof of life: the page's own code answered.
func (x *session) pong(m signalling.In, now time.Time) {
	trip, ok := x.pulse.Pong(m.N, now)
	if !ok {
		x.srv.m.refuse("stray-pong")
		return
	}
	x.rtt = trip
	x.srv.m.rtt.Observe(trip.Seconds())
	thawed := x.frozen
	x.frozen = false
	if m.Visible != "" {
		x.visible = m.Visible
	}
	x.judgeLife(now)
	if m.Mic != nil && !sameClaim(x.mic.Claim(), *m.Mic) {
		x.hear(*m.Mic)
	}
	if thawed && x.leads() {
		x.probe("wake")
	}
}

func sameClaim(a, b signalling.Claim) bool {
	inputs := (a.Inputs == nil) == (b.Inputs == nil) && (a.Inputs == nil || *a.Inputs == *b.Inputs)
	a.Inputs, b.Inputs = nil, nil
	return inputs && a == b
}

// lead takes the phone into this tab.
func (x *session) lead(now time.Time) {
	if x.leads() {
		return
	}
	x.seat.claim(x, now)
	x.probe("login")
	x.retest(now) // what it proved before it was passed over may be long ago
	x.settle(presence.CauseLogin)
}

// bye: the page is going.
func (x *session) bye(why string) {
	l := x.link
	if why == signalling.ByeLogout {
		x.drop(presence.CauseLogout, 1000, "logged out")
		return
	}
	x.away()
	if l != nil {
		l.finish(ending{code: 1000, reason: "bye"})
	}
}
