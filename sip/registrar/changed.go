package registrar

import (
	"maps"
	"slices"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// directoryChanged ends the bindings of devices that were deleted, and hands over
// those of devices that are another agent's now.
func (r *Registrar) directoryChanged(e directory.Edit) {
	if r.run.Err() != nil || len(e.DeleteAgents)+len(e.DeleteDevices)+len(e.Assignments)+len(e.Agents) == 0 {
		return
	}
	agents := make(map[presence.AgentID]bool)
	devices := make(map[presence.DeviceID]bool)
	for _, id := range e.DeleteAgents {
		agents[id] = true
	}
	for i := range e.Agents {
		agents[e.Agents[i].ID] = true
	}
	for _, id := range e.DeleteDevices {
		devices[id] = true
	}
	for i := range e.Assignments {
		devices[e.Assignments[i].Device] = true
	}
	for _, s := range r.shards {
		for _, agent := range s.affected(agents, devices) {
			s.enqueue(agent, r.recheck(e.Actor))
		}
	}
}

func (s *shard) affected(agents map[presence.AgentID]bool, devices map[presence.DeviceID]bool) []presence.AgentID {
	var out []presence.AgentID
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, rec := range s.agents {
		if agents[id] || slices.ContainsFunc(rec.bindings, func(b *Binding) bool { return devices[b.Device] }) {
			out = append(out, id)
		}
	}
	return out
}

// recheckAll looks at every agent's bindings.
func (r *Registrar) recheckAll() {
	for _, s := range r.shards {
		s.mu.Lock()
		agents := slices.Collect(maps.Keys(s.agents))
		s.mu.Unlock()
		for _, agent := range agents {
			s.enqueue(agent, r.recheck("system"))
		}
	}
}
