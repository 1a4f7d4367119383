package featurecode

import (
	"strconv"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// The timers of a 2xx (RFC 3261 §13.3.1.4): it is repeated at T1, doubling to
// T2, for 64×T1.
const (
	t1      = 500 * time.Millisecond
	t2      = 4 * time.Second
	patient = 64 * t1
)

// callKey names a dialog of ours: Call-ID and our tag.
type callKey struct{ callID, tag string }

// call is a code's call, from its 200 to the end of our BYE.
type call struct {
	key    callKey
	r      *transaction.Request
	answer *message.Builder
	since  time.Time
	wait   time.Duration // guarded by Server.mu
	timer  *time.Timer   // nil once the ACK came; guarded by Server.mu
	over   bool          // the BYE is on its way, or the caller's came; guarded by Server.mu
	free   func(bool)    // of the dialling; nil: nobody waits
}

// accept answers 200, and repeats it until the ACK.
func (s *Server) accept(d *dialling, said string) {
	tag := message.NewTag()
	c := &call{key: callKey{d.r.CallID(), tag}, r: d.r, since: time.Now(), wait: t1, free: d.free}
	c.answer = message.NewResponse(d.r.Message, 200, "").ToTag(tag).
		Add(message.Contact, "<"+s.o.Transactions.LocalURI(d.r.Flow, "")+">").
		Add(message.Allow, "INVITE, ACK, CANCEL, BYE").
		// RFC 3261 §20.43: 399 is a warning in words.
		Add(message.Warning, "399 "+d.by.Domain.Name()+" "+message.Quote(said)).
		Body("application/sdp", d.sdp)
	c.answer.Bytes() // complete from here on: the timer sends it, too
	if d.r.Answered() {
		if d.free != nil {
			d.free(false)
		}
		return // cancelled meanwhile; what was done stays done
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.calls[c.key] = c
	s.timers.Add(1)
	c.timer = time.AfterFunc(c.wait, func() { s.repeat(c) })
	s.mu.Unlock()
	s.respond(d.r, string(d.code.Does), c.answer)
}

// repeat sends the 200 again, or gives up.
func (s *Server) repeat(c *call) {
	s.mu.Lock()
	if c.timer == nil {
		s.mu.Unlock()
		return // the ACK came as the timer fired
	}
	if time.Since(c.since) >= patient {
		s.stopLocked(c)
		s.mu.Unlock()
		s.end(c)
		return
	}
	c.wait = min(2*c.wait, t2)
	c.timer.Reset(min(c.wait, patient-time.Since(c.since)))
	s.mu.Unlock()
	c.r.Again(c.answer)
}

// stopLocked ends the repetition.
func (s *Server) stopLocked(c *call) {
	if c.timer != nil {
		c.timer.Stop() // one that has fired finds that it is not wanted
		c.timer = nil
		s.timers.Done()
	}
}

// InDialog answers what belongs to the call of a code; false: it does not.
func (s *Server) InDialog(r *transaction.Request) bool {
	tag := r.ToTag()
	if tag == "" {
		return false
	}
	s.mu.Lock()
	c := s.calls[callKey{r.CallID(), tag}]
	if c == nil || c.r.FromTag() != r.FromTag() {
		s.mu.Unlock()
		return false
	}
	s.mu.Unlock()
	switch r.Method {
	case "ACK":
		s.acknowledged(c)
	case "BYE":
		r.Reply(200)
		s.left(c)
	default:
		r.Reply(488) // there is nothing to be changed in it
	}
	return true
}

// acknowledged ends the call: there is nothing to say.
func (s *Server) acknowledged(c *call) {
	s.mu.Lock()
	first := c.timer != nil
	s.stopLocked(c)
	s.mu.Unlock()
	if first {
		s.end(c)
	}
}

// left: the caller was quicker.
func (s *Server) left(c *call) {
	s.mu.Lock()
	s.stopLocked(c)
	if !c.over {
		delete(s.calls, c.key)
	}
	c.over = true
	s.mu.Unlock()
	c.freed()
}

// end sends our BYE.
func (s *Server) end(c *call) {
	s.mu.Lock()
	late := c.over || s.closed
	c.over = true
	s.mu.Unlock()
	if late {
		return
	}
	forget := func() {
		s.mu.Lock()
		delete(s.calls, c.key)
		s.mu.Unlock()
		c.freed()
	}
	b, ok := c.bye()
	if !ok {
		forget()
		return
	}
	s.o.Transactions.Send(c.r.Flow, b, func(*message.Message, error) { forget() })
}

// bye is a BYE of the dialog (RFC 3261 §12.2.1.1); false: the INVITE had no
// contact to send it to.
func (c *call) bye() (*message.Builder, bool) {
	contacts, err := c.r.Contacts()
	if err != nil || len(contacts) == 0 || contacts[0].URI == "" {
		return nil, false
	}
	target := contacts[0].URI
	hops, err := c.r.Addresses(message.RecordRoute)
	if err != nil {
		return nil, false
	}
	var routes []string
	for _, h := range hops {
		routes = append(routes, h.String())
	}
	if len(hops) > 0 {
		if u, err := message.ParseURI(hops[0].URI); err == nil {
			if _, loose := u.Params.Get("lr"); !loose {
				routes, target = append(routes[1:], "<"+target+">"), hops[0].URI
			}
		}
	}
	b := message.NewRequest("BYE", target).Add(message.MaxForwards, "70")
	for _, route := range routes {
		b.Add(message.Route, route)
	}
	return b.Add(message.From, c.r.Get(message.To)+";tag="+c.key.tag).Add(message.To, c.r.Get(message.From)).
		Add(message.CallID, c.key.callID).Add(message.CSeq, strconv.Itoa(1)+" BYE"), true
}
