package directory

import (
	"slices"
	"strings"
	"unicode"

	"lamplight/presence"
)

// The beginnings of user parts that are addresses of lists. No agent is given a
// number or an address that begins so.
const (
	TeamPrefix = "team-"
	ListPrefix = "list-"
)

func reserved(user string) bool {
	return hasPrefixFold(user, TeamPrefix) || hasPrefixFold(user, ListPrefix)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// TeamAddress is a team's name as it stands in addresses: lower case, and a
// hyphen for whatever is neither letter nor digit, dot or underscore. Teams whose
// names differ in nothing else share an address.
func TeamAddress(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		case r == '.', r == '_':
			return r
		}
		return '-'
	}, strings.TrimSpace(name))
}

// Team lists the agents of a team by number, given its address as TeamAddress
// writes it. A team exists while somebody is in it.
func (d *Directory) Team(dom presence.DomainID, address string) []*presence.Agent {
	d.mu.RLock()
	of := d.ix.teams[userKey{dom, address}]
	out := make([]*presence.Agent, 0, len(of))
	for id := range of {
		out = append(out, d.ix.agents[id])
	}
	d.mu.RUnlock()
	slices.SortFunc(out, func(a, b *presence.Agent) int { return strings.Compare(a.Number, b.Number) })
	return out
}

// HasTeam reports whether anybody is in the team.
func (d *Directory) HasTeam(dom presence.DomainID, address string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.ix.teams[userKey{dom, address}]) > 0
}

func (x *indexes) joinTeams(v *presence.Agent) {
	for _, t := range v.Teams {
		k := userKey{v.Domain, TeamAddress(t)}
		of := x.teams[k]
		if of == nil {
			of = map[presence.AgentID]struct{}{}
			x.teams[k] = of
		}
		of[v.ID] = struct{}{}
	}
}

func (x *indexes) leaveTeams(old *presence.Agent) {
	for _, t := range old.Teams {
		k := userKey{old.Domain, TeamAddress(t)}
		if delete(x.teams[k], old.ID); len(x.teams[k]) == 0 {
			delete(x.teams, k)
		}
	}
}
