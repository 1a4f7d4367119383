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
	back func(context.Context) (*transport.Flow, error) // Plan.Return; it outlives the plan
	is   bool                                           // he is away, or it is looked whether he is
	owed *message.Message                               // the answer that he has not heard; nil: there is none
}

var errNoReturn = errors.New("fork: nobody knows another way to the caller")

// callerGone: the stream of the INVITE has ended.
func (c *Call) callerGone() {
	c.mu.Lock()
	if c.away.is || !c.undecidedLocked() {
		c.mu.Unlock()
		return
	}
	c.away.is = true
	c.sayLocked(Away)
	c.mu.Unlock()
	c.tell()
	c.f.Go(c.seekCaller)
}

// undecidedLocked: he was told neither that somebody answered nor that nobody will.
func (c *Call) undecidedLocked() bool { return !c.over || c.winner != nil && !c.passed }

// find is another flow to him.
func (c *Call) find() (*transport.Flow, error) {
	if c.away.back == nil {
		return nil, errNoReturn
	}
	ctx, cancel := context.WithTimeout(c.f.life, c.f.o.Grace)
	defer cancel()
	return c.away.back(ctx)
}

// seekCaller finds another way to him, or gives his call up. A refusal that was given
// meanwhile is said again there.
func (c *Call) seekCaller() {
	f, err := c.find()
	if err != nil {
		c.callerLost()
		return
	}
	c.mu.Lock()
	c.away.is = false
	open := c.undecidedLocked()
	if open {
		c.sayLocked(Back)
	}
	c.req.Return(f)
	if m := c.away.owed; m != nil {
		c.away.owed = nil
		c.passLocked(m)
	}
	c.mu.Unlock()
	c.tell()
	if open {
		c.req.OnGone(c.callerGone)
	}
}

// againLocked takes a 2xx that comes again: nobody has acknowledged it yet (RFC 3261
// §13.3.1.4), perhaps since he never heard of it. So it goes where he is reached now.
func (c *Call) againLocked(m *message.Message) {
	switch {
	case c.released: // the ACK was lost, the BYE comes again by itself
		c.winner.releaseLocked(m, message.Header{})
	case !c.passed || c.away.is:
	case c.away.back == nil:
		c.req.Again(c.winner.relayed(m))
	default:
		c.away.is = true
		c.f.Go(func() { c.repeat(m) })
	}
}

// repeat does that, if he is found; else who has answered gives up by himself.
func (c *Call) repeat(m *message.Message) {
	f, err := c.find()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away.is = false
	if err == nil {
		c.req.Return(f)
		c.req.Again(c.winner.relayed(m))
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
	} else if c.winner != nil && !c.passed {
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
