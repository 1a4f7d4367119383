package notifier

import (
	"bytes"
	"hash/maphash"
	"strconv"

	"lamplight/presence"
	"lamplight/sip/events/multipart"
	"lamplight/sip/events/rlmi"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
)

// The sizes of a list's NOTIFY. Over a datagram transport the whole of it should
// fit a packet (RFC 3261 §18.1.1), and one member that is longer goes alone; over
// a stream its body is bounded so that one
// long list does not fill the watcher's queue. What does not fit follows when the
// NOTIFY is answered.
const (
	listPacket   = 1300
	listBody     = 48 << 10
	memberLimit  = 400      // of one member's document over a datagram transport
	memberStream = 16 << 10 // over a stream
	listOverhead = 320      // lines of the NOTIFY and of the root part, at most
)

// listScratch is where a worker puts the two halves of a list's body together.
type listScratch struct {
	root, parts, cid, body []byte
}

// composeListLocked is composeLocked for a list.
func (w *worker) composeListLocked(s *subscription, now stamp) {
	n, t, l := w.n, s.telling, s.pres.roll
	if !l.known {
		return // who reads the members marks it again
	}
	if l.over && s.state == active {
		n.endLocked(s, noResource)
		n.deleteRow(s)
	}
	n.fitLocked(s)
	if s.state == ending && (s.pending || l.over) { // nothing to see any more
		t.restart()
		t.todo = t.todo[:0]
	}
	if s.state == active && !s.owed && !t.full && len(t.todo) == 0 {
		return
	}
	if !t.sweeping && n.paceLocked(s, now) {
		return
	}
	flow := n.wayOutLocked(s)
	if flow == nil {
		return
	}
	number := s.next
	loc := n.localOf(flow)
	branch := message.NewBranch()
	limit := listBody
	if s.transport == overUDP {
		limit = listPacket - listOverhead - len(s.head) - len(loc.via) - len(branch) - len(loc.contact)
		if s.largest != 0 {
			limit = int(s.largest)
		}
	}
	began := t.full
	w.sweepLocked(s, number, limit)
	if s.state == active && !s.owed && !began && len(t.flying) == 0 {
		s.late = false
		return // it all was told already
	}
	last := s.state == ending && (!t.fetch || len(t.todo) == 0)
	t.flyingFull, t.full = began, false
	w.departLocked(s, flow, branch, n.appendList(w, s, loc, branch, number, now, last), last, now)
}

// sweepLocked fills the two halves of the body with members that are to be told,
// as many as fit, at least one.
func (w *worker) sweepLocked(s *subscription, number uint32, limit int) {
	t, c := s.telling, &w.list
	form := s.form()
	c.root = c.root[:0]
	terse := s.transport == overUDP
	if !terse {
		c.root = append(c.root, rlmi.Prolog...)
	}
	c.root = rlmi.AppendHead(c.root, s.entity, number, t.full)
	c.parts = c.parts[:0]
	t.flying = t.flying[:0]
	done := 0
	for ; done < len(t.todo); done++ {
		slot := int(t.todo[done])
		r, b, hash := w.member(s, slot)
		if hash == t.told[slot] {
			t.marks[slot] &^= wanted
			continue
		}
		root, parts := len(c.root), len(c.parts)
		if b != nil {
			c.cid = appendCID(c.cid[:0], s, slot+1, number)
			r.CID = c.cid
			c.parts = form.AppendHead(c.parts, false, c.cid, w.n.types[s.pkg][s.typ])
			c.parts = appendDocument(c.parts, b, number, terse)
		}
		c.root = rlmi.AppendResource(c.root, &r)
		if len(c.root)+len(c.parts) > limit && len(t.flying) > 0 {
			c.root, c.parts = c.root[:root], c.parts[:parts]
			break
		}
		t.told[slot] = hash
		t.marks[slot] &^= wanted
		t.flying = append(t.flying, uint16(slot))
	}
	c.root = rlmi.AppendEnd(c.root)
	t.todo = t.todo[:copy(t.todo, t.todo[done:])]
	t.sweeping = t.sweeping && len(t.todo) > 0
	if len(t.todo) == 0 && cap(t.todo) > 16 {
		t.todo = nil // lists are long, changes are few
	}
}

