package notifier

import (
	"strings"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/store"
)

// maxWriting is how many rows of one subscription may wait for the store: no
// watcher refreshes faster than that in earnest.
const maxWriting = 4

// again answers a SUBSCRIBE within a dialog: a refresh, or with Expires: 0 the
// end (RFC 6665 §4.2.1.2, §4.2.1.4).
func (n *Notifier) again(r *transaction.Request, w watcher) {
	s := n.ofDialog(r.Message)
	if s == nil {
		n.refuse(r, 481, "Subscription does not exist")
		return
	}
	if s.owner != w.id {
		n.refuse(r, 403, "Not Your Subscription")
		return
	}
	period, ok := n.expiry(r)
	if !ok || period > 0 && !n.mayStay(r, w, s) || !n.inOrder(r, s) {
		return
	}
	n.command(r, w, s.pkg, s.pres.agent, func(no *Refusal) {
		s.pres.mu.Lock()
		defer s.pres.mu.Unlock()
		switch {
		case s.state != active:
			n.refuse(r, 481, "Subscription does not exist")
		case no != nil:
			n.refused(r, no)
			s.owed = true // the phone shows what it wished: it is told what is so
			n.releaseLocked(r, s)
		case period == 0:
			n.releaseLocked(r, s)
			n.unsubscribeLocked(r, s)
		default:
			n.refreshLocked(r, s, period)
		}
	})
}

// inOrder takes note of a request of the dialog unless it comes late. On false
// it has been answered.
func (n *Notifier) inOrder(r *transaction.Request, s *subscription) bool {
	seq, _ := r.CSeq()
	s.pres.mu.Lock()
	defer s.pres.mu.Unlock()
	switch {
	case s.state != active:
		n.refuse(r, 481, "Subscription does not exist")
		return false
	case seq <= s.remoteCSeq: // RFC 3261 §12.2.2
		n.refuse(r, 500, "CSeq Out of Order")
		return false
	case s.writing+s.commands >= maxWriting:
		n.retryLater(r, "dialog", 1)
		return false
	}
	s.remoteCSeq = seq
	if n.commands(r, s.pkg) {
		s.commands++
	}
	return true
}

// releaseLocked ends the time in which no NOTIFY may overtake the answer to a
// command.
func (n *Notifier) releaseLocked(r *transaction.Request, s *subscription) {
	if n.commands(r, s.pkg) {
		s.commands--
		n.markSubLocked(s)
	}
}

// ofDialog finds the subscription by our tag and holds Call-ID, remote tag and
// event against it. Head, and the spans into it, only change under the lock.
func (n *Notifier) ofDialog(m *message.Message) *subscription {
	tag, ok := parseTag(m.ToTag())
	if !ok {
		return nil
	}
	s := n.tags.find(tag)
	if s == nil {
		return nil
	}
	s.pres.mu.Lock()
	defer s.pres.mu.Unlock()
	name, id, ok := event(m.Get(message.Event))
	if !ok || !s.is(s.callID, m.CallID()) || !s.is(s.remoteTag, m.FromTag()) || !s.is(s.eventID, id) ||
		!strings.EqualFold(name, n.packages[s.pkg].Name()) {
		return nil
	}
	return s
}

// unsubscribeLocked ends the subscription durably: a 200 that a crash undoes
// would bring NOTIFYs for a dialog that is no more.
func (n *Notifier) unsubscribeLocked(r *transaction.Request, s *subscription) {
	s.writing++
	n.store.Submit(store.Batch{Writes: []store.Write{store.Delete(n.key(s))}}, func(err error) {
		n.queue.Push(task{f: func() {
			s.pres.mu.Lock()
			defer s.pres.mu.Unlock()
			s.writing--
			if err != nil {
				n.retryLater(r, "store", 5)
				return
			}
			if s.state == active && n.suppressLocked(r, s, 0) {
				n.forgetLocked(s)
				n.retireLocked(s)
				return
			}
			n.granted(r, s, 0)
			if s.state == active {
				n.endLocked(s, timedOut)
			}
		}})
	})
}

