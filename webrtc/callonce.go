package webrtc

// takes tells the page that something to be done once has arrived, and reports whether it
// is the first time. A page whose connection was lost does not know what arrived by it, so
// it says again, by the same number, what it was told nothing of. Numbers grow within the
// call; what has none is always taken.
func (c *call) takes(n uint64) bool {
	if n == 0 {
		return true
	}
	again := n <= c.taken
	if again {
		c.x.srv.m.refuse("repeated")
	} else {
		c.taken = n
	}
	c.tell()
	return !again
}
