package notifier

import (
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/transaction"
)

// ServeSIP answers a SUBSCRIBE (RFC 6665 §4.2.1). It does not block: the answer
// follows when the store has committed.
func (n *Notifier) ServeSIP(r *transaction.Request) {
	w, ok := n.watcher(r)
	if !ok || !n.extensions(r) {
		return
	}
	if r.ToTag() != "" {
		n.again(r, w)
		return
	}
	n.first(r, w)
}

// watcher is who sent a SUBSCRIBE.
type watcher struct {
	id     watcherID
	peer   *peers.Peer      // nil: a device
	domain *presence.Domain // a device's
	holder presence.AgentID // whose device it is
}

// public is what packages are told of the watcher.
func (w watcher) public() Watcher {
	if w.peer != nil {
		return Watcher{Peer: w.peer.Name}
	}
	return Watcher{Device: presence.DeviceID{ID: presence.ID(w.id)}, Holder: w.holder}
}

// watcher finds out who asks: a trusted peer by its address, anyone else by
// digest. On false the request has been answered.
func (n *Notifier) watcher(r *transaction.Request) (watcher, bool) {
	if p, ok := n.peerTable().Find(r.Flow.Neighbour(), r.Flow.Transport()); ok && !n.own(r) {
		return watcher{id: peerID(p.Name), peer: p}, true
	}
	id, ok := n.auth.Authenticate(r)
	if !ok {
		return watcher{}, false
	}
	holder, held := n.directory.Holder(id.Device, time.Now())
	if !held {
		n.refuse(r, 403, "Device Is Nobody's")
		return watcher{}, false
	}
	return watcher{id: watcherID(id.Device.ID), domain: id.Domain, holder: holder}, true
}

// own reports whether the package asked for is for an agent's own devices alone.
func (n *Notifier) own(r *transaction.Request) bool {
	name, _, _ := event(r.Get(message.Event))
	for _, p := range n.packages {
		if strings.EqualFold(p.Name(), name) {
			_, own := p.(Own)
			return own
		}
	}
	return false
}

// mayWatch reports whether the watcher may watch users of the domain.
func (w watcher) mayWatch(d *presence.Domain) bool {
	if w.peer == nil {
		return d.ID == w.domain.ID
	}
	for _, name := range d.Names {
		if w.peer.SpeaksFor(name) {
			return true
		}
	}
	return false
}

// notAllowed is said to who may not watch: that there is somebody to watch is no
// secret within a domain.
const notAllowed = "Watching This Is Not Allowed"

// first answers a SUBSCRIBE that begins a dialog.
func (n *Notifier) first(r *transaction.Request, w watcher) {
	if n.draining.Load() {
		n.retryLater(r, "draining", 5)
		return
	}
	s := &subscription{owner: w.id, peer: w.peer != nil}
	if !n.chosen(r, s) {
		return
	}
	agent, ok := n.resource(r, w, s)
	if !ok {
		return
	}
	may := n.judge(w, s, agent)
	if may.verdict == presence.WatchDeny {
		n.refuse(r, 403, notAllowed)
		return
	}
	s.stand(may)
	period, ok := n.expiry(r)
	if !ok {
		return
	}
	var fine bool
	if s.typ, fine = chooseType(n.packages[s.pkg], accepted(r, s), s.quirks); !fine {
		n.answer(r, message.NewResponse(r.Message, 406, "").Add(message.Accept, strings.Join(n.packages[s.pkg].Types(), ", ")))
		return
	}
	if !n.dialog(r, s) {
		return
	}
	if n.merged.seen(n.seed, r.CallID(), r.FromTag(), r.Get(message.CSeq), stampOf(r.At)) {
		n.refuse(r, 482, "Merged Request")
		return
	}
	n.command(r, w, s.pkg, agent, func(no *Refusal) {
		if no != nil {
			n.refused(r, no)
			return
		}
		if period == 0 {
			n.fetch(r, s, agent)
			return
		}
		n.begin(r, s, agent, period)
	})
}

// commands reports whether a SUBSCRIBE has a body that its package carries out.
func (n *Notifier) commands(r *transaction.Request, pkg uint8) bool {
	_, ok := n.packages[pkg].(Commander)
	return ok && len(r.Body) > 0
}

// command has a package carry out the body of a SUBSCRIBE, if it has one and the
// package can, and then goes on.
func (n *Notifier) command(r *transaction.Request, w watcher, pkg uint8, of presence.AgentID, then func(*Refusal)) {
	if !n.commands(r, pkg) {
		then(nil)
		return
	}
	c, _ := n.packages[pkg].(Commander)
	seq, _ := r.CSeq()
	c.Command(Command{By: w.public(), Of: of, Type: r.Get(message.ContentType), Body: r.Body, CallID: r.CallID(), CSeq: seq}, func(no *Refusal) {
		n.queue.Push(task{f: func() { then(no) }})
	})
}

// refused answers with what the package said.
func (n *Notifier) refused(r *transaction.Request, no *Refusal) {
	if no.Status == 503 {
		n.retryLater(r, "command", 5)
		return
	}
	n.refuse(r, no.Status, no.Phrase)
}