// refreshLocked grants more time, by what way and to what contact the watcher
// may have moved. A row is written only if something changed that the stored one
// does not cover.
func (n *Notifier) refreshLocked(r *transaction.Request, s *subscription, period uint32) {
	target, hasContact := contactOf(r.Message)
	if r.Has(message.Contact) && !hasContact {
		n.refuse(r, 400, "Bad Contact header")
		n.releaseLocked(r, s)
		return
	}
	now := stampOf(time.Now())
	next := *s // what the subscription becomes if the row commits
	if hasContact && !next.retarget(target) {
		n.refuse(r, 400, "Contact Too Long")
		n.releaseLocked(r, s)
		return
	}
	other, ok := n.rebring(r, &next)
	if !ok {
		n.releaseLocked(r, s)
		return
	}
	routed := strings.Contains(string(s.head[s.line:]), "\r\nRoute: ")
	next.setWay(n.wayBack(r, next.target(), routed))
	wishes, fine := ratesOf(r.Get(message.Event))
	if !fine {
		n.refuse(r, 400, "Bad Rate in Event header")
		n.releaseLocked(r, s)
		return
	}
	if wishes.granted() != s.rates.granted() {
		next.rates = wishes
	}
	changed := other || next.rates != s.rates || &next.head[0] != &s.head[0] || next.transport != s.transport || next.remote != s.remote && next.transport == overUDP
	next.until, next.period = now+stamp(period), period
	if !changed && next.until >= s.until && next.until+n.grace <= s.stored {
		n.refreshed(r, s, &next)
		return
	}
	next.grant(now, period, n.grace)
	s.writing++
	n.putRow(&next, func(err error) {
		n.queue.Push(task{f: func() { n.rewritten(r, s, &next, err) }})
	})
}

// rewritten takes the outcome of a refresh's row.
func (n *Notifier) rewritten(r *transaction.Request, s, next *subscription, err error) {
	s.pres.mu.Lock()
	defer s.pres.mu.Unlock()
	s.writing--
	if err != nil {
		n.log.Error().Err(err).Str("call_id", r.CallID()).Str("method", "SUBSCRIBE").Str("aor", s.entity).Msg("refresh could not be stored")
		n.retryLater(r, "store", 5)
		n.releaseLocked(r, s)
		return
	}
	n.refreshed(r, s, next)
}

// refreshed installs what was granted, answers and owes a NOTIFY. The caller
// holds the mutex of s.pres.
func (n *Notifier) refreshed(r *transaction.Request, s, next *subscription) {
	if s.state != active { // it ended while the row was written
		n.deleteRow(s)
		n.refuse(r, 481, "Subscription does not exist")
		return
	}
	if next.remoteCSeq < s.grantCSeq {
		// A later refresh has been granted already; this answer only confirms.
		n.granted(r, s, next.period)
		n.releaseLocked(r, s)
		return
	}
	s.grantCSeq = next.remoteCSeq
	if s.inflight != 0 && (next.remote != s.remote || next.transport != s.transport) {
		s.inflight, s.progress = 0, nil // it went where the watcher no longer is
	}
	s.head, s.line, s.callID, s.remoteTag, s.eventID = next.head, next.line, next.callID, next.remoteTag, next.eventID
	s.way, s.remote, s.transport = next.way, next.remote, next.transport
	s.until, s.stored, s.period = next.until, next.stored, next.period
	s.relistLocked(next)
	s.rates = next.rates
	if !n.suppressLocked(r, s, s.period) {
		s.retry, s.owed = 0, true
		n.granted(r, s, s.period)
	}
	n.scheduleLocked(s)
	n.releaseLocked(r, s)
	n.markSubLocked(s)
}
