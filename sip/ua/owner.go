package ua

// tell tells the owner of a call what has happened to it. A call that comes is known to its
// flow, and to whom Incoming gives it, before Incoming has said who is told: what happens
// then waits for it. c.mu must not be held.
func (c *Call) tell(f func(Handler)) {
	c.mu.Lock()
	h := c.handler
	if h == nil {
		c.untold = append(c.untold, f)
	}
	c.mu.Unlock()
	if h != nil {
		f(h)
	}
}

// own makes h the owner, and tells it what has happened so far, in order.
func (c *Call) own(h Handler) {
	for {
		c.mu.Lock()
		if len(c.untold) == 0 {
			c.handler, c.untold = h, nil
			c.mu.Unlock()
			return
		}
		f := c.untold[0]
		c.untold = c.untold[1:]
		c.mu.Unlock()
		f(h)
	}
}
