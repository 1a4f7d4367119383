package webrtc

import "time"

// holdWithin is how long a call that the agent makes waits for his others to be held.
const holdWithin = 2 * time.Second

// holding are the calls of a session that the agent holds and whose other side has not
// agreed yet. While it has not, everybody else takes the agent for talking, and the rule
// of consultations (a held call and nothing else) lets no further call out. So a call
// made meanwhile waits. The seat's lock guards it.
type holding struct {
	calls map[*call]bool
	then  []func() // once there are none
}

func (h *holding) begins(c *call) {
	if h.calls == nil {
		h.calls = make(map[*call]bool)
	}
	h.calls[c] = true
}

// ends: the other side has answered, there was nothing to ask it, or the call is over.
func (h *holding) ends(c *call) {
	delete(h.calls, c)
	if len(h.calls) > 0 {
		return
	}
	for _, f := range h.then {
		f()
	}
	h.then = nil
}

// settled: whether the other side is to be held is no question any more.
func (c *call) settled() {
	c.x.seat.mu.Lock()
	defer c.x.seat.mu.Unlock()
	c.x.holding.ends(c)
}

// onceHeld does what it is given when the agent's other calls are held, or in
// holdWithin: who never answers stops no call.
func (c *call) onceHeld(do func()) {
	h := &c.x.holding
	c.x.seat.mu.Lock()
	if len(h.calls) == 0 {
		c.x.seat.mu.Unlock()
		do()
		return
	}
	done := false // the call's own, as all that it posts
	once := func() {
		if !done {
			done = true
			do()
		}
	}
	h.then = append(h.then, func() { c.post(once) })
	c.x.seat.mu.Unlock()
	c.after(holdWithin, once)
}
