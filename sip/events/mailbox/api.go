package mailbox

import (
	"context"
	"maps"
	"slices"
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
	agent, aor := m.Owner(dom, user)
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

// Owner is the agent of that user, by address or number, or the address itself.
func (m *Mailboxes) Owner(dom *presence.Domain, user string) (id presence.AgentID, bare string) {
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
	Pubs    []Publication
}

// Publication is one of a mailbox's.
type Publication struct {
	Peer, ETag string
	Expires    time.Time
}

// Each calls f with every mailbox, in no order, until f returns false. Nothing is
// locked while f runs.
func (m *Mailboxes) Each(f func(Info) bool) {
	m.mu.RLock()
	all := make([]*box, 0, len(m.boxes))
	for _, b := range m.boxes {
		all = append(all, b)
	}
	m.mu.RUnlock()
	for _, b := range all {
		if !b.now.Load().empty() && !f(b.info()) {
			return
		}
	}
}

// Of is what is known of one mailbox.
func (m *Mailboxes) Of(dom *presence.Domain, user string) (Info, bool) {
	agent, _ := m.Owner(dom, user)
	b := m.find(agent)
	if b == nil || b.now.Load().empty() {
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
	i.Owners = slices.Sorted(maps.Keys(owners))
	for _, p := range st.pubs {
		i.Pubs = append(i.Pubs, Publication{p.Peer, p.entityTag(), p.Expires})
	}
	return i
}
