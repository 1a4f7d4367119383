package roster

import (
	"slices"
	"sync/atomic"
	"time"

	"lamplight/presence"
	"lamplight/presence/status"
	"lamplight/store"
)

// actor is one agent, or a bare address of record. But for snap and called it
// belongs to its shard's goroutine once it is in the shard's map.
type actor struct {
	id     presence.AgentID
	domain presence.DomainID
	bare   bool
	agent  *presence.Agent // of the directory; for a bare one made of its address

	snap atomic.Pointer[presence.Snapshot]
	// called is when Bare last returned this actor, in Unix nanoseconds.
	called atomic.Int64

	// facts: Sessions, Legs and Offers are shared with snapshots and replaced to
	// be changed; Registrations are changed in place.
	facts presence.Facts
	// options are the agent's own settings; nil while those of the directory
	// hold. base is what the directory said when they were made.
	options *presence.Settings
	base    uint64
	// talked are ended legs that a wrap-up follows once the last leg of the
	// same call has ended too.
	talked []presence.Leg

	n    uint32    // the low half of the snapshot's version
	next time.Time // Evaluation.Next of the last evaluation, or earlier
	due  time.Time // what the timer heap has
	slot int       // 1 + place in the timer heap; 0: not in it
	gone bool      // forgotten by the shard

	key *store.Key // see stateKey; nil until something of the agent was written

	// written is what the store has once all that is in flight has committed;
	// committed, while something of it is in flight, what it has now.
	written   kept
	committed *kept
	inflight  []*applied
	receipts  receipts
	retry     time.Time // when to write again what could not be written
	// hold is what was kept before the restart, until the time to resume is
	// over.
	hold *kept
}

// newActor makes the actor of an agent, from what was kept of it if anything
// was. It may be called on any goroutine; the actor is not in a map yet.
func (r *Roster) newActor(agent *presence.Agent, k *kept, floor uint32) *actor {
	a := &actor{id: agent.ID, domain: agent.Domain, agent: agent, n: floor + 1}
	now := time.Now().UTC()
	a.facts.Selected.Status = presence.SelectAvailable
	a.facts.Settings = agent.Settings
	if k != nil {
		r.resumed(a, k, now)
		return a
	}
	ev := status.Evaluate(a.facts, *r.policy(agent.Domain), now)
	since := r.birth(agent.ID)
	a.show(r.boot, now, ev, presence.View{Label: ev.Team, Since: since}, presence.View{Label: ev.Own, Since: since})
	a.written = a.want()
	return a
}

// birth is when an agent nothing was ever heard of began to be Offline: when it
// was made, which a UUIDv7 says (RFC 9562 §5.7) unless the clock was ahead then,
// else when the node first began.
func (r *Roster) birth(id presence.AgentID) time.Time {
	if id.ID[6]>>4 != 7 {
		return r.first
	}
	var ms int64
	for _, b := range id.ID[:6] {
		ms = ms<<8 | int64(b)
	}
	if made := time.UnixMilli(ms).UTC(); !made.After(time.Now()) {
		return made
	}
	return r.first
}

// policy of a domain; the zero policy if it is unknown.
func (r *Roster) policy(dom presence.DomainID) *presence.Policy {
	if d, ok := r.dir.Domain(dom); ok {
		return &d.Policy
	}
	return new(presence.Policy)
}

// show makes the next snapshot the newest one.
func (a *actor) show(boot uint32, now time.Time, ev presence.Evaluation, team, own presence.View) *presence.Snapshot {
	s := &presence.Snapshot{
		Domain: a.domain, Agent: a.id, Number: a.agent.Number, Name: a.agent.Name, Teams: a.agent.Teams, Bare: a.bare,
		Version: uint64(boot)<<32 | uint64(a.n), At: now, Team: team, Own: own,
		Selected: a.facts.Selected, WrapUp: a.facts.WrapUp, Settings: a.facts.Settings,
		Sessions: a.sessions(), Legs: a.facts.Legs, Offers: a.facts.Offers,
		Evaluation: ev,
	}
	if len(a.agent.AORs) > 0 {
		s.AOR = a.agent.AORs[0]
	}
	a.next = ev.Next
	a.snap.Store(s)
	return s
}

// sessions are those that are really there.
func (a *actor) sessions() []presence.Session {
	at := slices.IndexFunc(a.facts.Sessions, isResume)
	if at < 0 {
		return a.facts.Sessions
	}
	return slices.Delete(slices.Clone(a.facts.Sessions), at, at+1)
}

// resumeID is the session that stands for the webphone an agent had before a
// restart, until the time to resume is over.
const resumeID = "(resume)"

func isResume(s presence.Session) bool { return s.ID == resumeID }

// schedule notes when time alone may next change something.
func (s *shard) schedule(a *actor) {
	due := earlier(a.next, a.retry)
	if a.hold != nil {
		due = earlier(due, s.r.opened.Add(s.r.resume))
	}
	if a.bare && len(a.facts.Legs) == 0 {
		due = earlier(due, time.Unix(0, a.called.Load()).Add(bareLinger))
	}
	s.due.set(a, due)
}

// earlier of two times, of which the zero one never comes.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// sameEvaluation compares all but Next.
func sameEvaluation(a, b *presence.Evaluation) bool {
	return a.Team == b.Team && a.Own == b.Own && a.OfflineWhy == b.OfflineWhy &&
		a.Chosen == b.Chosen && a.RoutesRegular == b.RoutesRegular && a.RoutesCampaign == b.RoutesCampaign &&
		a.AllowsOutbound == b.AllowsOutbound &&
		a.Online == b.Online && a.Engaged == b.Engaged && a.Offered == b.Offered && a.Base == b.Base &&
		a.Regular == b.Regular && a.Campaign == b.Campaign && a.Outbound == b.Outbound &&
		a.Reachable == b.Reachable && a.Why == b.Why &&
		slices.Equal(a.Devices, b.Devices) && slices.Equal(a.Warnings, b.Warnings) &&
		a.Watch.Busy == b.Watch.Busy && a.Watch.Open == b.Watch.Open &&
		a.Watch.Activity == b.Watch.Activity && a.Watch.Note == b.Watch.Note &&
		slices.Equal(a.Watch.Dialogs, b.Watch.Dialogs)
}

func sameView(a, b presence.View) bool {
	return a.Label == b.Label && a.Cause == b.Cause && a.Since.Equal(b.Since)
}
