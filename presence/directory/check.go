package directory

import (
	"fmt"
	"slices"
	"strings"

	"lamplight/presence"
)

// checker works an edit out against the present state and notes its mistakes.
type checker struct {
	ix       *indexes
	p        *plan
	mistakes Mistakes
}

// The values as they will be after the edit; nil if there is none.

func (c *checker) domain(id presence.DomainID) *presence.Domain {
	if v, ok := c.p.domains[id]; ok {
		return v
	}
	return c.ix.domains[id]
}

func (c *checker) agent(id presence.AgentID) *presence.Agent {
	if v, ok := c.p.agents[id]; ok {
		return v
	}
	return c.ix.agents[id]
}

// touch is the device's value within the plan, ready to be changed, or nil.
func (c *checker) touch(id presence.DeviceID) *device {
	if v, ok := c.p.devices[id]; ok {
		return v
	}
	old := c.ix.devices[id]
	if old == nil {
		return nil
	}
	v := &device{old.Device, slices.Clone(old.credentials), slices.Clone(old.assignments)}
	c.p.setDevice(id, v)
	return v
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

func taken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTaken, fmt.Sprintf(format, args...))
}

func (c *checker) planDomains() {
	for i := range c.p.edit.Domains {
		v := &c.p.edit.Domains[i]
		bad := func(err error) { c.mistakes.add("domain", i, v.Name(), err) }
		if v.ID.IsZero() {
			v.ID = presence.DomainID{ID: presence.NewID()}
		}
		if _, twice := c.p.domains[v.ID]; twice {
			bad(invalid("is in the edit twice"))
			continue
		}
		v.Names = slices.Clone(v.Names)
		for n := range v.Names {
			v.Names[n] = strings.ToLower(v.Names[n])
			if !validHost(v.Names[n]) {
				bad(invalid("%q is no domain name", v.Names[n]))
			}
		}
		if len(v.Names) == 0 {
			bad(invalid("has no name"))
		}
		if v.Realm == "" || strings.ContainsAny(v.Realm, "\"\\\r\n") {
			bad(invalid("realm %q", v.Realm))
		}
		if old := c.ix.domains[v.ID]; old != nil && old.Realm != v.Realm {
			bad(invalid("the realm %q never changes, because the stored passwords are bound to it", old.Realm))
		}
		if err := checkPolicy(&v.Policy); err != nil {
			bad(err)
		}
		own := *v
		c.p.setDomain(v.ID, &own)
	}
}

// planDeletions takes along what hangs on the deleted agents and devices.
func (c *checker) planDeletions() {
	e := &c.p.edit
	e.DeleteDevices = slices.Clone(e.DeleteDevices)
	for i, id := range e.DeleteAgents {
		old := c.ix.agents[id]
		if old == nil {
			c.mistakes.add("deletion", i, id.String(), ErrNotFound)
			continue
		}
		c.p.setAgent(id, nil)
		for _, dev := range c.ix.held[id] {
			v := c.ix.devices[dev]
			if !slices.ContainsFunc(v.assignments, func(a presence.Assignment) bool { return a.Agent != id }) {
				e.DeleteDevices = append(e.DeleteDevices, dev)
				continue
			}
			shared := c.touch(dev)
			shared.assignments = slices.DeleteFunc(shared.assignments,
				func(a presence.Assignment) bool { return a.Agent == id })
		}
	}
	slices.SortFunc(e.DeleteDevices, compareDevices)
	e.DeleteDevices = slices.Compact(e.DeleteDevices)
	for i, id := range e.DeleteDevices {
		if c.ix.devices[id] == nil {
			c.mistakes.add("deletion", i, id.String(), ErrNotFound)
			continue
		}
		c.p.setDevice(id, nil)
	}
}

