package notifier

import (
	"slices"
	"sync"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/peers"
)

// handed collects the devices that changed hands, or are no more, and the peers
// that speak for other domains or are no more, until what they watch is looked at
// again: what was an agent's own business is not for the next one who sits at the
// phone.
type handed struct {
	mu      sync.Mutex
	devices map[watcherID]struct{} // guarded by mu; no more than there are devices and peers
}

// note takes them from an edit of the directory.
func (h *handed) note(e *directory.Edit) {
	if len(e.Assignments)+len(e.DeleteDevices) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range e.Assignments {
		h.addLocked(watcherID(e.Assignments[i].Device.ID))
	}
	for _, id := range e.DeleteDevices {
		h.addLocked(watcherID(id.ID))
	}
}

// notePeers takes them from a new table of peers.
func (h *handed) notePeers(before, after peers.Table) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range before {
		p := &before[i]
		if !slices.ContainsFunc(after, func(q peers.Peer) bool { return q.Name == p.Name && slices.Equal(q.Domains, p.Domains) }) {
			h.addLocked(peerID(p.Name))
		}
	}
}

func (h *handed) addLocked(id watcherID) {
	if h.devices == nil {
		h.devices = make(map[watcherID]struct{})
	}
	h.devices[id] = struct{}{}
}

// take empties it.
func (h *handed) take() map[watcherID]struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.devices
	h.devices = nil
	return d
}

// reviewHanded looks at what devices that changed hands, and peers that became
// others, watch there.
func (n *Notifier) reviewHanded(p *presentity, devices map[watcherID]struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.subs {
		if _, moved := devices[s.owner]; !moved || s.state != active {
			continue
		}
		w, ok := n.watcherOf(s)
		switch {
		case !ok:
			n.orphanLocked(s)
		case n.judge(w, s, p.agent).verdict == presence.WatchDeny:
			n.expelLocked(s, deactivate) // it may ask for the same of its new holder
		}
	}
}
