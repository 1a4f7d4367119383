package fork

import "lamplight/sip/message"

// Hold keeps the call from being refused until Release, as Plan.Late does, so that
// a place can be found that Add will ring; false: it is decided already.
func (c *Call) Hold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.declined {
		return false
	}
	c.late++
	return true
}

// Refuse gives the call up, unless it is decided already.
func (c *Call) Refuse(status int) { c.end(status) }

// Elsewhere says whether the caller is about to be connected by another dialog: if
// he takes his INVITE back meanwhile, nobody has missed a call.
func (c *Call) Elsewhere(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why = (message.Header{}); on {
		c.why = elsewhere()
	}
}

// Taken ends the call: the caller is connected by another dialog, which has
// replaced this one (RFC 3891 §3). He gets 487, as after the CANCEL that he sends.
func (c *Call) Taken() {
	c.mu.Lock()
	if !c.over {
		c.cancelOthersLocked(nil, elsewhere())
		c.refuseWithLocked(487, message.NewResponse(c.req.Message, 487, ""))
	}
	c.mu.Unlock()
	c.tell()
}
