package notifier

import (
	"hash/maphash"
	"net/netip"

	"lamplight/presence"
	"lamplight/presence/lists"
	"lamplight/sip/events/resourcelists"
	"lamplight/sip/message"
)

// roll is who is on a list that is watched: the presentity of a resource list
// (RFC 4662) has one. Its subscriptions share it; each member's own presentity
// knows the lists it is on, so that a change finds them.
//
// The mutex of the list's presentity guards every field. It is never held while
// another presentity's is taken.
type roll struct {
	ref lists.Ref // Domain is set always; only that for a list that a SUBSCRIBE brought
	// brought are the entries of such a list; host is where it was sent to, if that
	// was an address of ours instead of a domain.
	brought []resourcelists.Entry
	host    string

	members []member
	first   map[presence.AgentID]int32 // the first slot of an agent
	// turn counts the times when slots got another meaning: subscriptions then
	// begin anew with full state.
	turn  uint32
	known bool // members were read at least once
	over  bool // the list is no more
	// stale: who is on the list is to be read anew; reading: somebody does.
	stale, reading bool
}

// member is one resource of a list. Its number in roll.members is its slot.
type member struct {
	uri   string
	name  string
	agent presence.AgentID // an agent's, or that of a bare address
	next  int32            // the next slot of the same agent; -1: none
	// nobody: an address that cannot be watched here at all.
	nobody bool
	salt   uint64 // of the name
}

// newRoll is the roll of a list subscription that is the first of its list.
func newRoll(t *telling, entity string) *roll {
	l := &roll{ref: t.ref, brought: t.brought, stale: true}
	if u, err := message.ParseURI(entity); err == nil {
		if _, err := netip.ParseAddr(u.Host); err == nil {
			l.host = u.Host
		}
	}
	return l
}

// enlistLocked gives a list's presentity its roll.
func (p *presentity) enlistLocked(s *subscription) {
	if s.telling != nil && p.roll == nil {
		p.roll = newRoll(s.telling, s.entity)
	}
}

// gather reads who is on a list if that may have changed, and brings the
// presentities of the members in line. No lock is held by the caller.
func (n *Notifier) gather(p *presentity) {
	for {
		p.mu.Lock()
		l := p.roll
		if l == nil || !l.stale || l.reading {
			p.mu.Unlock()
			return
		}
		l.stale, l.reading = false, true
		ref, brought, host, aside := l.ref, l.brought, l.host, p.gone
		p.mu.Unlock()

		members, ok := n.membersOf(ref, brought, host)
		if !aside { // a fetch is told once: it need not hear of changes
			for i := range members {
				n.enrol(members[i].agent, p)
			}
		}
		p.mu.Lock()
		l.reading = false
		left := l.changeLocked(members, ok, p.subs)
		if p.gone && !aside { // everybody went meanwhile
			left = append(left, l.agents()...)
		}
		p.mu.Unlock()
		for _, a := range left {
			n.dismiss(a, p)
		}
		if !aside {
			n.mark(p) // other workers may have passed it by
		}
	}
}

// membersOf reads who is on a list; ok is false for a list that is no more.
func (n *Notifier) membersOf(ref lists.Ref, brought []resourcelists.Entry, host string) (out []member, ok bool) {
	dom, ok := n.directory.Domain(ref.Domain)
	if !ok {
		return nil, false
	}
	if ref.Brought() {
		for _, e := range brought {
			out = append(out, n.entry(dom, host, e))
		}
		return out, true
	}
	users, ok := n.lists.Members(ref)
	for _, u := range users {
		m := n.address(dom, u)
		m.uri = "sip:" + message.UserURI(u) + "@" + dom.Name()
		out = append(out, m)
	}
	return out, ok
}

// entry is a member named by a URI. The address that the list was sent to means
// its domain: some phones know us by that only.
func (n *Notifier) entry(dom *presence.Domain, host string, e resourcelists.Entry) member {
	u, err := message.ParseURI(e.URI)
	if err == nil && u.Host != host {
		dom, _ = n.directory.DomainByName(u.Host)
	}
	if err != nil || dom == nil || u.User == "" || u.Scheme != "sip" && u.Scheme != "sips" {
		return member{uri: e.URI, name: e.Name, nobody: true, salt: maphash.String(n.seed, e.Name)}
	}
	m := n.address(dom, u.UserDecoded())
	// Only the name that came with it goes back: one family would rename the
	// contacts of its user.
	m.uri, m.name, m.salt = e.URI, e.Name, maphash.String(n.seed, e.Name)
	return m
}

