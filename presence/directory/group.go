package directory

import (
	"encoding/json"
	"slices"

	"lamplight/presence"
	"lamplight/store"
)

// maxGroups is how many ring groups a domain may have.
const maxGroups = 10000

// Group by id.
func (d *Directory) Group(id presence.GroupID) (*presence.Group, bool) {
	d.mu.RLock()
	v, ok := d.ix.groups[id]
	d.mu.RUnlock()
	return v, ok
}

// GroupByNumber within a domain.
func (d *Directory) GroupByNumber(dom presence.DomainID, number string) (*presence.Group, bool) {
	d.mu.RLock()
	v, ok := d.ix.groupNumbers[userKey{dom, number}]
	d.mu.RUnlock()
	return v, ok
}

// Groups of a domain by number.
func (d *Directory) Groups(dom presence.DomainID) []*presence.Group {
	d.mu.RLock()
	out := make([]*presence.Group, 0, len(d.ix.groups))
	for _, v := range d.ix.groups {
		if v.Domain == dom {
			out = append(out, v)
		}
	}
	d.mu.RUnlock()
	slices.SortFunc(out, func(a, b *presence.Group) int { return CompareNumbers(a.Number, b.Number) })
	return out
}

// GroupsOf lists the groups that an agent is in, by number.
func (d *Directory) GroupsOf(id presence.AgentID) []*presence.Group {
	a, ok := d.Agent(id)
	if !ok {
		return nil
	}
	out := d.Groups(a.Domain)
	return slices.DeleteFunc(out, func(g *presence.Group) bool { return !isMember(g, a) })
}

// IsMember reports whether the agent is in the group, by name or by team.
func (d *Directory) IsMember(g *presence.Group, a *presence.Agent) bool { return isMember(g, a) }

func isMember(g *presence.Group, a *presence.Agent) bool {
	if g.Team != "" && slices.ContainsFunc(a.Teams, func(t string) bool { return TeamAddress(t) == TeamAddress(g.Team) }) {
		return true
	}
	return slices.ContainsFunc(g.Members, func(m presence.Member) bool { return m.Agent == a.ID })
}

// MembersOf are a group's members: those it names in their order, then the rest
// of its team by number. One who is no agent any more is left out.
func (d *Directory) MembersOf(g *presence.Group) []presence.Member {
	out := make([]presence.Member, 0, len(g.Members))
	for _, m := range g.Members {
		if _, ok := d.Agent(m.Agent); ok {
			out = append(out, m)
		}
	}
	if g.Team == "" {
		return out
	}
	for _, a := range d.Team(g.Domain, TeamAddress(g.Team)) {
		if !slices.ContainsFunc(g.Members, func(m presence.Member) bool { return m.Agent == a.ID }) {
			out = append(out, presence.Member{Agent: a.ID})
		}
	}
	return out
}

func (x *indexes) putGroup(v *presence.Group) {
	x.dropGroup(v.ID)
	x.groups[v.ID] = v
	for _, n := range v.Numbers() {
		x.groupNumbers[userKey{v.Domain, n}] = v
	}
}

// dropGroup takes a number back only while it still points at the old value:
// within one edit two groups may swap numbers.
func (x *indexes) dropGroup(id presence.GroupID) {
	old := x.groups[id]
	if old == nil {
		return
	}
	for _, n := range old.Numbers() {
		if k := (userKey{old.Domain, n}); x.groupNumbers[k] == old {
			delete(x.groupNumbers, k)
		}
	}
	delete(x.groups, id)
}

func decodeGroup(_ *scanner, v value) (*presence.Group, error) {
	if v.codec != codecJSON {
		return nil, errUnknown(v.codec)
	}
	g := new(presence.Group)
	return g, json.Unmarshal(v.data, g)
}

func (p *plan) setGroup(id presence.GroupID, v *presence.Group) {
	if _, ok := p.groups[id]; !ok {
		p.groupOrder = append(p.groupOrder, id)
	}
	p.groups[id] = v
}

