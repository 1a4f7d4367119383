package ua

import (
	"errors"
	"slices"
	"strings"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// Dial is a call to make. To and SDP are required.
type Dial struct {
	To  string // a URI
	SDP []byte
	// Replaces is the dialog whose place the call is to take (RFC 3891), and
	// ReferredBy who asked for it (RFC 3892); empty: neither.
	Replaces, ReferredBy string
}

// Call makes a call. It is a Call at once; how it goes h hears.
func (p *Phone) Call(d Dial, h Handler) (*Call, error) {
	c := &Call{
		phone: p, id: message.NewCallID(""), tag: message.NewTag(), handler: h,
		target: d.To, remote: "<" + d.To + ">", seq: 1,
	}
	c.local = p.address() + ";tag=" + c.tag
	if err := p.add(c); err != nil {
		return nil, err
	}
	c.mu.Lock()
	b := p.describe(c.numberedLocked("INVITE", c.seq))
	if d.Replaces != "" {
		b.Add(message.Replaces, d.Replaces)
	}
	if d.ReferredBy != "" {
		b.Add(message.ReferredBy, d.ReferredBy)
	}
	b.Body(contentSDP, d.SDP)
	c.mu.Unlock()
	out := p.stack.tx.Invite(p.flow, message.NewBranch(), b, c.got)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = out
	if c.taken { // meanwhile
		out.Cancel()
	}
	return c, nil
}

// got takes what comes of the INVITE.
func (c *Call) got(m *message.Message, err error) {
	switch {
	case errors.Is(err, transaction.ErrTimeout):
		c.over(End{Status: 408, Text: "No Answer", Far: true})
	case err != nil:
		c.over(End{Status: 503, Text: "No Way There", Far: true})
	case m.Status < 200:
		c.mu.Lock()
		waits := c.state == calling
		c.mu.Unlock()
		if waits && m.Status > 100 {
			early := sdp(m)
			c.tell(func(h Handler) { h.Progress(m.Status, early) })
		}
	case m.Status < 300:
		c.answered(m)
	default:
		c.over(End{Status: m.Status, Text: why(m), Far: true, Elsewhere: elsewhere(m.Values(message.Reason))})
	}
}

// answered takes a 2xx (RFC 3261 §13.2.2.4): the first makes the call, one that
// comes again gets its ACK again, and that of another branch is hung up.
func (c *Call) answered(m *message.Message) {
	c.mu.Lock()
	tag := m.ToTag()
	first := c.state == calling
	switch {
	case c.ack != nil && tag == c.remoteTag:
		_ = c.phone.flow.Send(c.ack)
	case first:
		c.establishLocked(m)
		c.ack = c.acknowledgeLocked(c.seq, nil)
		c.state = talked
		c.timer.answeredLocked(c, m)
	default: // too late, or one too many
		other := &Call{phone: c.phone, id: c.id, tag: c.tag, local: c.local, seq: c.seq}
		other.establishLocked(m)
		other.acknowledgeLocked(c.seq, nil)
		c.phone.stack.tx.Send(c.phone.flow, other.requestLocked("BYE"), func(*message.Message, error) {})
	}
	c.mu.Unlock()
	if first {
		answer := sdp(m)
		c.tell(func(h Handler) { h.Answered(answer) })
	}
}

// establishLocked takes the other side of the dialog from a 2xx (RFC 3261 §12.1.2).
func (c *Call) establishLocked(m *message.Message) {
	c.remoteTag, c.remote = m.ToTag(), m.Get(message.To)
	c.routes = m.Values(message.RecordRoute)
	slices.Reverse(c.routes)
	c.retargetLocked(m)
}

// retargetLocked follows the other side's contact.
func (c *Call) retargetLocked(m *message.Message) {
	if contacts, err := m.Contacts(); err == nil && len(contacts) > 0 {
		c.target = strings.Clone(contacts[0].URI)
	}
}

// acknowledgeLocked sends the ACK of a 2xx, a transaction of its own.
func (c *Call) acknowledgeLocked(seq uint32, answer []byte) []byte {
	b := c.numberedLocked("ACK", seq).Body(contentSDP, answer)
	raw := b.Via(c.phone.stack.tx.Via(c.phone.flow, message.NewBranch())).Bytes()
	_ = c.phone.flow.Send(raw)
	return raw
}

// why is what a refusal says of its cause: the text of its Reason, else its phrase.
func why(m *message.Message) string {
	for _, v := range m.Values(message.Reason) {
		_, rest, _ := strings.Cut(v, ";")
		if p, err := message.ParseParams(rest); err == nil {
			if text, ok := p.Get("text"); ok && text != "" {
				return text
			}
		}
	}
	return m.Phrase
}
