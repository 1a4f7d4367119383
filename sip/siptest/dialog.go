package siptest

import (
	"slices"

	"lamplight/sip/message"
)

// InDialog starts a request of the dialog that seen made, complete but for its
// Via (RFC 3261 §12.2.1.1). The caller gives the 2xx it got, the callee the INVITE
// it got, whose To bears its own tag by now (see WithToTag).
func (p *Peer) InDialog(method string, seen *message.Message) *message.Builder {
	routes := seen.Values(message.RecordRoute)
	from, to := seen.Get(message.From), seen.Get(message.To)
	if seen.IsRequest() {
		from, to = to, from
	} else {
		slices.Reverse(routes)
	}
	target := ""
	if contacts, err := seen.Contacts(); err == nil && len(contacts) > 0 {
		target = contacts[0].URI
	}
	b := p.Request(method, target, "sip:x@y", "").Set(message.From, from).Set(message.To, to).Set(message.CallID, seen.CallID())
	for _, r := range routes {
		b.Add(message.Route, r)
	}
	return b
}

// WithToTag is the INVITE as its callee knows it once it has answered: with the To
// of the answer.
func WithToTag(invite *message.Message, to string) *message.Message {
	m := *invite
	m.Headers = slices.Clone(invite.Headers)
	for i := range m.Headers {
		if m.Headers[i].Name == message.To {
			m.Headers[i].Value = to
		}
	}
	return &m
}
