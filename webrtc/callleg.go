package webrtc

import "lamplight/sip/ua"

// leg is a dialog of a call. It passes on what happens, for the call's goroutine.
type leg struct {
	c  *call
	ua *ua.Call // set before others see the leg
}

var (
	_ ua.Handler    = (*leg)(nil)
	_ ua.KeyHandler = (*leg)(nil)
)

// Progress implements ua.Handler, as all below.
func (l *leg) Progress(status int, sdp []byte) {
	l.c.post(func() { l.c.progress(l, status, sdp) })
}

// Answered passes on.
func (l *leg) Answered(sdp []byte) { l.c.post(func() { l.c.connected(l, sdp) }) }

// Acknowledged passes on.
func (l *leg) Acknowledged(sdp []byte) { l.c.post(func() { l.c.acknowledged(l, sdp) }) }

// Offered passes on.
func (l *leg) Offered(o *ua.Offer) { l.c.post(func() { l.c.changed(l, o) }) }

// Referred passes on.
func (l *leg) Referred(r *ua.Referral) { l.c.post(func() { l.c.referred(l, r) }) }

// Transferred passes on.
func (l *leg) Transferred(status int) { l.c.post(func() { l.c.transferred(l, status) }) }

// Pressed implements ua.KeyHandler.
func (l *leg) Pressed(key byte) { l.c.post(func() { l.c.pressedBy(l, key) }) }

// Ended passes on.
func (l *leg) Ended(e ua.End) { l.c.post(func() { l.c.finished(l, e) }) }
