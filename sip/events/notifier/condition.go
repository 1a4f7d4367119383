package notifier

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// entityTag names a document (RFC 5839 §3): the same document has the same tag
// on every start of the server, and no other has it. It follows from the
// document, so nothing of it is stored. Of a Stater's documents, in which times
// run, it is the number of the state in this start of the server.
type entityTag [25]byte

// The first letter of an entity tag.
const (
	tagDocument = 'd'
	tagPending  = 'p' // what is told while the watcher waits is no state
	tagState    = 's'
)

// tagDoc gives the body the tag of its document, and the hash by which a change
// is seen.
func (b *body) tagDoc(pending bool) {
	sum := sha256.Sum256(b.doc)
	b.hash = max(1, binary.LittleEndian.Uint64(sum[:8]))
	b.tag[0] = tagDocument
	if pending {
		b.tag[0] = tagPending
	}
	hex.Encode(b.tag[1:], sum[:12])
}

// tagState gives the body the tag of a Stater's state.
func (b *body) tagState(boot uint32, state uint64) {
	var n [12]byte
	binary.BigEndian.PutUint32(n[:4], boot)
	binary.BigEndian.PutUint64(n[4:], state)
	b.tag[0] = tagState
	hex.Encode(b.tag[1:], n[:])
}

// condition is a Suppress-If-Match header (RFC 5839 §4.2): the watcher has a
// document already, and wants no NOTIFY of it. It holds for one SUBSCRIBE.
type condition struct {
	tag string
	any bool // "*": whatever the document is
}

// conditionOf reads the header, nil if there is none.
func conditionOf(m *message.Message) *condition {
	if !m.Has(message.SuppressIfMatch) {
		return nil
	}
	tag := strings.TrimSpace(m.Get(message.SuppressIfMatch))
	return &condition{tag: strings.Clone(tag), any: tag == "*"}
}

// meets reports whether the document is the one the watcher has.
func (c *condition) meets(b *body) bool {
	return c != nil && (c.any || c.tag == string(b.tag[:]))
}

// suppressLocked answers a refresh whose condition is met with 204 and owes no
// NOTIFY (RFC 5839 §5.4); false if there is no condition, or it is not met. While
// a NOTIFY is in flight it is not: what the watcher has now it may not have once
// that one arrives.
func (n *Notifier) suppressLocked(r *transaction.Request, s *subscription, seconds uint32) bool {
	c := conditionOf(r.Message)
	if c == nil || s.telling != nil { // a list's state is no one document
		return false
	}
	if s.inflight != 0 && seconds > 0 {
		return false
	}
	b := n.renderLocked(s)
	if !c.meets(b) {
		return false
	}
	if !c.any { // it says itself that it has the newest
		s.hash, s.owed, s.failures, s.retry = b.hash, false, 0, 0
		s.progress = nil
	}
	n.grantedAs(r, s, 204, seconds)
	return true
}

// renderLocked is the document of the subscription as it is now.
func (n *Notifier) renderLocked(s *subscription) *body {
	w := worker{n: n, cache: make(map[bodyKey]*body, 1)}
	snap, _ := n.roster.Snapshot(s.pres.agent)
	return w.body(s, snap)
}

// empty is a NOTIFY's body that the watcher did not want; its tag says which.
func (b *body) empty() *body { return &body{version: -1, hash: b.hash, tag: b.tag} }
