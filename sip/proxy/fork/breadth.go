package fork

import "lamplight/sip/message"

const maxBreadth message.Name = "Max-Breadth"

// breadthOf is how many branches a request may be open in at once (RFC 5393 §5.3.3).
func breadthOf(m *message.Message, most int) int {
	if n, ok := message.ParseSeconds(m.Get(maxBreadth)); ok {
		return min(n, most)
	}
	return most
}

// shareLocked gives branches that begin their shares of what is left: the sum of
// those that are open never exceeds what the request came with. Each of those that
// may follow while they ring is left its own.
func (c *Call) shareLocked(start []*branch) {
	if len(start) == 0 {
		return
	}
	left := c.breadth
	for _, b := range c.branches {
		if !b.ended {
			left -= b.breadth
		}
	}
	follow := min(maxRedirected, max(0, left-len(start))/2)
	for _, s := range c.plan.Steps[c.step:] {
		follow += len(s.Targets)
	}
	share := max(1, left/(len(start)+follow))
	for _, b := range start {
		if left >= share {
			b.breadth = share
			left -= share
		}
	}
}
