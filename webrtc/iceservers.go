package webrtc

import (
	"time"

	"lamplight/webrtc/signalling"
)

// iceServers are what the page may use to be reached.
func (x *session) iceServers() []signalling.ICEServer {
	o := &x.srv.o
	if o.ICEServersOf == nil {
		return o.ICEServers
	}
	return append(append([]signalling.ICEServer{}, o.ICEServers...), o.ICEServersOf(x.seat.agent.String())...)
}

// renew tells the page fresh credentials before those it has run out, and says when
// it is time for the next ones: with half of their life left, a call that begins now
// gets its relay in any case.
func (x *session) renew(l *link, now time.Time) (due time.Time) {
	every := x.srv.o.ICELife / 2
	if every <= 0 {
		return time.Time{}
	}
	if due = x.iced.Add(every); due.After(now) {
		return due
	}
	x.iced = now
	l.send(signalling.Encode(signalling.ICEMsg{T: signalling.ICE, ICE: x.iceServers()}))
	return now.Add(every)
}
