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
// the phone asks anew.

// readdressed looks again at who watches addresses that agents of the edit have.
func (n *Notifier) readdressed(e *directory.Edit) {
	for i := range e.Agents {
		a := &e.Agents[i]
		dom, ok := n.directory.Domain(a.Domain)
		if !ok {
			continue
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

// taken reports whether the bare address that a subscription watches is an agent's
// now.
func (n *Notifier) taken(w watcher, s *subscription) bool {
	if !s.bare {
		return false
	}
	u, err := message.ParseURI(s.entity)
	if err != nil {
		return false
	}
	dom, ok := n.directory.DomainByName(u.Host)
	if !ok {
		dom = w.domain // a phone that knows us by address only
	}
	return dom != nil && n.isAgent(dom, u.UserDecoded())
}
