package notifier

import (
	"bytes"
	"slices"

	"lamplight/presence"
)

// byListsLocked calls f with everybody who watches a presentity by a list it is
// on and may, and with what is known of that; f returns false to end it. The
// mutex of a list is taken after that of a member, never before.
func (p *presentity) byListsLocked(f func(s *subscription, m mark) bool) {
	on := make([]*presentity, 0, len(p.lists))
	for l := range p.lists {
		on = append(on, l)
	}
	slices.SortFunc(on, func(a, b *presentity) int { return bytes.Compare(a.agent.ID[:], b.agent.ID[:]) })
	for _, l := range on {
		if !l.visitLocked(p.agent, f) {
			return
		}
	}
}

// visitLocked does it for one list, whose mutex it takes.
func (p *presentity) visitLocked(member presence.AgentID, f func(s *subscription, m mark) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot, ok := p.roll.first[member]
	if !ok {
		return true
	}
	for _, s := range p.subs {
		if s.state != active || int(slot) >= len(s.telling.marks) || s.telling.marks[slot]&forbidden != 0 {
			continue
		}
		if !f(s, s.telling.marks[slot]) {
			return false
		}
	}
	return true
}

// maxByLists bounds what ListWatchers returns.
const maxByLists = 1000

// ListWatchers are those who watch a presentity by a list it is on, a thousand at
// most; Entity is the list.
func (n *Notifier) ListWatchers(of presence.AgentID) (out []Info) {
	p := n.people.find(of)
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byListsLocked(func(s *subscription, m mark) bool {
		i := n.infoLocked(s)
		i.Presentity, i.Pending = of, m&awaiting != 0
		out = append(out, i)
		return len(out) < maxByLists
	})
	return out
}

// recountSoon has those told who watch the watchers of a list's members, of which
// so many from a slot on are concerned. The caller holds the list's mutex, so that
// a worker has to do it.
func (n *Notifier) recountSoon(s *subscription, from int) {
	l := s.pres.roll
	if n.surveyors.Load() == 0 || l == nil || from >= len(l.members) {
		return
	}
	agents := make([]presence.AgentID, 0, len(l.members)-from)
	for i := range l.members[from:] {
		agents = append(agents, l.members[from+i].agent)
	}
	pkg := s.pkg
	n.queue.Push(task{f: func() {
		for _, a := range agents {
			if p := n.people.find(a); p != nil {
				p.mu.Lock()
				n.recountLocked(p, pkg)
				p.mu.Unlock()
			}
		}
	}})
}
