package roster

import (
	"time"

	"lamplight/presence"
	"lamplight/presence/schedule"
	"lamplight/store"
)

// Change is a set of operations on one agent with the records that must commit
// with it. The operations are applied in order, all or none of them.
type Change struct {
	// Cause is why; where it is empty the rules find it. Whoever applies again
	// what was known before a restart says CauseRestart.
	Cause  presence.Cause
	Actor  string
	Reason string
	Ops    []Op
	// Writes and Log commit in one batch with what the roster itself writes.
	Writes []store.Write
	Log    []store.Entry
	// Later says that nobody waits for the commit (store.Batch.Later).
	Later bool
}

// Op is one operation; the types below are all there are.
type Op interface{ op() }

// The operations. Put replaces the fact of the same id; ending what is not
// there does nothing.
type (
	// PutSession with SessionClosed begins the grace time; DropSession and
	// Logout have none.
	PutSession struct{ presence.Session }
	// DropSession ends a webphone session that went silent or was logged out.
	DropSession struct{ ID string }
	// PutRegistration that changes only Expires, or nothing, is a refresh: it
	// publishes and writes nothing of the roster's own.
	PutRegistration struct{ presence.Registration }
	// DropRegistration ends one that expired early, was removed or replaced.
	DropRegistration struct{ ID string }
	// Quiet leaves a registration out until then (rule 13); the next PutRegistration
	// of its ends that.
	Quiet struct {
		ID    string
		Until time.Time
	}
	// PutLeg keeps what the leg was known to be where the new one is silent: its
	// kind, its beginning, and that the agent talked. The same id with another
	// call is the end of the leg that had it.
	PutLeg struct{ presence.Leg }
	// EndLeg starts the wrap-up, where one follows.
	EndLeg struct{ ID string }
	// PutOffer reserves the agent; an offer has to have an end.
	PutOffer struct{ presence.Offer }
	// EndOffer ends the reservation: answered, refused or given up.
	EndOffer struct{ ID string }
	// Select is the agent's word (or a supervisor's); it ends a wrap-up
	// (rule 13), except that selecting what is already selected changes nothing
	// (rule 12).
	Select struct{ Status presence.Selectable }
	// Unselect selects Available where this status is the selected one, and else
	// changes nothing: a phone's "Do Not Disturb off" ends no break.
	Unselect struct{ Status presence.Selectable }
	// Toggle selects the status, or Available where it is selected already.
	Toggle struct{ Status presence.Selectable }
	// Forward is a phone's forwarding key (status.Forward).
	Forward struct{ presence.Forwarding }
	// SetOptions replaces the forwarding options, remembering the set to
	// restore when all go off.
	SetOptions struct{ Options presence.Options }
	// SetHours replaces the agent's own working hours, and where calls go outside of
	// them; nil and empty are the domain's.
	SetHours struct {
		Hours      *schedule.Schedule
		AfterHours string
	}
	// SetRinging replaces in which order the agent's devices ring, and for how long.
	SetRinging struct{ presence.Ringing }
	// AllOptionsOff is the first button of rule 1: every option off.
	AllOptionsOff struct{}
	// RestoreOptions is the second: the set that was on before.
	RestoreOptions struct{}
	// FinishWrapUp ends a running wrap-up.
	FinishWrapUp struct{}
	// Logout drops all webphone sessions at once, without grace.
	Logout struct{}
)

func (PutSession) op()       {}
func (DropSession) op()      {}
func (PutRegistration) op()  {}
func (DropRegistration) op() {}
func (Quiet) op()            {}
func (PutLeg) op()           {}
func (EndLeg) op()           {}
func (PutOffer) op()         {}
func (EndOffer) op()         {}
func (Select) op()           {}
func (Unselect) op()         {}
func (Toggle) op()           {}
func (Forward) op()          {}
func (SetOptions) op()       {}
func (SetHours) op()         {}
func (SetRinging) op()       {}
func (AllOptionsOff) op()    {}
func (RestoreOptions) op()   {}
func (FinishWrapUp) op()     {}
func (Logout) op()           {}

// ends reports whether the change only ends facts.
func (c *Change) ends() bool {
	for _, op := range c.Ops {
		switch op := op.(type) {
		case DropSession, DropRegistration, EndLeg, EndOffer, FinishWrapUp, Logout:
		case PutSession:
			if op.State != presence.SessionClosed {
				return false
			}
		default:
			return false
		}
	}
	return len(c.Ops) > 0
}
