package notifier

import (
	"time"

	"lamplight/presence"
	"lamplight/sip/transaction"
)

// fetch answers a SUBSCRIBE with Expires: 0 outside a dialog (RFC 6665 §4.4.3):
// 200, one NOTIFY with the state, and nothing is left.
func (n *Notifier) fetch(r *transaction.Request, s *subscription, agent presence.AgentID) {
	if n.queue.Depth() > n.maxPending {
		n.retryLater(r, "pending", 5)
		return
	}
	s.pres = &presentity{agent: agent, gone: true}
	if s.telling != nil {
		s.telling.fetch, s.pres.roll = true, newRoll(s.telling, s.entity)
	}
	s.state, s.reason, s.owed = ending, timedOut, true
	s.boot = n.boot
	s.startNumbers(n.boot)
	n.granted(r, s, 0)
	s.queued = true
	n.queue.Push(task{s: s})
}

// begin stores the subscription, then answers and sends the first NOTIFY.
func (n *Notifier) begin(r *transaction.Request, s *subscription, agent presence.AgentID, period uint32) {
	if s.telling != nil && !n.counts.takeList(n, s.owner, s.peer) {
		n.metrics.limited("lists")
		n.refuse(r, 403, "Too Many Lists")
		return
	}
	room := n.counts.take(n, s.owner, s.peer)
	if room != granted && s.telling != nil {
		n.counts.giveList(s.owner)
	}
	switch room {
	case fullWatcher:
		n.metrics.limited("watcher")
		n.refuse(r, 403, "Too Many Subscriptions")
		return
	case fullTotal:
		n.retryLater(r, "total", 60)
		return
	case fullPending:
		n.retryLater(r, "pending", 5)
		return
	}
	s.pres = &presentity{agent: agent} // until the row is there; see begun
	s.boot = n.boot
	s.startNumbers(n.boot)
	s.since = stampOf(time.Now())
	s.grant(s.since, period, n.grace)
	n.putRow(s, func(err error) {
		n.queue.Push(task{f: func() { n.begun(r, s, err) }})
	})
}

// grant sets the times: the row lives one period longer than the watcher knows,
// so that the next refresh needs no row.
func (s *subscription) grant(now stamp, period uint32, grace stamp) {
	s.period = period
	s.until = now + stamp(period)
	s.stored = s.until + stamp(period) + grace
}

// begun answers when the row is durable or will never be.
func (n *Notifier) begun(r *transaction.Request, s *subscription, err error) {
	n.counts.settled()
	if err != nil {
		n.log.Error().Err(err).Str("call_id", r.CallID()).Str("method", "SUBSCRIBE").Str("aor", s.entity).Msg("subscription could not be stored")
		n.giveRoom(s)
		n.retryLater(r, "store", 5)
		return
	}
	p := n.people.open(s.pres.agent)
	s.pres = p
	p.enlistLocked(s)
	p.addLocked(s)
	n.joinedLocked(s)
	n.tags.add(s)
	n.metrics.subscriptions(n.packages[s.pkg].Name(), 1)
	n.scheduleLocked(s)
	s.owed = true
	p.mu.Unlock()
	n.granted(r, s, s.period) // RFC 6665 §4.2.1: the answer, then the NOTIFY
	p.mu.Lock()
	if w, ok := n.watcherOf(s); ok { // it may have been decided while the row was written
		n.lookAgainLocked(s, w)
	}
	n.markSubLocked(s)
	p.mu.Unlock()
}

// endLocked ends a live subscription with a last NOTIFY.
func (n *Notifier) endLocked(s *subscription, reason uint8) {
	s.reason = reason
	n.forgetLocked(s)
	s.state, s.owed, s.retry = ending, true, 0
	n.markSubLocked(s)
}

// forgetLocked lets go of a live subscription: from now on its dialog is
// unknown.
func (n *Notifier) forgetLocked(s *subscription) {
	n.leftLocked(s)
	n.tags.remove(s.tag)
	n.giveRoom(s)
	n.metrics.subscriptions(n.packages[s.pkg].Name(), -1)
}

// giveRoom returns what begin claimed.
func (n *Notifier) giveRoom(s *subscription) {
	n.counts.give(s.owner)
	if s.telling != nil {
		n.counts.giveList(s.owner)
	}
}

// retireLocked takes it from its presentity: there is nothing more to send.
func (n *Notifier) retireLocked(s *subscription) {
	s.state, s.way = retired, way{}
	p := s.pres
	p.removeLocked(s)
	if p.idleLocked() {
		n.queue.Push(task{f: func() { n.release(p) }})
	}
}
