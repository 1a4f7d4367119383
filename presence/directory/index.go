package directory

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
)

// userKey is a number, the user part of an address of record, or a digest user
// name, within its domain.
type userKey struct {
	domain presence.DomainID
	user   string
}

// device is a device with all that hangs on it. It is never changed once it is
// in an index: an edit puts another in its place.
type device struct {
	presence.Device
	credentials []*presence.Credential
	// assignments do not overlap and are ordered by From.
	assignments []presence.Assignment
}

// holder is who the device is assigned to at this time.
func (v *device) holder(at time.Time) (presence.AgentID, bool) {
	for i := len(v.assignments) - 1; i >= 0; i-- {
		a := &v.assignments[i]
		if a.From.After(at) {
			continue
		}
		if a.To.IsZero() || at.Before(a.To) {
			return a.Agent, true
		}
		break // earlier ones ended earlier still
	}
	return presence.AgentID{}, false
}

// indexes are everything look-ups need.
type indexes struct {
	domains map[presence.DomainID]*presence.Domain
	names   map[string]*presence.Domain // lower case
	agents  map[presence.AgentID]*presence.Agent
	numbers map[userKey]*presence.Agent
	aors    map[userKey]*presence.Agent
	devices map[presence.DeviceID]*device
	users   map[userKey]*presence.Credential
	// held lists every device that is, was or will be an agent's.
	held map[presence.AgentID][]presence.DeviceID
	// turns are when an assignment of a device next begins or ends by time alone;
	// a device of which none does is not in it.
	turns map[presence.DeviceID]time.Time
	// byDomain holds every agent of a domain, sorted the same by number; sorted
	// is filled when asked for and dropped when the domain's agents change.
	byDomain map[presence.DomainID]map[presence.AgentID]struct{}
	sorted   map[presence.DomainID][]*presence.Agent
	// groups are the ring groups, groupNumbers those by what is dialled.
	groups       map[presence.GroupID]*presence.Group
	groupNumbers map[userKey]*presence.Group
	// shared are the hot desks of each domain.
	shared map[presence.DomainID]map[presence.DeviceID]struct{}
	// teams are the agents of each team, by its address.
	teams map[userKey]map[presence.AgentID]struct{}
}

func newIndexes() indexes {
	return indexes{
		domains:  map[presence.DomainID]*presence.Domain{},
		names:    map[string]*presence.Domain{},
		agents:   map[presence.AgentID]*presence.Agent{},
		numbers:  map[userKey]*presence.Agent{},
		aors:     map[userKey]*presence.Agent{},
		devices:  map[presence.DeviceID]*device{},
		users:    map[userKey]*presence.Credential{},
		held:     map[presence.AgentID][]presence.DeviceID{},
		turns:    map[presence.DeviceID]time.Time{},
		byDomain: map[presence.DomainID]map[presence.AgentID]struct{}{},
		sorted:   map[presence.DomainID][]*presence.Agent{},
		groups:   map[presence.GroupID]*presence.Group{},
		shared:   map[presence.DomainID]map[presence.DeviceID]struct{}{},
		teams:    map[userKey]map[presence.AgentID]struct{}{},

		groupNumbers: map[userKey]*presence.Group{},
	}
}

func (x *indexes) putDomain(v *presence.Domain) {
	if old := x.domains[v.ID]; old != nil {
		for _, n := range old.Names {
			if x.names[n] == old {
				delete(x.names, n)
			}
		}
	}
	x.domains[v.ID] = v
	for _, n := range v.Names {
		x.names[n] = v
	}
}

// putAgent replaces whatever the agent was. Within one edit two agents may swap
// numbers, so a key is taken back only while it still points at the old value.
func (x *indexes) putAgent(v *presence.Agent) {
	x.unindexAgent(x.agents[v.ID])
	x.agents[v.ID] = v
	x.numbers[userKey{v.Domain, v.Number}] = v
	for _, aor := range v.AORs {
		x.aors[userKey{v.Domain, aorUser(aor)}] = v
	}
	of := x.byDomain[v.Domain]
	if of == nil {
		of = map[presence.AgentID]struct{}{}
		x.byDomain[v.Domain] = of
	}
	of[v.ID] = struct{}{}
	delete(x.sorted, v.Domain)
	x.joinTeams(v)
}

func (x *indexes) dropAgent(id presence.AgentID) {
	v := x.agents[id]
	if v == nil {
		return
	}
	x.unindexAgent(v)
	delete(x.agents, id)
	delete(x.byDomain[v.Domain], id)
	delete(x.sorted, v.Domain)
}

func (x *indexes) unindexAgent(old *presence.Agent) {
	if old == nil {
		return
	}
	if k := (userKey{old.Domain, old.Number}); x.numbers[k] == old {
		delete(x.numbers, k)
	}
	for _, aor := range old.AORs {
		if k := (userKey{old.Domain, aorUser(aor)}); x.aors[k] == old {
			delete(x.aors, k)
		}
	}
	x.leaveTeams(old)
}

func (x *indexes) putDevice(v *device) {
	x.share(x.devices[v.ID], v)
	x.unindexDevice(x.devices[v.ID])
	x.devices[v.ID] = v
	for _, c := range v.credentials {
		x.users[userKey{c.Domain, c.Username}] = c
	}
	x.turn(v, time.Now())
	for i := range v.assignments {
		a := v.assignments[i].Agent
		held := x.held[a]
		if at, ok := slices.BinarySearchFunc(held, v.ID, compareDevices); !ok {
			x.held[a] = slices.Insert(held, at, v.ID)
		}
	}
}

func (x *indexes) dropDevice(id presence.DeviceID) {
	x.share(x.devices[id], nil)
	x.unindexDevice(x.devices[id])
	delete(x.devices, id)
	delete(x.turns, id)
}

func (x *indexes) unindexDevice(old *device) {
	if old == nil {
		return
	}
	for _, c := range old.credentials {
		if k := (userKey{c.Domain, c.Username}); x.users[k] == c {
			delete(x.users, k)
		}
	}
	for i := range old.assignments {
		a := old.assignments[i].Agent
		held := x.held[a]
		if at, ok := slices.BinarySearchFunc(held, old.ID, compareDevices); ok {
			held = slices.Delete(held, at, at+1)
		}
		if len(held) == 0 {
			delete(x.held, a)
		} else {
			x.held[a] = held
		}
	}
}

// sortLocked fills and returns the domain's agents by number.
func (x *indexes) sortLocked(dom presence.DomainID) []*presence.Agent {
	if v, ok := x.sorted[dom]; ok {
		return v
	}
	out := make([]*presence.Agent, 0, len(x.byDomain[dom]))
	for id := range x.byDomain[dom] {
		out = append(out, x.agents[id])
	}
	slices.SortFunc(out, func(a, b *presence.Agent) int { return CompareNumbers(a.Number, b.Number) })
	x.sorted[dom] = out
	return out
}

// CompareNumbers orders numbers as people do: digits before words, digits by
// value ("999" before "1001"), words by their letters.
func CompareNumbers(a, b string) int {
	da, db := digits(a), digits(b)
	switch {
	case da && !db:
		return -1
	case !da && db:
		return 1
	case da && len(a) != len(b):
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func compareDevices(a, b presence.DeviceID) int { return bytes.Compare(a.ID[:], b.ID[:]) }

// aorUser is the part of user@domain before the last @.
func aorUser(aor string) string {
	if i := strings.LastIndexByte(aor, '@'); i >= 0 {
		return aor[:i]
	}
	return aor
}
