package events

import (
	"hash/maphash"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/events/notifier"
	"lamplight/sip/events/reginfo"
	"lamplight/sip/registrar"
)

// regPackage tells what is registered: RFC 3680. Own devices of the agent, trusted
// peers and whom a rule of the domain names may watch; see presence.Policy.
type regPackage struct {
	registrar *registrar.Registrar
	directory *directory.Directory
	seed      maphash.Seed
	ended     *endedContacts
	room      *sync.Pool // of []reginfo.Contact, for Append
}

func newRegPackage(r *registrar.Registrar, d *directory.Directory) *regPackage {
	return &regPackage{
		registrar: r, directory: d, seed: maphash.MakeSeed(),
		ended: &endedContacts{of: make(map[presence.AgentID][]registrar.Ended)},
		room:  &sync.Pool{New: func() any { return &[]reginfo.Contact{} }},
	}
}

// watch has watchers told of the registrar's changes.
func (p *regPackage) watch(n *notifier.Notifier) {
	p.registrar.OnChange(func(of presence.AgentID, ended []registrar.Ended) {
		p.ended.changed(of, ended)
		n.Changed(of)
	})
}

func (*regPackage) Name() string    { return "reg" }
func (*regPackage) Types() []string { return regTypes }
func (*regPackage) Bare() bool      { return false }

// State implements notifier.Stater: a number made of what the document says but
// for the times that run.
func (p *regPackage) State(of presence.AgentID) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	p.registrar.Visit(of, func(b *registrar.Binding) {
		_, _ = h.WriteString(b.ID)
		_, _ = h.WriteString(b.Head)
		_, _ = h.WriteString(b.Event)
		maphash.WriteComparable(&h, b.Stored.Unix())
	})
	p.ended.each(of, func(e *registrar.Ended) {
		_, _ = h.WriteString(e.Binding.ID)
		_, _ = h.WriteString(e.Event)
	})
	return h.Sum64()
}

// Append implements notifier.Package.
func (p *regPackage) Append(dst []byte, _ *presence.Snapshot, v notifier.View) ([]byte, int) {
	room, _ := p.room.Get().(*[]reginfo.Contact)
	now := time.Now()
	contacts := (*room)[:0]
	p.registrar.Visit(v.Agent, func(b *registrar.Binding) {
		c := contactOf(b)
		c.PubGRUU = p.registrar.AssignedGRUU(b)
		contacts = append(contacts, c)
	})
	p.ended.each(v.Agent, func(e *registrar.Ended) {
		if now.Sub(e.At) < endedTold {
			c := contactOf(e.Binding)
			c.Event, c.Ended = e.Event, true
			contacts = append(contacts, c)
		}
	})
	view := reginfo.View{Entity: v.Entity, Now: now, Limit: v.Limit}
	if a, ok := p.directory.Agent(v.Agent); ok {
		view.AORs = a.AORs
	}
	start := len(dst)
	doc, version := reginfo.Append(dst, contacts, view)
	clear(contacts)
	*room = contacts
	p.room.Put(room)
	return doc, version - start
}

func contactOf(b *registrar.Binding) reginfo.Contact {
	c := reginfo.Contact{
		ID: b.ID, AOR: b.AOR, URI: b.Bare(), Event: b.Event, CallID: b.CallID, Q: b.Q,
		Since: b.Since, Expires: b.Expires, Instance: b.Instance, RegID: b.RegID,
	}
	if c.Event == "" {
		c.Event = registrar.EventRegistered
	}
	return c
}

// Bounds of the memory of ended contacts: how long a document has them, and how
// many there are, of one agent and in all. Beyond, the oldest are forgotten, and
// watchers learn of an end by the contact's absence.
const (
	endedTold   = 32 * time.Second
	endedAgent  = 16
	endedAgents = 16_384
)

// endedContacts remembers those that ended by the last changes of their agents,
// so that every watcher is told once more.
type endedContacts struct {
	mu    sync.Mutex
	of    map[presence.AgentID][]registrar.Ended // mu guards it and order
	order []presence.AgentID                     // by the time they came
}

// changed takes note of a change of the agent's bindings.
func (x *endedContacts) changed(of presence.AgentID, ended []registrar.Ended) {
	x.mu.Lock()
	defer x.mu.Unlock()
	have, known := x.of[of]
	now := time.Now()
	var next []registrar.Ended
	for _, e := range have {
		if now.Sub(e.At) < endedTold {
			next = append(next, e)
		}
	}
	next = append(next, ended...)
	next = next[max(0, len(next)-endedAgent):]
	switch {
	case len(next) == 0:
		delete(x.of, of)
		return
	case !known:
		x.order = append(x.order, of)
	}
	x.of[of] = next
	for len(x.order) > endedAgents {
		delete(x.of, x.order[0])
		x.order = x.order[1:]
	}
}

// each calls f with every one of an agent, locked.
func (x *endedContacts) each(of presence.AgentID, f func(*registrar.Ended)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.of[of]
	for i := range list {
		f(&list[i])
	}
}