// member is what is told of one member: its resource, its document, if there is
// one, and a hash of both.
func (w *worker) member(s *subscription, slot int) (rlmi.Resource, *body, uint64) {
	n := w.n
	m, marks := &s.pres.roll.members[slot], s.telling.marks[slot]
	r := rlmi.Resource{URI: m.uri, Name: m.name}
	var snap *presence.Snapshot
	known := false
	if !m.nobody {
		snap, known = n.roster.Snapshot(m.agent)
	}
	switch {
	case m.nobody, !known && !n.packages[s.pkg].Bare():
		r.State, r.Reason = rlmi.Terminated, "noresource"
	case marks&forbidden != 0:
		r.State, r.Reason = rlmi.Terminated, "rejected"
	case marks&awaiting != 0:
		r.State = rlmi.Pending
	default:
		b := w.render(s, bodyKey{agent: m.agent, entity: m.uri, pkg: s.pkg, typ: s.typ, quirks: s.quirks, limit: s.memberLimit(), brief: s.transport == overUDP, hidden: marks&discreet != 0}, false, snap)
		return r, b, max(1, b.hash^m.salt)
	}
	return r, nil, max(1, maphash.String(n.seed, r.Reason)^m.salt^uint64(r.State))
}

// memberLimit is how large a member's document should be at most.
func (s *subscription) memberLimit() uint16 {
	switch {
	case s.transport != overUDP:
		return memberStream
	case s.largest > 2*memberLimit:
		return s.largest / 2
	}
	return memberLimit
}

// form is how the body is written down for the watcher's phone. No document has a
// line that begins with hyphens: texts in them are escaped. The boundary is half
// of our tag.
func (s *subscription) form() multipart.Form {
	bare := s.quirks.Has(quirks.LinphoneList)
	return multipart.Form{Boundary: tagText(s.tag)[:8], Bare: bare, Terse: s.transport == overUDP && !bare}
}

// appendCID appends the content id of a part, unique in the dialog's life: slot
// and number, and half of our tag in the place of a host (RFC 2392).
func appendCID(dst []byte, s *subscription, part int, number uint32) []byte {
	dst = strconv.AppendInt(dst, int64(part), 10)
	dst = strconv.AppendUint(append(dst, '.'), uint64(number), 10)
	return append(append(dst, '@'), tagText(s.tag)[8:]...)
}

// appendDocument appends a rendered document with its version in its place; terse
// without the prolog, which says nothing (XML 1.0 §2.8).
func appendDocument(dst []byte, b *body, number uint32, terse bool) []byte {
	from := 0
	if terse && bytes.HasPrefix(b.doc, []byte("<?xml ")) {
		from = bytes.Index(b.doc, []byte("?>\n")) + len("?>\n")
	}
	if b.version < 0 {
		return append(dst, b.doc[from:]...)
	}
	dst = append(dst, b.doc[from:b.version]...)
	dst = strconv.AppendUint(dst, uint64(number), 10)
	return append(dst, b.doc[b.version:]...)
}

// appendList builds the NOTIFY from the two halves of the body (RFC 4662 §5.1).
func (n *Notifier) appendList(w *worker, s *subscription, l *local, branch string, number uint32, now stamp, last bool) []byte {
	c, form := &w.list, s.form()
	c.cid = appendCID(c.cid[:0], s, 0, number)
	body := form.AppendHead(c.body[:0], true, c.cid, rlmi.ContentType)
	body = append(append(body, c.root...), c.parts...)
	body = form.AppendEnd(body)
	c.body = body
	dst := make([]byte, 0, len(s.head)+len(l.via)+len(branch)+len(l.contact)+listOverhead+len(body))
	dst = n.appendHead(dst, s, l, branch, number, now, last)
	dst = append(dst, "\r\nRequire: eventlist\r\nContent-Type: "...)
	dst = form.AppendType(dst, rlmi.ContentType, string(c.cid))
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	return append(append(dst, "\r\n\r\n"...), body...)
}
