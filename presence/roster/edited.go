package roster

import (
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
)

// edited hears of an edit of the directory, and asks the shards to look again at
// whom it concerns. Agents nothing is known of yet will be read anew anyway.
func (r *Roster) edited(e directory.Edit) {
	for i := range e.Domains {
		for _, s := range r.shards {
			s.q.notify(item{kind: itemDomain, domain: e.Domains[i].ID})
		}
	}
	for i := range e.Agents {
		r.lookAgain(item{kind: itemAgent, id: e.Agents[i].ID})
	}
	for _, id := range e.DeleteAgents {
		r.lookAgain(item{kind: itemAgent, id: id})
	}
	if len(e.Assignments) > 0 {
		select {
		case r.assigned <- struct{}{}:
		default:
		}
	}
	for i := range e.Assignments {
		r.lookAgain(item{kind: itemDevice, id: e.Assignments[i].Agent, device: e.Assignments[i].Device})
	}
	if len(e.DeleteDevices) == 0 {
		return
	}
	deleted := make(map[presence.DeviceID]bool, len(e.DeleteDevices))
	for _, dev := range e.DeleteDevices {
		deleted[dev] = true
	}
	for _, s := range r.shards {
		s.q.notify(item{kind: itemDeleted, devices: deleted})
	}
}

// handOver has the directory tell its listeners, edited among them, when an
// assignment begins or ends by time alone.
func (r *Roster) handOver() {
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	for {
		due.Stop()
		if next := r.dir.Handover(time.Now()); !next.IsZero() {
			due.Reset(time.Until(next))
		}
		select {
		case <-due.C:
		case <-r.assigned:
		case <-r.stop:
			return
		}
	}
}

func (r *Roster) lookAgain(it item) {
	s := r.shard(it.id)
	s.mu.RLock()
	known := s.actors[it.id] != nil
	s.mu.RUnlock()
	if known {
		s.q.notify(it)
	}
}

// agentEdited takes over what the directory says of an agent, or drops one that
// was deleted, after a last snapshot that shows it Offline.
func (s *shard) agentEdited(id presence.AgentID) {
	a := s.known(id)
	if a == nil || a.bare {
		return
	}
	t := &s.scratch
	t.reset(false)
	now := time.Now().UTC()
	next, ok := s.r.dir.Agent(id)
	if !ok {
		a.facts = presence.Facts{Selected: a.facts.Selected, Settings: a.facts.Settings}
		a.gone, t.touched = true, true
		last := settling{applied: t, now: now, cause: presence.CauseLogout}
		s.settle(a, last)
		want := a.want()
		s.submit(a, store.Batch{
			Writes: []store.Write{store.Delete(a.stateKey())}, Log: s.entries(a, &want, last),
		}, nil, &applied{})
		s.mu.Lock()
		s.forgetLocked(a)
		s.mu.Unlock()
		return
	}
	was := a.agent
	a.agent = next
	if a.options != nil && settingsSum(&next.Settings) != a.base {
		a.options, a.base = nil, 0 // an administrator's newer word
	}
	if a.options == nil && !sameSettings(&a.facts.Settings, &next.Settings) {
		a.facts.Settings = next.Settings
		t.touched = true
	}
	t.evaluate = true
	t.touched = t.touched || was.Name != next.Name || was.Number != next.Number ||
		!slices.Equal(was.AORs, next.AORs) || !slices.Equal(was.Teams, next.Teams)
	s.settle(a, settling{applied: t, now: now, cause: settingsCause(&a.facts.Settings)})
}

// settingsCause is why a label changes when settings do: only options can change
// it.
func settingsCause(v *presence.Settings) presence.Cause {
	if v.Options.Any() {
		return presence.CauseOptionsOn
	}
	return presence.CauseOptionsOff
}

// domainEdited evaluates every agent of the domain anew.
func (s *shard) domainEdited(dom presence.DomainID) {
	for _, a := range s.all() {
		if a.domain != dom {
			continue
		}
		s.expire(a, time.Now())
	}
}

// deviceMoved drops the facts of a device that is no longer this agent's.
func (s *shard) deviceMoved(id presence.AgentID, dev presence.DeviceID) {
	if holder, ok := s.r.dir.Holder(dev, time.Now()); ok && holder == id {
		return
	}
	if a := s.known(id); a != nil {
		s.dropDevices(a, func(d presence.DeviceID) bool { return d == dev })
	}
}

// devicesDeleted drops the facts of devices that are no more, whoever had them.
func (s *shard) devicesDeleted(deleted map[presence.DeviceID]bool) {
	for _, a := range s.all() {
		s.dropDevices(a, func(d presence.DeviceID) bool { return deleted[d] })
	}
}

func (s *shard) dropDevices(a *actor, which func(presence.DeviceID) bool) {
	t := &s.scratch
	t.reset(false)
	a.dropSessions(t, func(v presence.Session) bool { return which(v.Device) })
	a.dropRegistrations(t, func(v *presence.Registration) bool { return which(v.Device) })
	if t.touched || t.evaluate {
		s.settle(a, settling{applied: t, now: time.Now().UTC()})
	}
}

// known is the actor of the id, nil if there is none.
func (s *shard) known(id presence.AgentID) *actor {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.actors[id]
}

// all are the shard's actors.
func (s *shard) all() []*actor {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*actor, 0, len(s.actors))
	for _, a := range s.actors {
		out = append(out, a)
	}
	return out
}
