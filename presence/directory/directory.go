// Package directory knows who is who: domains, agents, devices, credentials and
// assignments. Everything is kept in memory behind indexes and committed to the
// store before a reader sees it.
//
// # Guarantees
//
//   - Readers never wait for the store, and a look-up takes well under a
//     microsecond however many agents there are.
//   - An edit is checked as a whole before anything of it is written, and is
//     all or nothing, in memory and on disk, also when it is too large for one
//     batch and the process is killed half-way (see Apply).
//   - Edits are serialised. Listeners hear of them in order, after readers can
//     see them.
//   - An edit of up to 4096 agents and devices appears to readers at once; a
//     larger one appears over some milliseconds, each agent after its devices.
package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// Errors matched by errors.Is.
var (
	ErrNotFound = errors.New("directory: not found")
	ErrTaken    = errors.New("directory: name is taken")
	ErrInvalid  = errors.New("directory: invalid")
)

// Directory is safe for concurrent use. Values it returns are shared and must
// not be changed by the caller.
type Directory struct {
	store store.Store

	// edit serialises Apply; whoever holds it may read the indexes without mu,
	// because nobody else writes them.
	edit      sync.Mutex
	listeners []func(Edit) // guarded by edit

	mu sync.RWMutex
	ix indexes // guarded by mu
}

// Open reads the directory from the store and clears away what an edit that
// was cut short left there.
func Open(ctx context.Context, st store.Store) (*Directory, error) {
	d := &Directory{store: st, ix: newIndexes()}
	if err := d.load(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// OnChange calls f after every applied edit, in order, before Apply returns. f
// is given the edit as it was carried out: IDs filled in, names normalised, and
// what a deletion took along among the deletions. It must not call Apply.
func (d *Directory) OnChange(f func(Edit)) {
	d.edit.Lock()
	defer d.edit.Unlock()
	d.listeners = append(d.listeners, f)
}

// Domain by id.
func (d *Directory) Domain(id presence.DomainID) (*presence.Domain, bool) {
	d.mu.RLock()
	v, ok := d.ix.domains[id]
	d.mu.RUnlock()
	return v, ok
}

// DomainByName finds the domain that has this name (case-insensitive).
func (d *Directory) DomainByName(name string) (*presence.Domain, bool) {
	name = strings.ToLower(name)
	d.mu.RLock()
	v, ok := d.ix.names[name]
	d.mu.RUnlock()
	return v, ok
}

// Domains lists all, by canonical name.
func (d *Directory) Domains() []*presence.Domain {
	d.mu.RLock()
	out := make([]*presence.Domain, 0, len(d.ix.domains))
	for _, v := range d.ix.domains {
		out = append(out, v)
	}
	d.mu.RUnlock()
	slices.SortFunc(out, func(a, b *presence.Domain) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

// Agent by id.
func (d *Directory) Agent(id presence.AgentID) (*presence.Agent, bool) {
	d.mu.RLock()
	v, ok := d.ix.agents[id]
	d.mu.RUnlock()
	return v, ok
}

// AgentByNumber within a domain.
func (d *Directory) AgentByNumber(dom presence.DomainID, number string) (*presence.Agent, bool) {
	d.mu.RLock()
	v, ok := d.ix.numbers[userKey{dom, number}]
	d.mu.RUnlock()
	return v, ok
}

// AgentByAOR finds the agent of user@domain; any name of the domain will do.
// The domain is compared without regard to case, the user with (RFC 3261
// §19.1.4).
func (d *Directory) AgentByAOR(user, domain string) (*presence.Agent, bool) {
	domain = strings.ToLower(domain)
	d.mu.RLock()
	defer d.mu.RUnlock()
	dom, ok := d.ix.names[domain]
	if !ok {
		return nil, false
	}
	v, ok := d.ix.aors[userKey{dom.ID, user}]
	return v, ok
}

// Agents of a domain by number. The slice is shared and must not be changed.
func (d *Directory) Agents(dom presence.DomainID) []*presence.Agent {
	d.mu.RLock()
	v, ok := d.ix.sorted[dom]
	d.mu.RUnlock()
	if ok {
		return v
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ix.sortLocked(dom)
}

// Len counts the agents and devices of all domains.
func (d *Directory) Len() (agents, devices int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.ix.agents), len(d.ix.devices)
}

// Device by id.
func (d *Directory) Device(id presence.DeviceID) (*presence.Device, bool) {
	d.mu.RLock()
	v, ok := d.ix.devices[id]
	d.mu.RUnlock()
	if !ok {
		return nil, false
	}
	return &v.Device, true
}

// DevicesOf lists the devices assigned to the agent at this time, in the order
// of their ids, which is the order they were made in.
func (d *Directory) DevicesOf(a presence.AgentID, at time.Time) []*presence.Device {
	d.mu.RLock()
	defer d.mu.RUnlock()
	held := d.ix.held[a]
	if len(held) == 0 {
		return nil
	}
	out := make([]*presence.Device, 0, len(held))
	for _, id := range held {
		dev := d.ix.devices[id]
		if holder, ok := dev.holder(at); ok && holder == a {
			out = append(out, &dev.Device)
		}
	}
	return out
}

// Holder is the agent a device is assigned to at this time.
func (d *Directory) Holder(dev presence.DeviceID, at time.Time) (presence.AgentID, bool) {
	d.mu.RLock()
	v, ok := d.ix.devices[dev]
	d.mu.RUnlock()
	if !ok {
		return presence.AgentID{}, false
	}
	return v.holder(at)
}

// AssignmentsOf lists a device's assignments, past, present and future, by
// their beginning. The slice is shared and must not be changed.
func (d *Directory) AssignmentsOf(dev presence.DeviceID) []presence.Assignment {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if v, ok := d.ix.devices[dev]; ok {
		return v.assignments
	}
	return nil
}

// Credential by domain and user name.
func (d *Directory) Credential(dom presence.DomainID, username string) (*presence.Credential, bool) {
	d.mu.RLock()
	v, ok := d.ix.users[userKey{dom, username}]
	d.mu.RUnlock()
	return v, ok
}

// CredentialsOf lists a device's credentials. The slice is shared and must not
// be changed.
func (d *Directory) CredentialsOf(dev presence.DeviceID) []*presence.Credential {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if v, ok := d.ix.devices[dev]; ok {
		return v.credentials
	}
	return nil
}
