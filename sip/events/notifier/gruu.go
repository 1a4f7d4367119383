package notifier

import (
	"bytes"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// Instances is what it asks of registrar.Registrar.
type Instances interface {
	// Reach finds where the instance of a GRUU is now (RFC 5627): its contact and
	// the flow to it. ok is false for another URI, and for one that is nowhere.
	Reach(gruu string) (contact string, flow *transport.Flow, ok bool)
	// Owner is the agent whose phone it is.
	Owner(gruu *message.URI) (presence.AgentID, bool)
}

// owner is whom a SUBSCRIBE to a GRUU watches: what there is to see is the agent's.
func (n *Notifier) owner(uri *message.URI) (presence.AgentID, bool) {
	if _, is := uri.Params.Get("gr"); !is || n.instances == nil {
		return presence.AgentID{}, false
	}
	return n.instances.Owner(uri)
}

// instance is where a watcher is that gave a GRUU as its contact: a phone that was
// given one uses it everywhere. As its home proxy, we send to the contact it has
// registered meanwhile, not to a name that leads back to us.
func (n *Notifier) instance(s *subscription) (contact string, flow *transport.Flow, ok bool) {
	if n.instances == nil || s.strict || !bytes.Contains(s.head[:s.line], []byte(";gr")) {
		return "", nil, false
	}
	return n.instances.Reach(s.target())
}
