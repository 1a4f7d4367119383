package anchor

import (
	"strings"

	"lamplight/sip/message"
)

// Lost is what it takes to hang up a call that has lost its audio. The dialog is the
// two sides' own, so each has to be sent what looks like the other's BYE.
type Lost struct {
	// Caller and Callee are what From and To say of them, tags included.
	Caller, Callee string
	// CallerSeq and CalleeSeq are the next numbers of each, as the other side counts
	// (RFC 3261 §12.2.1.1).
	CallerSeq, CalleeSeq uint32
}

// said is what both sides have said of themselves; its call's mutex guards it.
type said struct {
	caller, callee       string
	invite               uint32 // number of the INVITE
	callerSeq, calleeSeq uint32 // the highest that each has sent
	shift                uint32 // how far the caller's are ahead at the callee
}

func (s *said) begins(invite *message.Message) {
	s.caller = strings.Clone(invite.Get(message.From))
	s.invite, _ = invite.CSeq()
	s.callerSeq = s.invite
}

func (s *said) answers(res *message.Message) {
	s.callee = strings.Clone(res.Get(message.To))
	if n, _ := res.CSeq(); n > s.invite { // a trunk was given our credentials
		s.shift = n - s.invite
	}
}

func (s *said) counts(m *message.Message, byCaller bool) {
	n, _ := m.CSeq()
	if byCaller {
		s.callerSeq = max(s.callerSeq, n)
	} else {
		s.calleeSeq = max(s.calleeSeq, n)
	}
}

// Lost ends a call that was answered and is lost, and says how to hang it up; false: the
// gateway is in none of that name, in which the to-tag is the callee's.
func (cs *Calls) Lost(d message.DialogName) (Lost, bool) {
	c := cs.find(d.CallID)
	if c == nil {
		return Lost{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.won == nil || c.over || d.FromTag != c.caller || d.ToTag != c.callee {
		return Lost{}, false
	}
	c.endLocked()
	s := &c.said
	return Lost{Caller: s.caller, Callee: s.callee, CallerSeq: s.callerSeq + s.shift + 1, CalleeSeq: s.calleeSeq + 1}, true
}

// lost has a call hung up that has no audio any more, unless it is over.
func (c *Call) lost() {
	c.mu.Lock()
	over, name := c.over, message.DialogName{CallID: c.id, FromTag: c.caller, ToTag: c.callee}
	c.mu.Unlock()
	if over {
		return
	}
	c.cs.log.Info().Str("call_id", c.id).Msg("a call has lost its audio and is hung up")
	c.cs.lose(name)
	c.end() // whether or not somebody follows it
}

// begin has Close wait for something; nothing begins after that.
func (cs *Calls) begin(do func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !cs.closed {
		cs.work.Go(do)
	}
}
