package mailbox

import (
	"context"
	"time"

	"lamplight/presence"
)

// Put makes a summary the word of the API and waits for the commit.
func (m *Mailboxes) Put(ctx context.Context, dom *presence.Domain, user string, s Summary) error {
	return m.wait(ctx, dom, user, func(st *state, _ time.Time) error {
		st.take(byAPI, &s)
		return nil
	})
}

// Clear forgets all that was told of a mailbox and waits for the commit. Its
// publishers begin anew: their entity tags are answered 412.
func (m *Mailboxes) Clear(ctx context.Context, dom *presence.Domain, user string) error {
	return m.wait(ctx, dom, user, forget)
}

func (m *Mailboxes) wait(ctx context.Context, dom *presence.Domain, user string, apply func(*state, time.Time) error) error {
	agent, aor := m.owner(dom, user)
	b, err := m.open(dom.ID, agent, aor)
	if err != nil {
		return err
	}
	outcome := make(chan error, 1)
	m.enqueue(b, job{asked: true, apply: apply, done: func(err error) { outcome <- err }})
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// owner is the agent of that user, by address or number, or the address itself.
func (m *Mailboxes) owner(dom *presence.Domain, user string) (id presence.AgentID, bare string) {
	if a, ok := m.o.Directory.AgentByAOR(user, dom.Name()); ok {
		return a.ID, ""
	}
	if a, ok := m.o.Directory.AgentByNumber(dom.ID, user); ok {
		return a.ID, ""
	}
	aor := user + "@" + dom.Name()
	return presence.BareAgentID(dom.ID, aor), aor
}

// Info is a mailbox as diagnostics show it.
type Info struct {
	Domain  presence.DomainID
	Agent   presence.AgentID
	AOR     string // of an address without an agent
	Summary Summary
	Owners  []string // whose word it is: "api", "notify:peer", "publication:…"
	Peers   []string // of its publications
}

// Of is what is known of one mailbox.
func (m *Mailboxes) Of(dom *presence.Domain, user string) (Info, bool) {
	agent, _ := m.owner(dom, user)
	b := m.find(agent)
	if b == nil {
		return Info{}, false
	}
	return b.info(), true
}

func (b *box) info() Info {
	st := b.now.Load()
	i := Info{Domain: b.domain, Agent: b.agent, AOR: b.aor, Summary: st.summary}
	owners := make(map[string]bool)
	for _, t := range st.told {
		owners[t.By] = true
	}
	if st.plain != nil {
		owners[st.plain.By] = true
	}
	for by := range owners {
		i.Owners = append(i.Owners, by)
	}
	for _, p := range st.pubs {
		i.Peers = append(i.Peers, p.Peer)
	}
	return i
}
