package notifier

import (
	"strings"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
)

// Phones often have the keys of people who are made agents later. What they watch
// until then is a bare address, and goes on to be one: so that the lamp does not
// stay dark for ever, such a subscription ends when the address is an agent's, and
// the phone asks anew. The same happens where an agent has left an address: the key
// must not go on to show who is no longer there.

// readdressed looks again at who watches the agents of the edit, and the addresses
// that they have.
func (n *Notifier) readdressed(e *directory.Edit) {
	for i := range e.Agents {
		a := &e.Agents[i]
		dom, ok := n.directory.Domain(a.Domain)
		if !ok {
			continue
		}
		if p := n.people.find(a.ID); p != nil {
			n.reviewOne(p)
		}
		users := []string{a.Number}
		for _, aor := range a.AORs {
			user, _, _ := strings.Cut(aor, "@")
			users = append(users, user)
		}
		for _, user := range users {
			if p := n.people.find(presence.BareAgentID(dom.ID, user+"@"+dom.Name())); p != nil {
				n.reviewOne(p)
			}
		}
	}
}

// astray reports whether the address that a subscription watches is another's by
// now: a bare one that has become an agent's, or one that its agent had before.
func (n *Notifier) astray(w watcher, s *subscription) bool {
	u, err := message.ParseURI(s.entity)
	if err != nil {
		return false
	}
	dom, ok := n.directory.DomainByName(u.Host)
	if !ok {
		dom = w.domain // a phone that knows us by address only
	}
	switch {
	case dom == nil:
		return false
	case s.bare:
		return n.isAgent(dom, u.UserDecoded())
	case s.telling != nil:
		return false // a list keeps its name
	}
	id, ok := n.named(&w, dom, &u)
	if !ok {
		id, ok = n.temporary(s.entity)
	}
	return !ok || id != s.pres.agent
}

// temporary is the agent of a temporary GRUU (RFC 5627 §3.1.2), which is kept
// without its parameter and still names nobody else.
func (n *Notifier) temporary(entity string) (presence.AgentID, bool) {
	u, err := message.ParseURI(entity + ";gr")
	if err != nil {
		return presence.AgentID{}, false
	}
	return n.owner(&u)
}
