package mailbox

import (
	"maps"
	"strings"
	"time"

	"lamplight/presence"
)

// A voicemail server may tell of a mailbox before there is an agent of that
// address. What the API or a NOTIFY said passes over to the agent's mailbox; who
// publishes is answered 412 at the next refresh and begins anew there.

// adopted looks for mailboxes of addresses that the agents have.
func (m *Mailboxes) adopted(agents []presence.Agent) {
	for i := range agents {
		a := &agents[i]
		dom, ok := m.o.Directory.Domain(a.Domain)
		if !ok {
			continue
		}
		users := []string{a.Number}
		for _, aor := range a.AORs {
			user, _, _ := strings.Cut(aor, "@")
			users = append(users, user)
		}
		for _, user := range users {
			if b := m.find(presence.BareAgentID(dom.ID, user+"@"+dom.Name())); b != nil {
				m.adopt(b, a.ID)
			}
		}
	}
}

// adopt gives the agent what was said of an address, then forgets the address. A
// crash between the two is made good by the next start.
func (m *Mailboxes) adopt(b *box, agent presence.AgentID) {
	forgotten := func() { m.enqueue(b, job{apply: forget, done: m.logged(b)}) }
	said := newState()
	look := func(st *state, _ time.Time) error {
		maps.Copy(said.told, st.told)
		said.plain, said.account = st.plain, st.account
		for _, p := range st.pubs {
			said.drop(p.owner())
		}
		return errNoNeed
	}
	m.enqueue(b, job{apply: look, done: func(error) {
		to, err := m.open(b.domain, agent, "")
		if err != nil || said.empty() {
			forgotten()
			return
		}
		m.enqueue(to, job{apply: said.into, done: func(err error) {
			if err == nil {
				forgotten()
			}
		}})
	}})
}

// into adds what was said to a mailbox of which nothing is known that is newer.
func (st *state) into(to *state, _ time.Time) error {
	if !to.empty() {
		return errNoNeed
	}
	maps.Copy(to.told, st.told)
	to.plain, to.account = st.plain, st.account
	return nil
}
