package fork

import (
	"strings"

	"lamplight/sip/message"
)

// Hold keeps the call from being refused until Release, as Plan.Late does, so that
// a place can be found that Add will ring; false: it is decided already.
func (c *Call) Hold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.late++
	return true
}

// Refuse gives the call up, unless it is decided already.
func (c *Call) Refuse(status int) { c.end(status) }

// Provisional gives the caller a provisional response of our own, unless the call
// is decided. Where the caller requires that such are acknowledged (RFC 3262), it
// is not given: nobody here would wait for the PRACK.
func (c *Call) Provisional(status int, phrase string, headers ...message.Header) {
	for _, v := range c.req.Values(message.Require) {
		if strings.Contains(v, "100rel") {
			return
		}
	}
	b := message.NewResponse(c.req.Message, status, phrase)
	for _, h := range headers {
		b.Add(h.Name, h.Value)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.req.Respond(b)
	}
}

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
