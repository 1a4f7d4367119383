package notifier

import (
	"context"
	"time"

	"lamplight/presence"
	"lamplight/presence/consent"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// standing is what a watcher may see.
type standing struct {
	verdict presence.WatchVerdict
	hidden  bool // not who calls
}

// judge asks the package, the domain's rules and what the watched agent decided.
// It is quick and takes no lock of the engine.
func (n *Notifier) judge(w watcher, s *subscription, of presence.AgentID) standing {
	if s.telling != nil {
		return n.judgeList(w, s)
	}
	pkg := n.packages[s.pkg]
	if g, ok := pkg.(Guard); ok && !g.Admit(w.public(), of) {
		return standing{verdict: presence.WatchDeny}
	}
	whom, _ := n.directory.Agent(of)
	dom := n.domainOf(whom, w, s)
	if dom == nil {
		return standing{verdict: presence.WatchAllow} // nobody is left to watch
	}
	if !w.mayWatch(dom) {
		return standing{verdict: presence.WatchDeny}
	}
	look := n.onlooker(w)
	st := standing{dom.Policy.MayWatch(look, whom, pkg.Name()), !dom.Policy.ShowsIdentity(look, whom)}
	if st.verdict == presence.WatchConfirm && n.consent != nil {
		if allow, decided := n.consent.Verdict(of, w.consenting()); decided && allow {
			st.verdict = presence.WatchAllow
		} else if decided {
			st.verdict = presence.WatchDeny
		}
	}
	return st
}

// domainOf is the domain whose users are watched.
func (n *Notifier) domainOf(whom *presence.Agent, w watcher, s *subscription) *presence.Domain {
	if whom != nil {
		dom, _ := n.directory.Domain(whom.Domain)
		return dom
	}
	if u, err := message.ParseURI(s.entity); err == nil {
		if dom, ok := n.directory.DomainByName(u.Host); ok {
			return dom
		}
	}
	return w.domain // a phone that knows us by address only
}

// onlooker is the watcher as rules see it.
func (n *Notifier) onlooker(w watcher) presence.Onlooker {
	if w.peer != nil {
		return presence.Onlooker{Peer: w.peer.Name}
	}
	var o presence.Onlooker
	o.Agent, _ = n.directory.Agent(w.holder)
	if dev, ok := n.directory.Device(presence.DeviceID{ID: presence.ID(w.id)}); ok {
		o.Kind = dev.Kind
	}
	return o
}

// consenting is who needs the consent: an agent with whatever device.
func (w watcher) consenting() consent.Watcher {
	if w.peer != nil {
		return consent.Watcher{Peer: w.peer.Name}
	}
	return consent.Watcher{Agent: w.holder}
}

// watcherOf finds out anew who a subscription's watcher is. A peer that is in
// the table no more and a device that was deleted are nobody.
func (n *Notifier) watcherOf(s *subscription) (watcher, bool) {
	w := watcher{id: s.owner}
	if s.peer {
		t := n.peerTable()
		for i := range t {
			if peerID(t[i].Name) == s.owner {
				w.peer = &t[i]
				return w, true
			}
		}
		return w, false
	}
	id := presence.DeviceID{ID: presence.ID(s.owner)}
	dev, ok := n.directory.Device(id)
	if !ok {
		return w, false
	}
	w.domain, ok = n.directory.Domain(dev.Domain)
	w.holder, _ = n.directory.Holder(id, time.Now())
	return w, ok
}

// stand sets what a new subscription may see.
func (s *subscription) stand(st standing) {
	s.pending, s.hidden = st.verdict == presence.WatchConfirm, st.hidden
}

// restandLocked brings a live subscription in line with what its watcher may see
// now. A right that was lost ends it (RFC 6665 §4.1.3): rejected, or, where the
// watched may still decide, deactivated, so that the watcher asks anew and waits.
func (n *Notifier) restandLocked(s *subscription, st standing) {
	switch {
	case s.state != active:
		return
	case st.verdict == presence.WatchDeny:
		n.expelLocked(s, rejected)
	case st.verdict == presence.WatchConfirm && !s.pending:
		n.expelLocked(s, deactivate)
	case st.verdict == presence.WatchAllow && s.pending, st.hidden != s.hidden:
		s.owed = s.owed || s.pending && st.verdict == presence.WatchAllow
		s.stand(st)
		s.progress = nil
		n.markSubLocked(s)
		n.recountLocked(s.pres, s.pkg)
	}
}

// mayStay looks again, at a refresh, at what the watcher may see. On false the
// request has been answered and the subscription ends.
func (n *Notifier) mayStay(r *transaction.Request, w watcher, s *subscription) bool {
	st := n.judge(w, s, s.pres.agent)
	s.pres.mu.Lock()
	defer s.pres.mu.Unlock()
	n.restandLocked(s, st)
	switch {
	case s.state == active:
		return true
	case s.reason == rejected:
		n.refuse(r, 403, notAllowed)
	default:
		n.refuse(r, 481, "Subscription does not exist")
	}
	return false
}

// standAgain sets what a reloaded subscription may see: the rules may be others
// than before the restart. Who may watch no more is told nothing until the review
// that follows ends it.
func (n *Notifier) standAgain(s *subscription, of presence.AgentID) {
	w, ok := n.watcherOf(s)
	if !ok { // nobody's any more
		s.pending = true
		return
	}
	st := n.judge(w, s, of)
	s.stand(st)
	s.pending = s.pending || st.verdict == presence.WatchDeny
}

// expelLocked ends a subscription with a document that says nothing.
func (n *Notifier) expelLocked(s *subscription, reason uint8) {
	s.pending = true
	n.endLocked(s, reason)
	n.deleteRow(s)
}

// orphanLocked ends the subscription of a watcher that is nobody any more. Nobody
// authenticates with a device that was deleted; who is no peer any more may ask
// anew as somebody else.
func (n *Notifier) orphanLocked(s *subscription) {
	switch {
	case s.state != active:
	case s.peer:
		n.expelLocked(s, deactivate)
	default:
		n.expelLocked(s, rejected)
	}
}

// Decided tells that an agent decided about a watcher: it is looked at anew who
// may watch him.
func (n *Notifier) Decided(of presence.AgentID) {
	if p := n.people.find(of); p != nil {
		n.queue.Push(task{f: func() {
			n.reviewOne(p)
			for _, l := range p.listed() {
				n.reviewOne(l)
			}
		}})
	}
}

// reviewSoon has everybody's standing looked at again. It does not block.
func (n *Notifier) reviewSoon() {
	select {
	case n.review <- struct{}{}:
	default: // it is to be done anyway
	}
}

// reviewPause is the least time between two reviews of everybody: a directory
// that is being filled changes often.
const reviewPause = time.Second

// reviews is the life of the goroutine that looks at everybody's standing, which
// matters only while some domain makes a difference between watchers, and once
// after; but for devices that changed hands and peers that became others.
func (n *Notifier) reviews(ctx context.Context) {
	before := n.discriminates()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.review:
		}
		// Between two looks a domain may have made a difference for a moment, in which
		// somebody subscribed.
		before = n.policies.Swap(false) || before
		now, moved := n.discriminates(), n.handed.take()
		if now || before || len(moved) > 0 {
			n.people.each(func(p *presentity) bool {
				if len(moved) > 0 {
					n.reviewHanded(p, moved)
				}
				if now || before {
					n.reviewOne(p)
				}
				return ctx.Err() == nil
			})
		}
		before = now
		select {
		case <-ctx.Done():
			return
		case <-time.After(reviewPause):
		}
	}
}

func (n *Notifier) discriminates() bool {
	for _, d := range n.directory.Domains() {
		if !d.Policy.OpenToAll() {
			return true
		}
	}
	return false
}

// lookAgainLocked does it for one of them.
func (n *Notifier) lookAgainLocked(s *subscription, w watcher) {
	switch {
	case s.state != active:
	case n.astray(w, s):
		n.expelLocked(s, deactivate)
	default:
		n.restandLocked(s, n.judge(w, s, s.pres.agent))
	}
}

// reviewOne looks at the standing of everybody who watches a presentity.
func (n *Notifier) reviewOne(p *presentity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.subs {
		if w, ok := n.watcherOf(s); !ok {
			n.orphanLocked(s)
		} else {
			n.lookAgainLocked(s, w)
		}
		if s.telling != nil && s.state == active && p.roll.known {
			if n.weighLocked(s, 0); s.telling.more() {
				n.markSubLocked(s)
			}
		}
	}
}