func (c *checker) planAgents() {
	for i := range c.p.edit.Agents {
		v := &c.p.edit.Agents[i]
		bad := func(err error) { c.mistakes.add("agent", i, v.Number, err) }
		if v.ID.IsZero() {
			v.ID = presence.AgentID{ID: presence.NewID()}
		}
		if _, twice := c.p.agents[v.ID]; twice {
			bad(invalid("is in the edit twice, or is put and deleted"))
			continue
		}
		dom := c.domain(v.Domain)
		if dom == nil {
			bad(invalid("domain %s is unknown", v.Domain))
			continue
		}
		if old := c.ix.agents[v.ID]; old != nil && old.Domain != v.Domain {
			bad(invalid("an agent stays in its domain"))
		}
		if err := checkAgent(v); err != nil {
			bad(err)
		}
		if _, help := dom.Policy.EmergencyNumber(v.Number); help {
			bad(invalid("%s is an emergency number: no agent can be dialled by it", v.Number))
		}
		var err error
		if v.AORs, err = completeAORs(v, dom); err != nil {
			bad(err)
		}
		for _, to := range [...]string{v.Settings.Fallback, v.Settings.AfterHours} {
			if fallsBackToSelf(v, to) {
				bad(invalid("the fallback %q is the agent itself: its calls would go round in circles", to))
			}
		}
		own := *v
		c.p.setAgent(v.ID, &own)
	}
}

// planRenames carries the agents along when their domain's names change: an
// address of record at a name the domain no longer has moves to its canonical
// name.
func (c *checker) planRenames() {
	for i := range c.p.edit.Domains {
		v := &c.p.edit.Domains[i]
		old := c.ix.domains[v.ID]
		if old == nil || slices.Equal(old.Names, v.Names) || len(v.Names) == 0 {
			continue
		}
		for id := range c.ix.byDomain[v.ID] {
			if _, ok := c.p.agents[id]; ok {
				continue
			}
			moved := *c.ix.agents[id]
			moved.AORs = slices.Clone(moved.AORs)
			for n, aor := range moved.AORs {
				if host := aor[len(aorUser(aor))+1:]; n == 0 || !slices.Contains(v.Names, host) {
					moved.AORs[n] = aorUser(aor) + "@" + v.Name()
				}
			}
			moved.AORs = unique(moved.AORs)
			if !slices.Equal(moved.AORs, c.ix.agents[id].AORs) {
				c.p.setAgent(id, &moved)
				c.p.edit.Agents = append(slices.Clip(c.p.edit.Agents), moved)
			}
		}
	}
}

// fallsBackToSelf: the agent's fallback is its own number or address of record.
func fallsBackToSelf(v *presence.Agent, to string) bool {
	if to == "" {
		return false
	}
	if to == v.Number {
		return true
	}
	_, rest, _ := strings.Cut(to, ":")
	address, _, _ := strings.Cut(rest, ";")
	return slices.ContainsFunc(v.AORs, func(aor string) bool { return strings.EqualFold(aor, address) })
}

// completeAORs puts number@canonical-domain first and checks the rest.
func completeAORs(v *presence.Agent, dom *presence.Domain) ([]string, error) {
	if dom.Name() == "" {
		return nil, nil // already a mistake of the domain
	}
	out := make([]string, 1, 1+len(v.AORs))
	out[0] = v.Number + "@" + dom.Name()
	for _, aor := range v.AORs {
		user := aorUser(aor)
		if user == aor || !validNumber(user) {
			return nil, invalid("%q is no address of record (user@domain)", aor)
		}
		if reserved(user) {
			return nil, invalid("%q: what begins with %s or %s is the address of a list", aor, TeamPrefix, ListPrefix)
		}
		host := strings.ToLower(aor[len(user)+1:])
		if !slices.Contains(dom.Names, host) {
			return nil, invalid("address of record %q is not in a domain named %s", aor, strings.Join(dom.Names, ", "))
		}
		out = append(out, user+"@"+host)
	}
	return unique(out), nil
}

// unique keeps the first of each; the lists are short.
func unique(in []string) []string {
	out := in[:0]
	for _, s := range in {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
