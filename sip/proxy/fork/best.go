package fork

import (
	"lamplight/sip/message"
)

// refuseLocked gives the best of the refusals (RFC 3261 §16.7 step 6).
func (c *Call) refuseLocked() {
	best := bestOf(c.branches)
	switch {
	case best == nil:
		c.refuseWithLocked(480, message.NewResponse(c.req.Message, 480, ""))
	case best.res == nil || best.status == 503 || best.status == 430:
		// What our own next hop cannot do says nothing of other ways to us.
		status := best.status
		switch {
		case status == 503 && best.res != nil:
			status = 500 // RFC 3261 §16.7 step 6
		case status == 503 || status == 430:
			status = 480
		}
		res := message.NewResponse(c.req.Message, status, "")
		if best.undescribed {
			Warn(res, c.plan.Media)
		}
		c.refuseWithLocked(status, res)
	default:
		b := best.relayed(best.res)
		if best.status == 401 || best.status == 407 {
			c.challengesLocked(best, b)
		}
		c.refuseWithLocked(best.status, b)
	}
}

func (c *Call) refuseWithLocked(status int, b *message.Builder) {
	if c.plan.Refuse != nil {
		c.plan.Refuse(status, b)
	}
	c.overLocked(status)
	c.req.Respond(b)
}

// challengesLocked adds the challenges of the other branches, so that the caller
// can answer all of them at once (RFC 3261 §16.7 step 7).
func (c *Call) challengesLocked(best *branch, b *message.Builder) {
	for _, other := range c.branches {
		if other == best || other.res == nil || other.status != 401 && other.status != 407 {
			continue
		}
		for _, h := range other.res.Headers {
			if h.Name == message.WWWAuthenticate || h.Name == message.ProxyAuthenticate {
				b.Add(h.Name, h.Value)
			}
		}
	}
}

// bestOf is the refusal to give: a 6xx, else the lowest class, and within it what
// the caller can do something about, then who is busy, then who answered at all.
// A branch that was no longer wanted has nothing to say.
func bestOf(all []*branch) *branch {
	var best *branch
	for _, b := range all {
		if b.replaced || b.quit && b.status != 408 || b.status < 300 {
			continue
		}
		if best == nil || rank(b) < rank(best) {
			best = b
		}
	}
	return best
}

func rank(b *branch) int {
	switch s := b.status; {
	case s >= 600:
		return s - 600
	case s == 401 || s == 407 || s == 415 || s == 420 || s == 484:
		return 4000 + s - 400
	case s == 486 || s == 487:
		return 4200
	case s/100 == 4 && s != 408 && s != 430:
		return 4300 + s - 400
	case s/100 == 4:
		return 4900
	}
	return b.status / 100 * 1000
}
