package calls

import (
	"slices"
	"strings"
	"time"

	"github.com/pion/sdp/v3"

	"lamplight/presence"
	"lamplight/sip/message"
)

// Seen takes a request of a dialog that is being passed on: a BYE ends the call,
// whatever becomes of it (RFC 3261 §15.1.1: who sends one has left). settled is
// called once that is durable, or at once where there is nothing to end.
func (t *Tracker) Seen(m *message.Message, settled func()) {
	if m.Method == "REFER" {
		t.refers(m)
	}
	if m.Method == "BYE" {
		if c, byCaller := t.find(m); c != nil && (c.has(m, byCaller) || c.tooSoon(m, byCaller)) {
			c.end(presence.CauseCallEnd, settled)
			return
		}
	}
	settled()
}

// Answered takes the final response to a request of a dialog: hold and resume,
// and the session timer. A refusal that says that there is no such dialog ends it
// (RFC 5057 §5.1).
func (t *Tracker) Answered(req, res *message.Message) {
	c, byCaller := t.find(req)
	if c == nil || !c.has(req, byCaller) {
		return
	}
	switch {
	case res.Status == 481 || res.Status == 408:
		if req.Method == "INVITE" || req.Method == "UPDATE" {
			c.lost(presence.CauseCallEnd)
		}
	case res.Status >= 200 && res.Status < 300 && (req.Method == "INVITE" || req.Method == "UPDATE"):
		c.renewed(req, res, byCaller)
	}
}

// find is the call of a request within a dialog, and whether the caller sent it.
func (t *Tracker) find(m *message.Message) (c *Call, byCaller bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c = t.calls[m.CallID()+"\x00"+m.FromTag()]; c != nil {
		return c, true
	}
	return t.calls[m.CallID()+"\x00"+m.ToTag()], false
}

// end ends the call, if it has not, and calls then when that is durable or has
// failed.
func (c *Call) end(cause presence.Cause, then func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		then()
		return
	}
	c.endLocked(cause, then)
}

func nothing() {}

// Within reports whether the request is of the dialog of a call that was answered.
func (t *Tracker) Within(m *message.Message) bool {
	c, byCaller := t.find(m)
	return c != nil && c.has(m, byCaller)
}

// has reports whether the request is of the dialog that was answered, and not of one
// that another phone behind the same branch began (RFC 3261 §12.1).
func (c *Call) has(m *message.Message, byCaller bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered && calleesTag(m, byCaller) == c.kept.ToTag
}

// calleesTag is what the callee's end is called in a request of the dialog.
func calleesTag(m *message.Message, byCaller bool) string {
	if byCaller {
		return m.ToTag()
	}
	return m.FromTag()
}

// mostLeft bounds the early dialogs of a call that are known to be over.
const mostLeft = 32

// tooSoon notes a BYE that came before its 2xx: that was lost, or the BYE overtook
// it. Both ends take the call to be over once they have both, so it must not begin
// with the 2xx that comes again; retransmissions of the BYE are not seen. It is
// true where the 2xx has come meanwhile.
func (c *Call) tooSoon(m *message.Message, byCaller bool) bool {
	tag := calleesTag(m, byCaller)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered {
		return tag == c.kept.ToTag
	}
	if len(c.left) < mostLeft && !slices.Contains(c.left, tag) {
		c.left = append(c.left, strings.Clone(tag))
	}
	return false
}

// renewed takes a re-INVITE or UPDATE that was accepted.
func (c *Call) renewed(req, res *message.Message, byCaller bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || !c.answered {
		return
	}
	until := sessionEnd(res, time.Now())
	for _, s := range c.kept.sides() {
		s.Leg.Expires = until
	}
	c.movedLocked(req, res, byCaller)
	offer := req.Body
	if len(offer) == 0 { // the answer is in the ACK; the 2xx has the offer (RFC 3261 §14.2)
		offer, byCaller = res.Body, !byCaller
	}
	side := c.kept.Callee
	if byCaller {
		side = c.kept.Caller
	}
	if held, known := holds(offer); known && side != nil {
		side.Leg.State = presence.LegTalking
		if held {
			side.Leg.State = presence.LegHeld
		}
	}
	c.putAllLocked(presence.CauseCallStart, nothing)
}

// holds reports whether a session description stops the other side's media (RFC
// 3264 §8.4; RFC 2543 used the address 0.0.0.0).
func holds(body []byte) (held, known bool) {
	var d sdp.SessionDescription
	// The end of the last line is missing in what some phones send.
	if len(body) == 0 || d.UnmarshalString(strings.TrimRight(string(body), "\r\n")+"\r\n") != nil || len(d.MediaDescriptions) == 0 {
		return false, false
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
			continue
		}
		c := m.ConnectionInformation
		if c == nil {
			c = d.ConnectionInformation
		}
		if c != nil && c.Address != nil && c.Address.Address == "0.0.0.0" {
			return true, true
		}
		return direction(m, &d), true
	}
	return false, false
}

// direction reports whether a stream sends only or is inactive; the session's
// attribute counts where the stream has none (RFC 8866 §6.7).
func direction(m *sdp.MediaDescription, d *sdp.SessionDescription) (held bool) {
	for _, list := range [][]sdp.Attribute{m.Attributes, d.Attributes} {
		for _, a := range list {
			switch a.Key {
			case "sendonly", "inactive":
				return true
			case "sendrecv", "recvonly":
				return false
			}
		}
	}
	return false
}

// slack is how long after a session timer its end still counts: a refresh comes
// at half of it, and a BYE a little before (RFC 4028 §10).
const slack = 32 * time.Second

// sessionEnd is when a call is over that nobody refreshes; zero where no session
// timer was agreed on.
func sessionEnd(res *message.Message, now time.Time) time.Time {
	v, _, _ := strings.Cut(res.Get(message.SessionExpires), ";")
	if seconds, ok := message.ParseSeconds(strings.TrimSpace(v)); ok && seconds > 0 {
		return now.Add(time.Duration(min(seconds, 86400))*time.Second + slack)
	}
	return time.Time{}
}
