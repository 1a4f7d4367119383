package directory

import (
	"cmp"
	"slices"
	"time"

	"lamplight/presence"
)

func (c *checker) planDevices() {
	for i := range c.p.edit.Devices {
		v := &c.p.edit.Devices[i]
		bad := func(err error) { c.mistakes.add("device", i, cmp.Or(v.Name, v.ID.String()), err) }
		if v.ID.IsZero() {
			v.ID = presence.DeviceID{ID: presence.NewID()}
		}
		if c.domain(v.Domain) == nil {
			bad(invalid("domain %s is unknown", v.Domain))
			continue
		}
		if err := checkDevice(v); err != nil {
			bad(err)
		}
		planned, was := c.p.devices[v.ID]
		switch old := c.ix.devices[v.ID]; {
		case was && planned == nil:
			bad(invalid("is put and deleted"))
		case old == nil && was:
			bad(invalid("is in the edit twice"))
		case old == nil:
			c.p.setDevice(v.ID, &device{Device: *v})
		case old.Domain != v.Domain:
			bad(invalid("a device stays in its domain"))
		default:
			c.touch(v.ID).Device = *v
		}
	}
}

func (c *checker) planCredentials() {
	e := &c.p.edit
	for i := range e.DeleteCredentials {
		k := userKey{e.DeleteCredentials[i].Domain, e.DeleteCredentials[i].Username}
		old := c.ix.users[k]
		if old == nil {
			c.mistakes.add("deletion", i, k.user, ErrNotFound)
			continue
		}
		if v := c.touch(old.Device); v != nil { // nil: deleted with its device
			v.credentials = slices.DeleteFunc(v.credentials,
				func(o *presence.Credential) bool { return o.Username == k.user })
		}
	}
	for i := range e.Credentials {
		v := &e.Credentials[i]
		bad := func(err error) { c.mistakes.add("credential", i, v.Username, err) }
		if err := checkCredential(v); err != nil {
			bad(err)
		}
		dev := c.touch(v.Device)
		if dev == nil {
			bad(invalid("device %s is unknown", v.Device))
			continue
		}
		if v.Domain != dev.Domain {
			bad(invalid("its device is in another domain"))
			continue
		}
		own := *v
		at := slices.IndexFunc(dev.credentials, func(o *presence.Credential) bool { return o.Username == v.Username })
		if at >= 0 {
			dev.credentials[at] = &own
		} else {
			dev.credentials = append(dev.credentials, &own)
		}
	}
}

func (c *checker) planAssignments() {
	e := &c.p.edit
	for i := range e.Assignments {
		v := &e.Assignments[i]
		v.From, v.To = v.From.Round(0).UTC(), v.To.Round(0).UTC()
		bad := func(err error) { c.mistakes.add("assignment", i, v.Device.String(), err) }
		dev, agent := c.touch(v.Device), c.agent(v.Agent)
		switch {
		case !storable(v.From) || !storable(v.To):
			bad(invalid("a time beyond the years 1700 to 2200"))
			continue
		case dev == nil:
			bad(invalid("device is unknown"))
			continue
		case agent == nil:
			bad(invalid("agent %s is unknown", v.Agent))
			continue
		case agent.Domain != dev.Domain:
			bad(invalid("agent %s is in another domain", agent.Number))
			continue
		}
		dev.assignments = slices.DeleteFunc(dev.assignments, func(o presence.Assignment) bool {
			return o.Agent == v.Agent && o.From.Equal(v.From)
		})
		if v.To.IsZero() || v.To.After(v.From) {
			dev.assignments = append(dev.assignments, *v)
		}
	}
	for i := range e.Assignments {
		if dev := c.p.devices[e.Assignments[i].Device]; dev != nil {
			c.checkOverlap(i, dev)
		}
	}
}

// storable: the record has times in nanoseconds since 1970. The zero time is no
// bound.
func storable(t time.Time) bool { return t.IsZero() || t.Year() >= 1700 && t.Year() <= 2200 }

// checkOverlap orders a device's assignments: at any time it is one agent's.
func (c *checker) checkOverlap(index int, dev *device) {
	slices.SortFunc(dev.assignments, func(a, b presence.Assignment) int { return a.From.Compare(b.From) })
	for i := 1; i < len(dev.assignments); i++ {
		before, a := &dev.assignments[i-1], &dev.assignments[i]
		if before.To.IsZero() || before.To.After(a.From) {
			c.mistakes.add("assignment", index, dev.ID.String(),
				taken("the device is another agent's at %s; end that assignment first", a.From))
			return
		}
	}
}

// checkNames holds domain names unique among all domains.
func (c *checker) checkNames() {
	seen := map[string]presence.DomainID{}
	for i := range c.p.edit.Domains {
		v := &c.p.edit.Domains[i]
		for _, n := range v.Names {
			if other, ok := seen[n]; ok {
				if other != v.ID {
					c.mistakes.add("domain", i, v.Name(), taken("%q is the name of two domains", n))
				} else {
					c.mistakes.add("domain", i, v.Name(), invalid("has the name %q twice", n))
				}
				continue
			}
			seen[n] = v.ID
			if holder := c.ix.names[n]; holder != nil && holder.ID != v.ID && c.p.domains[holder.ID] == nil {
				c.mistakes.add("domain", i, v.Name(), taken("%q is a name of domain %s", n, holder.Name()))
			}
		}
	}
}

// checkNumbers holds numbers and addresses of record unique within the domain.
// A number may be given away and taken within one edit.
func (c *checker) checkNumbers() {
	numbers := make(map[userKey]presence.AgentID, len(c.p.agentOrder))
	aors := make(map[userKey]presence.AgentID, len(c.p.agentOrder))
	claim := func(in map[userKey]presence.AgentID, ix map[userKey]*presence.Agent, v *presence.Agent, user string) bool {
		k := userKey{v.Domain, user}
		if other, ok := in[k]; ok {
			return other == v.ID
		}
		in[k] = v.ID
		holder := ix[k]
		if holder == nil || holder.ID == v.ID {
			return true
		}
		_, changed := c.p.agents[holder.ID] // then its new value claims for itself
		return changed
	}
	for i := range c.p.edit.Agents {
		v := &c.p.edit.Agents[i]
		if !claim(numbers, c.ix.numbers, v, v.Number) {
			c.mistakes.add("agent", i, v.Number, taken("the number is another agent's"))
		}
		for _, aor := range v.AORs {
			if !claim(aors, c.ix.aors, v, aorUser(aor)) {
				c.mistakes.add("agent", i, v.Number, taken("%s is another agent's address of record", aor))
			}
		}
	}
}

// checkUsernames holds digest user names unique within the domain.
func (c *checker) checkUsernames() {
	seen := make(map[userKey]presence.DeviceID, len(c.p.edit.Credentials))
	for i := range c.p.edit.Credentials {
		v := &c.p.edit.Credentials[i]
		k := userKey{v.Domain, v.Username}
		if _, twice := seen[k]; twice {
			c.mistakes.add("credential", i, v.Username, taken("the user name is in the edit twice"))
			continue
		}
		seen[k] = v.Device
		holder := c.ix.users[k]
		if holder == nil || holder.Device == v.Device {
			continue
		}
		// The device that had it may lose it in this edit.
		dev, changed := c.p.devices[holder.Device]
		gone := changed && (dev == nil || !slices.ContainsFunc(dev.credentials,
			func(o *presence.Credential) bool { return o.Username == v.Username }))
		if !gone {
			c.mistakes.add("credential", i, v.Username, taken("the user name is another device's"))
		}
	}
}
