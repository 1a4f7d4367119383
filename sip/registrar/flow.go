package registrar

import (
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/sip/transport"
)

// flowIndex knows which agents have bindings over a stream.
type flowIndex struct {
	mu     sync.Mutex
	agents map[string][]presence.AgentID // mu; by flow id, until the flow ends
}

// add notes the streams of a committed change. One that ended meanwhile may have
// been reported before it was noted, so it is looked at again.
func (x *flowIndex) add(r *Registrar, c *change) {
	for _, b := range c.put {
		if b.Transport == udp || b.flow == nil {
			continue
		}
		x.mu.Lock()
		if list := x.agents[b.flow.ID()]; !slices.Contains(list, c.agent) {
			x.agents[b.flow.ID()] = append(list, c.agent)
		}
		x.mu.Unlock()
		select {
		case <-b.flow.Done():
			r.FlowClosed(b.flow)
		default:
		}
	}
}

func (x *flowIndex) take(id string) []presence.AgentID {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.agents[id]
	delete(x.agents, id)
	return list
}

// FlowClosed ends the bindings of a stream that ended. A device that can be
// woken by push keeps its own, as one that only push reaches.
func (r *Registrar) FlowClosed(f *transport.Flow) {
	for _, agent := range r.flows.take(f.ID()) {
		r.shard(agent).enqueue(agent, func(rec *record, _ time.Time) *change {
			return r.withoutFlow(rec, f)
		})
	}
}

func (r *Registrar) withoutFlow(rec *record, f *transport.Flow) *change {
	var drop, keep []*Binding
	for _, b := range rec.bindings {
		switch {
		case b.flow != f:
		case b.Push:
			keep = append(keep, b)
		default:
			drop = append(drop, b)
		}
	}
	if len(drop)+len(keep) == 0 {
		return nil
	}
	c := without(rec, drop, presence.CauseFactExpired)
	for _, b := range keep {
		c.replace(b, func(nb *Binding) { nb.Dead, nb.flow = true, nil })
	}
	if len(drop) > 0 {
		c.then = r.orExpire(drop)
	}
	return c
}

// replace puts a changed copy in the place of a binding, told to the roster
// alone.
func (c *change) replace(b *Binding, edit func(*Binding)) {
	nb := *b
	edit(&nb)
	c.next[slices.Index(c.next, b)] = &nb
	c.touch = append(c.touch, &nb)
}
