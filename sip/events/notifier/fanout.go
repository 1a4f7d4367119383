package notifier

import (
	"context"
	"hash/maphash"
	"strconv"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/sip/transport"
)

// worker renders and sends. Its cache is its own, so that it needs no lock.
type worker struct {
	n     *Notifier
	cache map[bodyKey]*body
	spare []*body // of documents that are out of date, to be written over
	list  listScratch
	out   []notify
}

// bodyKey names a rendered document: the presentity and the number of its
// snapshot, and everything that may differ between two watchers.
type bodyKey struct {
	agent         presence.AgentID
	number, state uint64
	entity        string
	pkg, typ      uint8
	quirks        quirks.Set
	limit         uint16
	hidden, brief bool
	before        uint64 // of changes: the number of the snapshot they build on
	partial       bool
}

// body is a rendered document.
type body struct {
	doc     []byte
	version int // where the version goes; negative: nowhere
	hash    uint64
	at      stamp // when it was rendered; 0: times do not run in it
	tag     entityTag
}

// Bounds of a worker's memory: bodies kept, and NOTIFYs built before they are
// sent.
const (
	maxBodies = 128
	batchSize = 128
)

// notify is a NOTIFY ready to leave.
type notify struct {
	s      *subscription
	flow   *transport.Flow
	branch string
	raw    []byte
	cseq   uint32
}

// work is a worker's life.
func (n *Notifier) work() {
	w := &worker{n: n, cache: make(map[bodyKey]*body), out: make([]notify, 0, batchSize)}
	n.queue.Work(func(t task) {
		switch {
		case t.f != nil:
			t.f()
		case t.s != nil:
			w.one(t.s)
		default:
			w.all(t.p)
		}
	})
}

// all brings every subscription of a presentity up to date.
func (w *worker) all(p *presentity) {
	p.queued.Store(false) // before the snapshot is read: a later change queues anew
	since := p.dirty.Swap(0)
	w.n.gather(p)
	p.mu.Lock()
	moves := p.moves
	for i := 0; ; {
		// The snapshot is read under the lock and again after each time the lock
		// was let go: what is composed under it is never older than what another
		// worker composed before.
		snap, known := w.n.roster.Snapshot(p.agent)
		now := stampOf(time.Now())
		for ; i < len(p.subs) && len(w.out) < batchSize; i++ {
			w.composeLocked(p.subs[i], snap, known, now)
			if p.moves != moves {
				moves, i = p.moves, -1
			}
		}
		if len(w.out) == 0 {
			break
		}
		p.mu.Unlock()
		w.flush()
		p.mu.Lock()
		if p.moves != moves {
			moves, i = p.moves, 0
		}
	}
	listed := len(p.lists) > 0
	p.mu.Unlock()
	if listed {
		w.n.spread(p, since)
	}
	if since != 0 {
		w.n.metrics.waited(time.Since(time.Unix(0, since)))
	}
}

// one brings a single subscription up to date.
func (w *worker) one(s *subscription) {
	p := s.pres
	w.n.gather(p)
	p.mu.Lock()
	s.queued = false
	snap, known := w.n.roster.Snapshot(p.agent)
	w.composeLocked(s, snap, known, stampOf(time.Now()))
	p.mu.Unlock()
	w.flush()
}

// flush sends what was composed. No lock is held: the answer may come before
// SendRaw returns.
func (w *worker) flush() {
	for i := range w.out {
		o := w.out[i]
		w.out[i] = notify{}
		w.n.metrics.sent.Inc()
		w.n.transactions.SendRaw(o.flow, o.branch, o.raw, func(m *message.Message, err error) {
			w.n.answered(o.s, o.cseq, m, err)
		})
	}
	w.out = w.out[:0]
}

