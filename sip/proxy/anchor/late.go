package anchor

import "lamplight/sip/message"

// lateLocked takes what answers an INVITE without an offer: a 2xx brings one (RFC 3261
// §13.2.1), and the ACK its answer. A provisional response may be lost and promises
// nothing, so where the two sides cannot meet it passes without its description.
func (c *Call) lateLocked(m *message.Message, target string) (body []byte, status int) {
	byPage := c.cs.page(c.from)
	switch {
	case m.Status >= 300:
		return nil, 0
	case c.won != nil: // it comes again, or another has answered, who is hung up
		return c.won.answer, 0
	case !described(m) || c.cs.g.Meets(m.Body, byPage):
		if m.Status >= 200 {
			c.wonLocked(nil, m)
		}
		return nil, 0
	case m.Status < 200 || c.over:
		return []byte{}, 0
	}
	l, status, err := c.openLateLocked(m, target, byPage)
	if err != nil {
		c.refusedLocked(err, "the gateway has no use for a late offer")
	}
	if status != 0 {
		c.wonLocked(nil, m)
		return []byte{}, status
	}
	c.wonLocked(l, m)
	c.late = &exchange{c: c, l: l, byPage: byPage, first: true}
	return l.answer, 0
}

func (c *Call) openLateLocked(m *message.Message, target string, byPage bool) (l *leg, status int, err error) {
	phone := c.from
	if byPage {
		phone = c.ways[target]
	}
	b, status := c.bridgeLocked(phone)
	if status != 0 {
		return nil, status, nil
	}
	l = &leg{bridge: b, pages: byPage}
	c.legs[target] = l
	if l.answer, err = l.offered(m.Body, !byPage); err != nil {
		return l, 488, err
	}
	return l, 0, nil
}
