package presence

import "fmt"

// Pickup says who may take a call that rings at somebody else.
type Pickup string

// The choices of Pickup; the empty value means PickupTeam.
const (
	PickupTeam Pickup = "team" // who shares a team, supervisors and administrators
	PickupAll  Pickup = "all"  // everybody of the domain
	PickupNone Pickup = "none" // nobody but the agent, at another of his phones
)

// MayPickUp reports whether an agent may take a call that rings at another of the
// same domain. One's own calls may always be taken.
func (p *Policy) MayPickUp(by, whom *Agent) bool {
	w := Onlooker{Agent: by}
	switch {
	case by == nil || whom == nil || by.Domain != whom.Domain:
		return false
	case w.own(whom), p.Pickup == PickupAll:
		return true
	case p.Pickup == PickupNone:
		return false
	}
	return by.Role == RoleSupervisor || by.Role == RoleAdmin || w.sees("own_team", whom)
}

// Check names the mistake of a choice.
func (p Pickup) Check() error {
	switch p {
	case "", PickupTeam, PickupAll, PickupNone:
		return nil
	}
	return fmt.Errorf("pickup %q: team, all or none", string(p))
}
