package calls

import (
	"lamplight/presence"
	"lamplight/sip/message"
)

// Lose ends an answered call that somebody else found to be lost. In its name the
// to-tag is the callee's.
func (t *Tracker) Lose(d message.DialogName) {
	t.mu.Lock()
	c := t.calls[d.CallID+"\x00"+d.FromTag]
	t.mu.Unlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept.ToTag == d.ToTag {
		c.lostLocked(presence.CauseFactExpired)
	}
}

// lost ends a call that no BYE has ended.
func (c *Call) lost(cause presence.Cause) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lostLocked(cause)
}

func (c *Call) lostLocked(cause presence.Cause) {
	if c.ended {
		return
	}
	callee, near := c.dialogLocked(false)
	caller, far := c.dialogLocked(true)
	c.endLocked(cause, nothing)
	if near && far && c.t.o.Lost != nil {
		c.t.o.Lost(callee, caller)
	}
}