// composeLocked appends a NOTIFY to w.out if the subscription needs one and may
// have one now.
func (w *worker) composeLocked(s *subscription, snap *presence.Snapshot, known bool, now stamp) {
	n := w.n
	switch {
	case s.state == retired:
		return
	case s.inflight != 0:
		s.late = true
		return
	case (s.retry > now || s.commands > 0) && s.state == active:
		return
	}
	if s.telling != nil {
		w.composeListLocked(s, now)
		return
	}
	if !known && !s.bare && s.state == active { // the agent was deleted
		n.endLocked(s, noResource)
		n.deleteRow(s)
	}
	b := w.body(s, snap)
	if s.state == active && !s.owed && s.hash == b.hash || n.paceLocked(s, now) {
		return
	}
	if s.condition != nil && s.condition.meets(b) { // RFC 5839 §5.3: told that it knows
		b = b.empty()
	}
	flow := n.wayOutLocked(s)
	if flow == nil {
		return
	}
	s.hash = b.hash
	b = w.changesLocked(s, snap, b)
	branch := message.NewBranch()
	w.departLocked(s, flow, branch, n.append(nil, s, b, n.localOf(flow), branch, s.next, now), s.state == ending, now)
}

// wayOutLocked is the flow for a NOTIFY that may leave now; nil if there is no
// way, or no number for it: one is owed then.
func (n *Notifier) wayOutLocked(s *subscription) *transport.Flow {
	flow := n.wayLocked(s)
	if flow == nil {
		s.owed = true
		if s.state == ending {
			n.retireLocked(s) // nobody is there to be told
		}
		return nil
	}
	if s.next >= s.limit && s.state == active { // a last NOTIFY repeats no number: the dialog ends with it
		s.owed = true // until the new base is durable
		if !s.rebasing {
			n.rebaseLocked(s)
		}
		return nil
	}
	return flow
}

// departLocked takes a NOTIFY that was built with the next number; last says that
// it is the subscription's last.
func (w *worker) departLocked(s *subscription, flow *transport.Flow, branch string, raw []byte, last bool, now stamp) {
	number := s.next
	s.next++
	s.owed, s.late = false, false
	s.inflight, s.condition = number+1, nil
	if s.rates != nil {
		s.rates.sent(now)
		w.n.scheduleLocked(s)
	}
	w.out = append(w.out, notify{s: s, flow: flow, branch: branch, cseq: number + 1, raw: raw})
	switch {
	case last:
		w.n.retireLocked(s)
	case s.state == active && s.next+epoch/2 >= s.limit && !s.rebasing:
		w.n.rebaseLocked(s)
	}
}

// body renders the document for the subscription, or finds it.
func (w *worker) body(s *subscription, snap *presence.Snapshot) *body {
	if s.pending {
		snap = nil // who may not see yet is told what is told of nobody
	}
	return w.render(s, w.key(s), s.pending, snap)
}

// key names the subscription's documents, but for the numbers.
func (w *worker) key(s *subscription) bodyKey {
	k := bodyKey{entity: s.entity, pkg: s.pkg, typ: s.typ, quirks: s.quirks, limit: s.bodyLimit(), hidden: s.hidden}
	if !s.pending {
		k.agent = s.pres.agent
	}
	return k
}

// view is what the package is told of the documents that the key names.
func (n *Notifier) view(k *bodyKey) View {
	return View{Agent: k.agent, Type: n.packages[k.pkg].Types()[k.typ], Entity: k.entity, Quirks: k.quirks, Limit: int(k.limit), Brief: k.brief, Hidden: k.hidden}
}

// render renders a document for the subscription, or finds it. The key lacks the
// numbers; pending is set for who may not see yet.
func (w *worker) render(s *subscription, k bodyKey, pending bool, snap *presence.Snapshot) *body {
	if snap != nil {
		k.number = snap.Version
	}
	pkg := w.n.packages[k.pkg]
	running, now := false, stamp(0) // a document in which times run has a number
	switch p := pkg.(type) {
	case Stater:
		if running = !pending; running {
			k.state, now = p.State(k.agent), stampOf(time.Now())
		}
	case Surveyor:
		if running = !pending; running {
			k.state, now = w.n.censusOf(s), stampOf(time.Now())
		}
	}
	b := w.cache[k]
	if b != nil && b.at == now {
		return b
	}
	if b == nil {
		b = w.room()
	}
	v := w.n.view(&k)
	if sv, ok := pkg.(Surveyor); ok && running {
		b.doc, b.version = sv.AppendWatchers(b.doc[:0], w.n.watchersLocked(s, now), v)
	} else {
		b.doc, b.version = pkg.Append(b.doc[:0], snap, v)
	}
	b.at = now
	if running { // what runs in it is no change
		b.hash = max(1, maphash.Comparable(w.n.seed, k.state))
		b.tagState(w.n.boot, k.state)
	} else {
		b.tagDoc(pending)
	}
	w.cache[k] = b
	return b
}

