package anchor

import "lamplight/sip/message"

// lateLocked takes what answers an INVITE without an offer: a 2xx brings one (RFC 3261
// §13.2.1), and the ACK its answer. A provisional response may be lost and promises
// nothing, so where the two sides cannot meet it passes without its description.
func (c *Call) lateLocked(m *message.Message, target string) []byte {
	byPage := c.cs.page(c.from)
	switch {
	case m.Status >= 300:
		return nil
	case c.won != nil: // it comes again, or another has answered, who is hung up
		return c.won.answer
	case !described(m) || c.cs.g.Meets(m.Body, byPage):
		if m.Status >= 200 {
			c.wonLocked(nil, m)
		}
		return nil
	case m.Status < 200 || c.over:
		return []byte{}
	}
	l, err := c.openLateLocked(m, target, byPage)
	if err != nil {
		c.refusedLocked(err, "a call without audio: the gateway has no use for the offer")
		c.wonLocked(nil, m)
		return []byte{}
	}
	c.wonLocked(l, m)
	c.late = &exchange{c: c, l: l, byPage: byPage}
	return l.answer
}

func (c *Call) openLateLocked(m *message.Message, target string, byPage bool) (*leg, error) {
	phone := c.from
	if byPage {
		phone = c.ways[target]
	}
	b, status := c.bridgeLocked(phone)
	if status != 0 {
		return nil, errFull
	}
	l := &leg{bridge: b, pages: byPage}
	c.legs[target] = l
	var err error
	l.answer, err = l.offered(m.Body, !byPage)
	return l, err
}
