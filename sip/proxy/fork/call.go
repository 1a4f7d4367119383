package fork

import (
	"strings"
	"sync"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// Call is one INVITE on its way. Its methods are safe from any goroutine.
type Call struct {
	f     *Forker
	req   *transaction.Request
	plan  Plan // what follows Over alone is left of it then
	strip []message.Name
	mark  string

	mu       sync.Mutex
	branches []*branch // guarded by mu, as all below
	step     int       // the next to begin
	groups   []*redirected
	seen     []string    // Request-URIs that redirections led to
	breadth  int         // how many branches may be open at once, here and behind us
	next     *time.Timer // of that step
	limit    *time.Timer // of Plan.Ring
	begun    time.Time
	over     bool // it is decided which final response the caller gets
	winner   *branch
	passed   bool           // the caller was told that the winner answered
	released bool           // the winner was hung up instead
	late     int            // who may still Add more
	declined bool           // for good, so nothing more is begun
	dry      bool           // Plan.Dry knows that nothing rings
	why      message.Header // of the CANCELs when the caller gives up
	own      ours
	away     away
	told     []Event // what Tell has not been called with yet
	telling  bool
}

// Begin answers the INVITE by what the plan brings. The request must have been
// admitted; its flow's order is kept. A loop is answered 482.
func (f *Forker) Begin(req *transaction.Request, p Plan) *Call {
	c := &Call{f: f, req: req, plan: p, strip: p.Strip, mark: f.loopMark(req.Message), begun: time.Now(), breadth: breadthOf(req.Message, f.o.Breadth), away: away{back: p.Return}}
	if p.Late {
		c.late = 1
	}
	if looped(req.Message, c.mark) {
		c.overLocked(482) // nobody else knows of it yet
		req.Reply(482)
		c.tell()
		return c
	}
	req.Reply(100)
	if p.Ring > 0 {
		c.mu.Lock()
		c.limit = time.AfterFunc(p.Ring, func() { c.end(408) })
		c.mu.Unlock()
	}
	req.OnCancel(c.canceled)
	req.OnGone(c.callerGone)
	c.advance()
	return c
}

// Add rings more places, as a mobile app that has just been woken; nothing happens
// once the call is over.
func (c *Call) Add(more ...Target) {
	c.mu.Lock()
	if c.over || c.declined {
		c.mu.Unlock()
		return
	}
	start := make([]*branch, len(more))
	for i := range more {
		start[i] = c.newBranchLocked(more[i])
	}
	c.shareLocked(start)
	c.dry = false
	c.mu.Unlock()
	for _, b := range start {
		b.start()
	}
}

// Release says that Add brings no more: from now on the call may be refused.
func (c *Call) Release() {
	c.mu.Lock()
	c.late = max(0, c.late-1)
	c.dry = false
	c.mu.Unlock()
	c.advance()
}

// advance begins the steps whose time has come, or the next one if nothing else
// is left, and gives the refusal if nothing will follow.
func (c *Call) advance() {
	c.mu.Lock()
	start := c.redirectLocked()
	for !c.over && c.step < len(c.plan.Steps) {
		s := &c.plan.Steps[c.step]
		wait := s.After - time.Since(c.begun)
		if wait > 0 && c.openLocked() {
			if c.next != nil {
				c.next.Stop()
			}
			c.next = time.AfterFunc(wait, c.advance)
			break
		}
		c.step++
		for _, t := range s.Targets {
			start = append(start, c.newBranchLocked(t))
		}
	}
	c.shareLocked(start)
	dry := c.plan.Dry
	if c.dry || c.over || c.late == 0 || c.step != len(c.plan.Steps) || c.openLocked() {
		dry = nil
	}
	c.dry = c.dry || dry != nil
	if !c.over && c.late == 0 && c.step == len(c.plan.Steps) && !c.openLocked() {
		c.refuseLocked()
	}
	c.mu.Unlock()
	for _, b := range start {
		b.start()
	}
	c.tell()
	if dry != nil {
		c.f.Go(func() { dry(c) })
	}
}

// openLocked reports whether some branch may still answer.
func (c *Call) openLocked() bool {
	for _, b := range c.branches {
		if !b.ended {
			return true
		}
	}
	return false
}

func (c *Call) newBranchLocked(t Target) *branch {
	b := &branch{call: c, target: t, shift: t.Shift}
	c.branches = append(c.branches, b)
	return b
}

// canceled is the caller's CANCEL: the transaction layer answers 487.
func (c *Call) canceled() {
	said := c.req.CancelReasons()
	c.mu.Lock()
	if !c.over {
		why := c.why
		if why.Name == "" && len(said) > 0 { // RFC 3326 §2: who is canceled may know why
			why = message.Header{Name: message.Reason, Value: strings.Join(said, ", ")}
		}
		c.overLocked(487)
		c.cancelOthersLocked(nil, why)
	}
	c.mu.Unlock()
	c.tell()
}

// end gives the call up.
func (c *Call) end(status int) {
	c.mu.Lock()
	if !c.over {
		b := message.NewResponse(c.req.Message, status, "")
		c.refuseWithLocked(status, b)
		c.cancelOthersLocked(nil, c.why)
	}
	c.mu.Unlock()
	c.tell()
}

// overLocked ends the call's own part; branches may still have to be released.
func (c *Call) overLocked(status int) {
	c.decidedLocked()
	c.endedLocked(status)
}

// endedLocked is the last word on the call.
func (c *Call) endedLocked(status int) {
	c.told = append(c.told, Event{What: Over, Status: status, At: time.Now()})
}

// decidedLocked: nothing more is begun.
func (c *Call) decidedLocked() {
	c.over = true
	if c.own.rseq > 0 {
		c.own.stopLocked(c)
	}
	for _, t := range []*time.Timer{c.next, c.limit} {
		if t != nil {
			t.Stop()
		}
	}
}

// declinedLocked: no step, redirection or woken mobile follows.
func (c *Call) declinedLocked() {
	c.declined, c.step, c.groups, c.late = true, len(c.plan.Steps), nil, 0
}

// elsewhere keeps phones from showing a missed call (RFC 3326).
func elsewhere() message.Header {
	return message.Header{Name: message.Reason, Value: `SIP;cause=200;text="Call completed elsewhere"`}
}

// cancelOthersLocked ends every branch but one.
func (c *Call) cancelOthersLocked(but *branch, why message.Header) {
	for _, b := range c.branches {
		if b != but && !b.ended {
			b.cancelLocked(why)
		}
	}
}

// answeredLocked is the first 2xx.
func (c *Call) answeredLocked(b *branch, m *message.Message) {
	c.winner = b
	c.tellLocked(b, Answered, m.Status, m)
	c.cancelOthersLocked(b, elsewhere())
	c.decidedLocked()
	if c.plan.Settle == nil {
		c.passLocked(m)
	}
}

// settled tells the caller of the answer, or who answered that the caller has
// given up meanwhile.
func (c *Call) settled(m *message.Message) {
	c.mu.Lock()
	c.passLocked(m)
	c.mu.Unlock()
	c.tell()
}

func (c *Call) passLocked(m *message.Message) {
	if c.away.is {
		c.away.owed = m
		return
	}
	if c.req.Answered() { // canceled
		c.endedLocked(487)
		c.hangUpLocked(m, elsewhere())
		return
	}
	r, status := c.winner.judged(m)
	if status != 0 && !c.plan.InDialog {
		c.uselessLocked(m, status)
		return
	}
	c.passed = true
	c.endedLocked(m.Status)
	c.req.Respond(r)
}

// tellLocked notes an event; tell brings it out.
func (c *Call) tellLocked(b *branch, what What, status int, m *message.Message) {
	if c.over {
		return
	}
	c.told = append(c.told, Event{What: what, Target: b.target.ID, Way: b.way.Name, Status: status, Res: m, Flow: b.flow, At: time.Now()})
}

// tell calls Tell with what happened, unless somebody does already.
func (c *Call) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.telling {
		return
	}
	c.telling = true
	for len(c.told) > 0 {
		e := c.told[0]
		c.told = c.told[1:]
		c.mu.Unlock()
		if e.What == Answered && c.plan.Settle != nil {
			c.plan.Settle(e, func() { c.f.Go(func() { c.settled(e.Res) }) })
		} else if c.plan.Tell != nil {
			c.plan.Tell(e)
		}
		c.mu.Lock()
		if e.What == Over { // the rest need not be kept for as long as a 2xx may come again
			c.plan = Plan{InDialog: c.plan.InDialog, Many: c.plan.Many, Media: c.plan.Media}
		}
	}
	c.telling = false
}
