package notifier

import (
	"sync"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// handed collects the devices that changed hands, or are no more, until what they
// watch is looked at again: what was an agent's own business is not for the next
// one who sits at the phone.
type handed struct {
	mu      sync.Mutex
	devices map[watcherID]struct{} // guarded by mu; no more than there are devices
}

// note takes them from an edit of the directory.
func (h *handed) note(e *directory.Edit) {
	if len(e.Assignments)+len(e.DeleteDevices) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.devices == nil {
		h.devices = make(map[watcherID]struct{})
	}
	for i := range e.Assignments {
		h.devices[watcherID(e.Assignments[i].Device.ID)] = struct{}{}
	}
	for _, id := range e.DeleteDevices {
		h.devices[watcherID(id.ID)] = struct{}{}
	}
}

// take empties it.
func (h *handed) take() map[watcherID]struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.devices
	h.devices = nil
	return d
}

// reviewHanded looks at what devices that changed hands watch there.
func (n *Notifier) reviewHanded(p *presentity, devices map[watcherID]struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.subs {
		if _, moved := devices[s.owner]; !moved || s.state != active {
			continue
		}
		w, ok := n.watcherOf(s)
		switch {
		case !ok: // deleted: nobody authenticates with it any more
			n.expelLocked(s, rejected)
		case n.judge(w, s, p.agent).verdict == presence.WatchDeny:
			n.expelLocked(s, deactivate) // it may ask for the same of its new holder
		}
	}
}
