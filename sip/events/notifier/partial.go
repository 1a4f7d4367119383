package notifier

import (
	"lamplight/presence"
	"lamplight/sip/quirks"
)

// A Differ is a Package that can tell what changed instead of the whole state, to
// phones of which the table of quirks says that they apply it.
type Differ interface {
	// AppendChanges appends what leads from the state before, which the watcher
	// has, to the one after; false: the whole state has to be told. Nil is the
	// state of an address that nothing is known of.
	AppendChanges(dst []byte, before, after *presence.Snapshot, v View) (doc []byte, version int, ok bool)
}

// progress is how far a watcher that applies changes has come: the state it
// acknowledged, and the one on its way to it. Each document builds on the one
// before, so after anything else than a 2xx, after a restart, and in answer to a
// SUBSCRIBE it is told the whole state. Versions grow by one from NOTIFY to NOTIFY
// as always.
type progress struct {
	known, sent *presence.Snapshot
	sure        bool // known is what it shows
}

// follows reports whether the watcher is told changes.
func (n *Notifier) follows(s *subscription) bool {
	if !s.quirks.Has(quirks.PartialDialog) || s.telling != nil {
		return false
	}
	_, ok := n.packages[s.pkg].(Differ)
	return ok
}

// changesLocked is what a watcher that applies changes is sent instead of the
// whole state, which is what it will be taken to have.
func (w *worker) changesLocked(s *subscription, snap *presence.Snapshot, whole *body) *body {
	if !w.n.follows(s) {
		return whole
	}
	if s.progress == nil {
		s.progress = &progress{}
	}
	out := whole
	if p := s.progress; p.sure && !s.owed && !s.pending && s.state == active {
		out = w.changes(s, p.known, snap, whole)
	}
	s.progress.sent, s.progress.sure = snap, false
	if s.pending || len(whole.doc) == 0 { // it shows something else, or what we do not know
		s.progress = nil
	}
	return out
}

// changes renders what changed, or finds it: many watchers have come as far.
func (w *worker) changes(s *subscription, before, after *presence.Snapshot, whole *body) *body {
	k := w.key(s)
	k.partial = true
	if before != nil {
		k.before = before.Version
	}
	if after != nil {
		k.number = after.Version
	}
	if b := w.cache[k]; b != nil {
		return b
	}
	b, pkg := w.room(), w.n.packages[s.pkg]
	var ok bool
	b.doc, b.version, ok = pkg.(Differ).AppendChanges(b.doc[:0], before, after, w.n.view(&k))
	if !ok {
		w.spare = append(w.spare, b)
		return whole
	}
	b.at, b.hash, b.tag = 0, whole.hash, whole.tag
	w.cache[k] = b
	return b
}

// arrived takes the watcher's answer.
func (p *progress) arrived(well bool) {
	if p != nil {
		p.known, p.sent, p.sure = p.sent, nil, well
	}
}
