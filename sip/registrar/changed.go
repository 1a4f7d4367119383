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
	if r.run.Err() != nil {
		return
	}
	agents := make(map[presence.AgentID]bool)
	for _, id := range e.DeleteAgents {
		agents[id] = true
	}
	for i := range e.Agents {
		agents[e.Agents[i].ID] = true
	}
	for i := range e.Assignments {
		r.holders(&e.Assignments[i], agents)
	}
	if len(e.DeleteDevices) > 0 { // nothing else knows any more whose they were
		devices := make(map[presence.DeviceID]bool)
		for _, id := range e.DeleteDevices {
			devices[id] = true
		}
		for _, s := range r.shards {
			s.having(devices, agents)
		}
	}
	for agent := range agents {
		r.shard(agent).enqueue(agent, r.recheck(e.Actor))
	}
}

// holders adds to agents under whom the device's bindings may be: whoever it is or
// was assigned to, or nobody.
func (r *Registrar) holders(a *presence.Assignment, agents map[presence.AgentID]bool) {
	agents[a.Agent], agents[Unheld(a.Device)] = true, true
	for _, was := range r.o.Directory.AssignmentsOf(a.Device) {
		agents[was.Agent] = true
	}
}

// having adds the agents that have bindings of those devices.
func (s *shard) having(devices map[presence.DeviceID]bool, agents map[presence.AgentID]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, rec := range s.agents {
		if slices.ContainsFunc(rec.bindings, func(b *Binding) bool { return devices[b.Device] }) {
			agents[id] = true
		}
	}
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
