package notifier

import (
	"bytes"

	"lamplight/sip/transport"
)

// Instances is what it asks of registrar.Registrar.
type Instances interface {
	// Reach finds where the instance of a GRUU is now (RFC 5627): its contact and
	// the flow to it. ok is false for another URI, and for one that is nowhere.
	Reach(gruu string) (contact string, flow *transport.Flow, ok bool)
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
