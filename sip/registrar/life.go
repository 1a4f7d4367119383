package registrar

import (
	"slices"

	"lamplight/presence"
	"lamplight/sip/transport"
)

// Life tells one life of a phone from the next: its REGISTERs bear the same Call-ID
// until it starts anew (RFC 3261 §10.2), and what it knew of calls is gone then. Each
// of its flows (RFC 5626 §4.2) may have a Call-ID of its own. The zero value is of no
// phone.
type Life struct {
	device  presence.DeviceID
	callIDs []string
	over    *transport.Flow
}

// Known reports whether it is some phone's.
func (l *Life) Known() bool { return len(l.callIDs) > 0 }

// LifeOver is the life of the agent's device that is registered over that stream. It
// is of no phone if others are registered over it, too, or it leads to a proxy: then
// the stream is not the phone's own, and whoever comes by another one speaks for
// himself only.
func (r *Registrar) LifeOver(agent presence.AgentID, device presence.DeviceID, f *transport.Flow) Life {
	if r.flows.shared(f.ID()) {
		return Life{}
	}
	l := Life{device: device, over: f}
	var instances []string
	foreign := false
	r.Visit(agent, func(b *Binding) {
		switch {
		case b.flow != f:
		case b.Device != device || len(b.Path) > 0:
			foreign = true
		default:
			l.callIDs = append(l.callIDs, b.CallID)
			instances = append(instances, b.Instance)
		}
	})
	if foreign || !l.Known() {
		return Life{}
	}
	r.Visit(agent, func(b *Binding) {
		if b.Device == device && b.Instance != "" && slices.Contains(instances, b.Instance) && !slices.Contains(l.callIDs, b.CallID) {
			l.callIDs = append(l.callIDs, b.CallID)
		}
	})
	return l
}

// FlowOf is the stream by which the phone is reached that is still in that life: the
// one that it was registered over, as long as it is, else the one it was bound to last.
// nil: it has none.
func (r *Registrar) FlowOf(agent presence.AgentID, l Life) (out *transport.Flow) {
	if !l.Known() {
		return nil
	}
	var bound int64
	r.Visit(agent, func(b *Binding) {
		if b.Device != l.device || !slices.Contains(l.callIDs, b.CallID) || len(b.Path) > 0 || b.flow == nil || !b.flow.Reliable() {
			return
		}
		select {
		case <-b.flow.Done():
			return
		default:
		}
		if out == nil || b.flow == l.over || out != l.over && b.Bound >= bound {
			out, bound = b.flow, b.Bound
		}
	})
	return out
}

// shared reports whether several agents have registered over a stream.
func (x *flowIndex) shared(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.agents[id]) > 1
}
