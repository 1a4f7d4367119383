package fork

import (
	"context"
	"errors"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// away is a caller whose stream has ended while his call is on its way: he hears
// nothing, and can take nothing back. It goes on for as long as he may come back by
// another flow (Plan.Return, Options.Grace), and an answer waits for him.
type away struct {
	is   bool             // he is away
	owed *message.Message // the answer that he has not heard; nil: there is none
}

var errNoReturn = errors.New("fork: nobody knows another way to the caller")

// callerGone: the stream of the INVITE has ended.
func (c *Call) callerGone() {
	c.mu.Lock()
	if c.away.is || c.over && (c.winner == nil || c.passed) {
		c.mu.Unlock()
		return
	}
	c.away.is = true
	back := c.plan.Return
	c.sayLocked(Away)
	c.mu.Unlock()
	c.tell()
	c.f.Go(func() { c.seekCaller(back) })
}

// seekCaller finds another way to him, or gives his call up.
func (c *Call) seekCaller(back func(context.Context) (*transport.Flow, error)) {
	var f *transport.Flow
	err := errNoReturn
	if back != nil {
		ctx, cancel := context.WithTimeout(c.f.life, c.f.o.Grace)
		defer cancel()
		f, err = back(ctx)
	}
	if err != nil {
		c.callerLost()
		return
	}
	c.mu.Lock()
	c.away.is = false
	open := !c.over || c.winner != nil && !c.passed
	if open {
		c.sayLocked(Back)
		c.req.Return(f)
		if m := c.away.owed; m != nil {
			c.away.owed = nil
			c.passLocked(m)
		}
	}
	c.mu.Unlock()
	c.tell()
	if open {
		c.req.OnGone(c.callerGone)
	}
}

// callerLost ends the call as if he had taken it back; who has answered is released.
func (c *Call) callerLost() {
	c.mu.Lock()
	c.away.is = false
	if !c.over {
		b := message.NewResponse(c.req.Message, 487, "")
		c.refuseWithLocked(487, b)
		c.cancelOthersLocked(nil, message.Header{Name: message.Reason, Value: `SIP;cause=487;text="The caller's connection is gone"`})
	} else if !c.passed {
		c.req.Reply(487) // nobody hears it; the answer is late
		if m := c.away.owed; m != nil {
			c.away.owed = nil
			c.passLocked(m)
		}
	}
	c.mu.Unlock()
	c.tell()
}

// sayLocked notes an event of the caller's, before the last one.
func (c *Call) sayLocked(what What) {
	c.told = append(c.told, Event{What: what, At: time.Now()})
}
