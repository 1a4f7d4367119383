// Package directory knows who is who: domains, agents, devices, credentials and
// assignments. Everything is kept in memory behind indexes and committed to the
// store before a reader sees it.
package directory

import (
	"context"
	"errors"
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
type Directory struct{}

// Open reads the directory from the store.
func Open(ctx context.Context, st store.Store) (*Directory, error) { panic("not built yet") }

// Edit is a set of changes that commits together (large ones in order, in
// batches). Put entries are whole values, matched by ID; a zero ID is given one.
// Deleting an agent or device deletes what hangs on it.
type Edit struct {
	Actor, Cause  string
	Domains       []presence.Domain
	Agents        []presence.Agent
	Devices       []presence.Device
	Credentials   []presence.Credential
	Assignments   []presence.Assignment
	DeleteAgents  []presence.AgentID
	DeleteDevices []presence.DeviceID
}

// Apply validates the edit as a whole, commits it, then shows it to readers and
// tells the listeners. On any error nothing has changed.
func (d *Directory) Apply(ctx context.Context, e Edit) error { panic("not built yet") }

// OnChange calls f after every applied edit, in order, before Apply returns.
func (d *Directory) OnChange(f func(Edit)) { panic("not built yet") }

// Domain by id.
func (d *Directory) Domain(id presence.DomainID) (*presence.Domain, bool) { panic("not built yet") }

// DomainByName finds the domain that has this name (case-insensitive).
func (d *Directory) DomainByName(name string) (*presence.Domain, bool) { panic("not built yet") }

// Domains lists all, by canonical name.
func (d *Directory) Domains() []*presence.Domain { panic("not built yet") }

// Agent by id.
func (d *Directory) Agent(id presence.AgentID) (*presence.Agent, bool) { panic("not built yet") }

// AgentByNumber within a domain.
func (d *Directory) AgentByNumber(dom presence.DomainID, number string) (*presence.Agent, bool) {
	panic("not built yet")
}

// AgentByAOR finds the agent of user@domain; any name of the domain will do.
func (d *Directory) AgentByAOR(user, domain string) (*presence.Agent, bool) { panic("not built yet") }

// Agents of a domain by number.
func (d *Directory) Agents(dom presence.DomainID) []*presence.Agent { panic("not built yet") }

// Device by id.
func (d *Directory) Device(id presence.DeviceID) (*presence.Device, bool) { panic("not built yet") }

// DevicesOf lists the devices assigned to the agent at this time.
func (d *Directory) DevicesOf(a presence.AgentID, at time.Time) []*presence.Device {
	panic("not built yet")
}

// Holder is the agent a device is assigned to at this time.
func (d *Directory) Holder(dev presence.DeviceID, at time.Time) (presence.AgentID, bool) {
	panic("not built yet")
}

// Credential by domain and user name.
func (d *Directory) Credential(dom presence.DomainID, username string) (*presence.Credential, bool) {
	panic("not built yet")
}

// CredentialsOf lists a device's credentials.
func (d *Directory) CredentialsOf(dev presence.DeviceID) []*presence.Credential {
	panic("not built yet")
}
