package registrar

import (
	"slices"
	"time"

	"lamplight/presence"
)

// The events that made a binding what it is, by the names of RFC 3680 §5.3. One
// that is stored without was registered.
const (
	EventRegistered   = "registered"   // bound for the first time
	EventRefreshed    = "refreshed"    // bound anew, perhaps from elsewhere
	EventShortened    = "shortened"    // by the device, but not to nothing
	EventUnregistered = "unregistered" // the device removed it
	EventExpired      = "expired"      // it was not refreshed
	EventDeactivated  = "deactivated"  // its flow ended, or an administrator ended it: register anew
	EventRejected     = "rejected"     // it is no device of this agent any more
)

// Ended is a binding that is no more, and by which event.
type Ended struct {
	Binding *Binding // a copy
	Event   string
	At      time.Time
}

// OnChange has f called after every committed change of an agent's bindings, in
// their order, with those that ended by it. The refresh that writes nothing is
// no change. f runs on a goroutine of the registrar and must not block.
func (r *Registrar) OnChange(f func(of presence.AgentID, ended []Ended)) {
	for {
		old := r.watchers.Load()
		var next []func(presence.AgentID, []Ended)
		if old != nil {
			next = append(next, *old...)
		}
		next = append(next, f)
		if r.watchers.CompareAndSwap(old, &next) {
			return
		}
	}
}

// changed tells of a committed change.
func (r *Registrar) changed(c *change) {
	fs := r.watchers.Load()
	if fs == nil {
		return
	}
	now := time.Now()
	var ended []Ended
	for _, b := range slices.Concat(c.drop, c.leave) {
		gone := *b
		gone.flow, gone.raw = nil, rawRequest{} // whoever keeps it must not keep a connection's buffers
		ended = append(ended, Ended{Binding: &gone, Event: c.ended(b, now), At: now})
	}
	for _, f := range *fs {
		f(c.agent, ended)
	}
}

// ended says why a binding is no more.
func (c *change) ended(b *Binding, now time.Time) string {
	switch {
	case c.rejects:
		return EventRejected
	case c.cause == presence.CauseLogin || c.cause == presence.CauseLogout:
		return EventUnregistered
	case c.cause == presence.CauseFactExpired && !b.end.After(now):
		return EventExpired
	}
	return EventDeactivated
}

// Visit calls f with each binding of an agent, oldest first. f runs with the
// agent's bindings locked: it must be quick, keep none of them, and not call the
// registrar.
func (r *Registrar) Visit(agent presence.AgentID, f func(*Binding)) {
	s := r.shard(agent)
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec := s.agents[agent]; rec != nil {
		for _, b := range rec.bindings {
			f(b)
		}
	}
}

// Seen is when the device was last heard: its last REGISTER, or whatever else
// came by its flow since.
func (b *Binding) Seen() time.Time {
	seen := b.Expires.Add(-b.Grant)
	if b.Restored {
		return time.Time{} // refreshes that wrote nothing are not known
	}
	if b.flow != nil && b.flow.Seen().After(seen) {
		seen = b.flow.Seen()
	}
	return seen.UTC()
}

// AssignedGRUU is the public GRUU of the binding's instance, "" where none are
// given.
func (r *Registrar) AssignedGRUU(b *Binding) string {
	if !r.limits().GRUU {
		return ""
	}
	return PublicGRUU(b)
}