// address is who a user part leads to. One that is no agent's is a bare address,
// which becomes an agent's when such an agent is made.
func (n *Notifier) address(dom *presence.Domain, user string) member {
	a, ok := n.directory.AgentByAOR(user, dom.Name())
	if !ok {
		a, ok = n.directory.AgentByNumber(dom.ID, user)
	}
	if !ok {
		return member{agent: presence.BareAgentID(dom.ID, user+"@"+dom.Name()), salt: 1}
	}
	return member{agent: a.ID, name: a.Name, salt: maphash.String(n.seed, a.Name)}
}

// changeLocked puts another membership in place and returns the agents that are
// on the list no more. Members that were only added keep the slots of the others;
// anything else gives slots another meaning.
func (l *roll) changeLocked(members []member, ok bool, subs []*subscription) (left []presence.AgentID) {
	l.over = !ok
	old := l.first
	if l.known && l.grown(members) {
		l.keepLocked(members, subs)
	} else {
		l.members = members
		l.turn++
	}
	l.known = true
	l.index()
	for a := range old {
		if _, still := l.first[a]; !still {
			left = append(left, a)
		}
	}
	return left
}

// grown reports whether everybody who was on the list still is.
func (l *roll) grown(members []member) bool {
	is := make(map[string]bool, len(members))
	for i := range members {
		is[members[i].uri] = true
	}
	for i := range l.members {
		if !is[l.members[i].uri] {
			return false
		}
	}
	return true
}

// keepLocked takes over what became of the members that stay, and appends the
// new ones.
func (l *roll) keepLocked(members []member, subs []*subscription) {
	slots := make(map[string]int, len(l.members))
	for i := range l.members {
		slots[l.members[i].uri] = i
	}
	for _, m := range members {
		at, was := slots[m.uri]
		if !was {
			l.members = append(l.members, m)
			continue
		}
		if o := &l.members[at]; o.agent != m.agent || o.salt != m.salt || o.nobody != m.nobody {
			*o = m
			for _, s := range subs {
				s.telling.want(at)
			}
		}
	}
}

// index finds slots by agent.
func (l *roll) index() {
	l.first = make(map[presence.AgentID]int32, len(l.members))
	for i := len(l.members) - 1; i >= 0; i-- {
		m := &l.members[i]
		m.next = -1
		if m.nobody {
			continue
		}
		if next, ok := l.first[m.agent]; ok {
			m.next = next
		}
		l.first[m.agent] = int32(i)
	}
}

func (l *roll) agents() (out []presence.AgentID) {
	for a := range l.first {
		out = append(out, a)
	}
	return out
}

// wantLocked notes, for every subscription of a list, that a member changed.
func (p *presentity) wantLocked(a presence.AgentID) {
	slot, ok := p.roll.first[a]
	for ; ok && slot >= 0; slot = p.roll.members[slot].next {
		for _, s := range p.subs {
			s.telling.want(int(slot))
		}
	}
}

// enrol has a member's presentity know a list it is on.
func (n *Notifier) enrol(a presence.AgentID, list *presentity) {
	if a.IsZero() {
		return
	}
	p := n.people.open(a)
	if p.lists == nil {
		p.lists = make(map[*presentity]struct{})
	}
	p.lists[list] = struct{}{}
	p.mu.Unlock()
}

// dismiss undoes enrol.
func (n *Notifier) dismiss(a presence.AgentID, list *presentity) {
	p := n.people.find(a)
	if p == nil {
		return
	}
	p.mu.Lock()
	delete(p.lists, list)
	for pkg := range n.packages {
		n.recountLocked(p, uint8(pkg))
	}
	last := p.idleLocked()
	p.mu.Unlock()
	if last {
		n.release(p)
	}
}

// release forgets a presentity that nobody watches any more; a list lets its
// members go.
func (n *Notifier) release(p *presentity) {
	if !n.people.release(p) {
		return
	}
	p.mu.Lock()
	var members []presence.AgentID
	if p.roll != nil && !p.roll.reading { // who reads lets them go itself
		members = p.roll.agents()
	}
	p.mu.Unlock()
	for _, a := range members {
		n.dismiss(a, p)
	}
}

// listed are the lists a presentity is on.
func (p *presentity) listed() []*presentity {
	p.mu.Lock()
	defer p.mu.Unlock()
	on := make([]*presentity, 0, len(p.lists))
	for l := range p.lists {
		on = append(on, l)
	}
	return on
}

// spread tells the lists a presentity is on that it changed.
func (n *Notifier) spread(p *presentity, since int64) {
	for _, l := range p.listed() {
		l.mu.Lock()
		l.wantLocked(p.agent)
		l.mu.Unlock()
		l.dirty.CompareAndSwap(0, since)
		n.mark(l)
	}
}
