package roster

import (
	"time"

	"lamplight/presence"
	"lamplight/presence/status"
)

// Bare opens (or finds) the presentity of an address of record without an
// agent; it is forgotten half a minute after its last leg ended. Beyond
// Options.MaxBare no new ones are opened, and applying to the returned id is
// ErrUnknown.
func (r *Roster) Bare(dom presence.DomainID, aor string) presence.AgentID {
	id := presence.BareAgentID(dom, aor)
	s := r.shard(id)
	now := time.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.actors[id]; a != nil {
		a.called.Store(now.UnixNano())
		return id
	}
	if r.bares.Add(1) > r.maxBare {
		r.bares.Add(-1)
		return id
	}
	a := &actor{
		id: id, domain: dom, bare: true, n: s.floor.Load() + 1,
		agent: &presence.Agent{ID: id, Domain: dom, AORs: []string{aor}},
	}
	a.called.Store(now.UnixNano())
	a.facts.Selected.Status = presence.SelectAvailable
	ev := status.Evaluate(a.facts, *r.policy(dom), now)
	a.show(r.boot, now, ev, presence.View{Label: ev.Team, Since: now}, presence.View{Label: ev.Own, Since: now})
	s.actors[id] = a
	s.q.notify(item{kind: itemOpened, id: id})
	return id
}

// forgetBare forgets the address unless somebody asked for it lately.
func (s *shard) forgetBare(a *actor, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.UnixNano()-a.called.Load() < int64(bareLinger) {
		return false
	}
	s.forgetLocked(a)
	return true
}