// room is a body to render into.
func (w *worker) room() *body {
	if len(w.cache) >= maxBodies {
		for _, old := range w.cache {
			w.spare = append(w.spare, old)
		}
		clear(w.cache)
	}
	last := len(w.spare) - 1
	if last < 0 {
		return &body{}
	}
	b := w.spare[last]
	w.spare = w.spare[:last]
	return b
}

// bodyLimit is how large its documents should be at most; 0: as large as they are.
func (s *subscription) bodyLimit() uint16 {
	switch {
	case s.transport != overUDP:
		return 0
	case s.largest != 0:
		return s.largest
	}
	return datagramBody
}

// wayLocked finds the flow to the watcher, nil if there is none now.
func (n *Notifier) wayLocked(s *subscription) *transport.Flow {
	if _, f, ok := n.instance(s); ok {
		return f
	}
	if f := s.way.flow(); f != nil {
		return f
	}
	if s.transport != overUDP {
		return nil
	}
	f, err := n.flows.Flow(context.Background(), transportName(s.transport), s.remote)
	if err != nil {
		n.postponeLocked(s, 2) // no socket yet, or no more: not the watcher's fault
		return nil
	}
	s.way = wayOf(f)
	return f
}

// append builds the NOTIFY: one copy of the dialog's head, one of the document,
// and what differs from one NOTIFY to the next.
func (n *Notifier) append(dst []byte, s *subscription, b *body, l *local, branch string, number uint32, now stamp) []byte {
	if dst == nil {
		dst = make([]byte, 0, len(s.head)+len(l.via)+len(branch)+len(l.contact)+len(b.doc)+256)
	}
	dst = n.appendHead(dst, s, l, branch, number, now, s.state == ending)
	dst = append(append(dst, "\r\nSIP-ETag: "...), b.tag[:]...)
	if len(b.doc) > 0 {
		dst = append(append(dst, "\r\nContent-Type: "...), n.types[s.pkg][s.typ]...)
	}
	dst = append(dst, "\r\nContent-Length: "...)
	if b.version < 0 {
		dst = strconv.AppendInt(dst, int64(len(b.doc)), 10)
		return append(append(dst, "\r\n\r\n"...), b.doc...)
	}
	var room [10]byte
	version := strconv.AppendUint(room[:0], uint64(number), 10)
	dst = strconv.AppendInt(dst, int64(len(b.doc)+len(version)), 10)
	dst = append(append(dst, "\r\n\r\n"...), b.doc[:b.version]...)
	dst = append(dst, version...)
	return append(dst, b.doc[b.version:]...)
}

// appendHead builds a NOTIFY up to Subscription-State, without the end of that
// line.
func (n *Notifier) appendHead(dst []byte, s *subscription, l *local, branch string, number uint32, now stamp, last bool) []byte {
	if contact, _, ok := n.instance(s); ok {
		dst = append(append(append(dst, "NOTIFY "...), contact...), " SIP/2.0\r\n"...)
	} else {
		dst = append(dst, s.head[:s.line]...)
	}
	dst = append(dst, l.via[:l.branch]...)
	dst = append(dst, branch...)
	dst = append(dst, l.via[l.branch:]...)
	dst = append(dst, s.head[s.line:]...)
	dst = append(dst, l.contact...)
	dst = append(dst, "CSeq: "...)
	dst = strconv.AppendUint(dst, uint64(number)+1, 10)
	dst = append(dst, " NOTIFY\r\nSubscription-State: "...)
	if last {
		return append(append(dst, "terminated;reason="...), reasonText(s.reason)...)
	}
	if s.pending {
		dst = append(dst, "pending;expires="...)
	} else {
		dst = append(dst, "active;expires="...)
	}
	dst = strconv.AppendUint(dst, uint64(remaining(s.until, now)), 10)
	return append(dst, s.rates.granted()...)
}

// remaining is the time until then in seconds, at least one.
func remaining(until, now stamp) stamp {
	if until <= now {
		return 1
	}
	return until - now
}
