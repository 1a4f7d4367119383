package presence

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CallerID is what the called party of a call to the outside is shown.
type CallerID struct {
	// Number as the trunk takes it, such as +4930123; empty: the team's, else the
	// agent's own address.
	Number string `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
	// Hide has the trunk keep it from the called party (RFC 3325 §7).
	Hide bool `json:"hide,omitempty"`
}

// TeamCaller is the caller identity of a team, for its agents who have no number.
type TeamCaller struct {
	Team string `json:"team"`
	CallerID
}

// ErrCaller says what is wrong with a caller identity.
var ErrCaller = errors.New("caller identity")

const maxCallerName = 64

// Check holds it to its form.
func (c CallerID) Check() error {
	digits := strings.TrimPrefix(c.Number, "+")
	switch {
	case c.Number != "" && (digits == "" || len(digits) > 32 || strings.Trim(digits, "0123456789") != ""):
		return fmt.Errorf("%w: %q is no number: up to 32 digits, with a plus in front", ErrCaller, c.Number)
	case len(c.Name) > maxCallerName || !utf8.ValidString(c.Name) || strings.ContainsFunc(c.Name, unicode.IsControl):
		return fmt.Errorf("%w: the name is longer than %d bytes or has control characters", ErrCaller, maxCallerName)
	}
	return nil
}

// maxTeamCallers bounds Policy.TeamCallers.
const maxTeamCallers = 200

// CheckCallers holds the teams' to their form.
func (p *Policy) CheckCallers() error {
	if len(p.TeamCallers) > maxTeamCallers {
		return fmt.Errorf("%w: more than %d teams", ErrCaller, maxTeamCallers)
	}
	for i, c := range p.TeamCallers {
		if err := c.Check(); err != nil {
			return err
		}
		if c.Team == "" || slices.ContainsFunc(p.TeamCallers[:i], func(o TeamCaller) bool { return o.Team == c.Team }) {
			return fmt.Errorf("%w: team %q is missing, or there twice", ErrCaller, c.Team)
		}
	}
	return nil
}

// CallerOf is the identity of an agent's calls to the outside, and whose it is: the
// preferred one of the numbers that the agent may show, else the agent's own, else
// that of the first team that has one. Whoever of them hides it, hides it.
func (p *Policy) CallerOf(a *Agent, preferred string) (id CallerID, of string) {
	own := a.Caller
	var team *TeamCaller
	for _, t := range a.Teams {
		at := slices.IndexFunc(p.TeamCallers, func(c TeamCaller) bool { return c.Team == t })
		if at < 0 {
			continue
		}
		c := &p.TeamCallers[at]
		if preferred != "" && c.Number == preferred {
			team = c
			break
		}
		if team == nil {
			team = c
		}
	}
	wished := team != nil && preferred != "" && team.Number == preferred && own.Number != preferred
	if team == nil || own.Number != "" && !wished {
		return own, "agent"
	}
	id = team.CallerID
	if own.Name != "" && !wished {
		id.Name = own.Name
	}
	id.Hide = id.Hide || own.Hide
	return id, "team " + team.Team
}