// eachGroup calls f with every group's record that the plan changes.
func (d *Directory) eachGroup(p *plan, f func(change) error) error {
	for _, id := range p.groupOrder {
		c := change{key: store.Key{Space: spaceGroup, Key: id.String()}}
		if old := d.ix.groups[id]; old != nil {
			c.before, c.key.Domain = old, old.Domain.String()
		}
		if v := p.groups[id]; v != nil {
			c.after, c.key.Domain = v, v.Domain.String()
		}
		if err := f(c); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) planGroups() {
	e := &c.p.edit
	for i, id := range e.DeleteGroups {
		if c.ix.groups[id] == nil {
			c.mistakes.add("deletion", i, id.String(), ErrNotFound)
			continue
		}
		c.p.setGroup(id, nil)
	}
	made := 0
	for i := range e.Groups {
		v := &e.Groups[i]
		bad := func(err error) { c.mistakes.add("group", i, v.Number, err) }
		if v.ID.IsZero() {
			v.ID = presence.GroupID{ID: presence.NewID()}
		}
		if _, twice := c.p.groups[v.ID]; twice {
			bad(invalid("is in the edit twice, or is put and deleted"))
			continue
		}
		if c.domain(v.Domain) == nil {
			bad(invalid("domain %s is unknown", v.Domain))
			continue
		}
		old := c.ix.groups[v.ID]
		if old != nil && old.Domain != v.Domain {
			bad(invalid("a group stays in its domain"))
		}
		if old == nil {
			made++
		}
		if err := c.checkGroup(v); err != nil {
			bad(err)
		}
		own := *v
		own.Members, own.Aliases = slices.Clone(v.Members), slices.Clone(v.Aliases)
		c.p.setGroup(v.ID, &own)
	}
	if made > 0 && len(c.ix.groups)+made > maxGroups {
		c.mistakes.add("group", -1, "", invalid("more than %d groups", maxGroups))
	}
}

func (c *checker) checkGroup(v *presence.Group) error {
	numbers := v.Numbers()
	policy := &c.domain(v.Domain).Policy
	for i, n := range numbers {
		if _, help := policy.EmergencyNumber(n); help {
			return invalid("%s is an emergency number: no group can be dialled by it", n)
		}
		switch {
		case !validNumber(n):
			return invalid("%q is no number: 1 to %d digits, letters or any of -_.+*#!~'", n, maxNumber)
		case reserved(n):
			return invalid("%q is no number: what begins with %s or %s is the address of a list", n, TeamPrefix, ListPrefix)
		case slices.Contains(numbers[:i], n):
			return invalid("%q is the group's twice", n)
		}
	}
	if !printable(v.Name) || !printable(v.Team) {
		return invalid("the name is too long or has control characters")
	}
	if err := v.Check(); err != nil {
		return invalid("%v", err)
	}
	for _, m := range v.Members {
		if a := c.agent(m.Agent); a == nil || a.Domain != v.Domain {
			return invalid("member %s is no agent of the domain", m.Agent)
		}
	}
	if v.Fallback != "" && slices.Contains(numbers, v.Fallback) {
		return invalid("the fallback %q is the group itself: its calls would go round in circles", v.Fallback)
	}
	if s := v.Misses.Status; s != "" && !selectable(c.domain(v.Domain), s) {
		return invalid("misses lead to %q, which is no status that can be selected", s)
	}
	return nil
}

// selectable: a status that the domain's agents may be in by hand.
func selectable(dom *presence.Domain, s presence.Selectable) bool {
	switch s {
	case presence.SelectAvailable, presence.SelectDND:
		return true
	}
	name, ok := s.Custom()
	return ok && dom != nil && dom.Policy.Custom(name) != nil
}

// checkGroupNumbers holds the numbers of groups and agents unique within the
// domain. A number may be given away and taken within one edit.
func (c *checker) checkGroupNumbers() {
	seen := make(map[userKey]presence.GroupID, len(c.p.groupOrder))
	for i := range c.p.edit.Groups {
		v := &c.p.edit.Groups[i]
		for _, n := range v.Numbers() {
			if err := c.groupNumber(v, userKey{v.Domain, n}, seen); err != nil {
				c.mistakes.add("group", i, v.Number, err)
			}
		}
	}
	for i := range c.p.edit.Agents {
		v := &c.p.edit.Agents[i]
		for _, aor := range v.AORs { // the first is the number's
			g := c.ix.groupNumbers[userKey{v.Domain, aorUser(aor)}]
			if g == nil {
				continue
			}
			if next, changed := c.p.groups[g.ID]; !changed || next != nil && slices.Contains(next.Numbers(), aorUser(aor)) {
				c.mistakes.add("agent", i, v.Number, taken("%s is a group's number", aorUser(aor)))
			}
		}
	}
}

// groupNumber says why the number cannot be the group's, nil if it can.
func (c *checker) groupNumber(v *presence.Group, k userKey, seen map[userKey]presence.GroupID) error {
	if other, ok := seen[k]; ok && other != v.ID {
		return taken("%s is another group's", k.user)
	}
	seen[k] = v.ID
	if holder := c.ix.groupNumbers[k]; holder != nil && holder.ID != v.ID {
		if _, changed := c.p.groups[holder.ID]; !changed {
			return taken("%s is another group's", k.user)
		}
	}
	if a := c.numbered(k); a != nil {
		return taken("%s is agent %s's", k.user, a.Name)
	}
	return nil
}

// numbered is the agent who will have the number or address after the edit.
func (c *checker) numbered(k userKey) *presence.Agent {
	for _, was := range []*presence.Agent{c.ix.numbers[k], c.ix.aors[k]} {
		if was == nil {
			continue
		}
		if now := c.agent(was.ID); now != nil && hasUser(now, k.user) {
			return now
		}
	}
	for _, id := range c.p.agentOrder {
		if a := c.p.agents[id]; a != nil && a.Domain == k.domain && hasUser(a, k.user) {
			return a
		}
	}
	return nil
}

func hasUser(a *presence.Agent, user string) bool {
	return a.Number == user || slices.ContainsFunc(a.AORs, func(aor string) bool { return aorUser(aor) == user })
}
