// Package access says who is asking: an agent who logged in to the pages or a
// program with a bearer token, in which domain, and what the role allows. It
// checks nothing of HTTP but the Authorization header.
package access

import (
	"lamplight/presence"
)

// Kind is how a subject proved who it is.
type Kind string

// The kinds of subject.
const (
	KindAgent Kind = "agent" // a person with a page session
	KindToken Kind = "token" // a program with a bearer token
)

// Subject is who is asking.
type Subject struct {
	Kind Kind
	// Name is an agent's number or a token's name.
	Name string
	Role presence.Role
	// Domain is the tenant the subject belongs to; zero for a token that is
	// good for every domain.
	Domain presence.DomainID
	// Agent is the person; zero for a token.
	Agent presence.AgentID
	// Session identifies the page session without being able to open it; empty
	// for a token.
	Session string
}

// Actor is the subject in the words of the change log.
func (s *Subject) Actor() string { return string(s.Kind) + ":" + s.Name }

// Has reports whether the subject's role includes the given one: an
// administrator may do what a supervisor may, and so on.
func (s *Subject) Has(role presence.Role) bool { return rank(s.Role) >= rank(role) }

// Is reports whether the subject is this very agent.
func (s *Subject) Is(a presence.AgentID) bool { return s.Kind == KindAgent && s.Agent == a }

// SeesAll reports whether the subject sees everything of the agent, or only
// what the team sees.
func (s *Subject) SeesAll(a presence.AgentID) bool {
	return s.Is(a) || s.Has(presence.RoleSupervisor)
}

func rank(r presence.Role) int {
	switch r {
	case presence.RoleAdmin:
		return 3
	case presence.RoleSupervisor:
		return 2
	case presence.RoleAgent:
		return 1
	}
	return 0
}
