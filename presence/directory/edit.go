package directory

import (
	"cmp"
	"context"
	"fmt"

	"lamplight/presence"
)

// Edit is a set of changes that commits together. Put entries are whole values,
// matched by ID, a credential by domain and user name, an assignment by device,
// agent and beginning; a zero ID is given one, in the caller's slice.
//
// Deleting a device deletes its credentials and assignments. Deleting an agent
// deletes its assignments, and those of its devices that were never anybody
// else's; groups keep its name, which nobody answers to. An assignment put with To not after From is taken away.
//
// An agent without settings (no option on, no numbers, nothing to restore) is
// given webphone, SIP phone and mobile switched on.
//
// Apply keeps what the edit refers to: the caller does not change it afterwards.
type Edit struct {
	Actor, Cause      string
	Domains           []presence.Domain
	Agents            []presence.Agent
	Groups            []presence.Group
	Devices           []presence.Device
	Credentials       []presence.Credential
	Assignments       []presence.Assignment
	DeleteAgents      []presence.AgentID
	DeleteGroups      []presence.GroupID
	DeleteDevices     []presence.DeviceID
	DeleteCredentials []presence.Credential // domain and user name are enough
}

// entities counts what the edit names.
func (e *Edit) entities() int {
	return len(e.Domains) + len(e.Agents) + len(e.Devices) + len(e.Credentials) + len(e.Assignments) +
		len(e.DeleteAgents) + len(e.DeleteDevices) + len(e.DeleteCredentials) +
		len(e.Groups) + len(e.DeleteGroups)
}

// Apply validates the edit as a whole, commits it, then shows it to readers and
// tells the listeners. On any error nothing has changed: mistakes in the edit
// are *Mistakes (matched by ErrInvalid, ErrTaken or ErrNotFound), anything else
// is the store's.
//
// An edit of more than 1000 records does not fit one batch. Its records are
// then written together with the values they replace, under the name of the
// edit, and mean nothing until a last batch says that the edit is complete; a
// failure or a crash before that leaves the old values valid, and Open clears
// the rest away. ctx is looked at between batches.
func (d *Directory) Apply(ctx context.Context, e Edit) error {
	d.edit.Lock()
	defer d.edit.Unlock()
	p, err := d.plan(&e)
	if err != nil {
		return err
	}
	if p.empty() {
		return nil
	}
	if err := d.commit(ctx, p); err != nil {
		return fmt.Errorf("directory: edit by %s: %w", p.edit.Actor, err)
	}
	d.install(p)
	for _, f := range d.listeners {
		f(p.edit)
	}
	return nil
}

// Check says what Apply would answer to the edit, short of the store's own
// errors, without changing anything.
func (d *Directory) Check(e Edit) error {
	d.edit.Lock()
	defer d.edit.Unlock()
	_, err := d.plan(&e)
	return err
}

// plan is an edit worked out against the present state: which values are to be
// replaced by which. A nil value is a deletion.
type plan struct {
	edit    Edit // with what follows from it
	domains map[presence.DomainID]*presence.Domain
	agents  map[presence.AgentID]*presence.Agent
	groups  map[presence.GroupID]*presence.Group
	devices map[presence.DeviceID]*device
	// The keys of the maps in the order of the edit, so that the same edit
	// writes the same records in the same order.
	domainOrder []presence.DomainID
	agentOrder  []presence.AgentID
	groupOrder  []presence.GroupID
	deviceOrder []presence.DeviceID
}

func (p *plan) empty() bool { return p.len() == 0 }

func (p *plan) len() int {
	return len(p.domainOrder) + len(p.agentOrder) + len(p.groupOrder) + len(p.deviceOrder)
}

func (p *plan) setDomain(id presence.DomainID, v *presence.Domain) {
	if _, ok := p.domains[id]; !ok {
		p.domainOrder = append(p.domainOrder, id)
	}
	p.domains[id] = v
}

func (p *plan) setAgent(id presence.AgentID, v *presence.Agent) {
	if _, ok := p.agents[id]; !ok {
		p.agentOrder = append(p.agentOrder, id)
	}
	p.agents[id] = v
}

func (p *plan) setDevice(id presence.DeviceID, v *device) {
	if _, ok := p.devices[id]; !ok {
		p.deviceOrder = append(p.deviceOrder, id)
	}
	p.devices[id] = v
}

// plan checks the edit and works it out. The caller holds d.edit, so that the
// indexes do not change meanwhile.
func (d *Directory) plan(e *Edit) (*plan, error) {
	e.Actor, e.Cause = cmp.Or(e.Actor, "system"), cmp.Or(e.Cause, "config")
	c := &checker{ix: &d.ix, p: &plan{
		edit:    *e,
		domains: make(map[presence.DomainID]*presence.Domain, len(e.Domains)),
		agents:  make(map[presence.AgentID]*presence.Agent, len(e.Agents)),
		groups:  make(map[presence.GroupID]*presence.Group, len(e.Groups)),
		devices: make(map[presence.DeviceID]*device, len(e.Devices)),
	}}
	c.planDomains()
	c.planDeletions()
	c.planAgents()
	c.planRenames()
	c.planGroups()
	c.planDevices()
	c.planCredentials()
	c.planAssignments()
	c.checkNames()
	c.checkNumbers()
	c.checkGroupNumbers()
	c.checkUsernames()
	if err := c.mistakes.orNil(); err != nil {
		return nil, err
	}
	return c.p, nil
}

// installChunk is how many values are shown to readers in one critical section.
const installChunk = 4096

// install shows the plan to readers: domains first, then devices, agents
// and groups.
func (d *Directory) install(p *plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	done := 0
	breathe := func() {
		if done++; done%installChunk == 0 {
			d.mu.Unlock()
			d.mu.Lock()
		}
	}
	for _, id := range p.domainOrder {
		d.ix.putDomain(p.domains[id])
		breathe()
	}
	for _, id := range p.deviceOrder {
		if v := p.devices[id]; v != nil {
			d.ix.putDevice(v)
		} else {
			d.ix.dropDevice(id)
		}
		breathe()
	}
	for _, id := range p.agentOrder {
		if v := p.agents[id]; v != nil {
			d.ix.putAgent(v)
		} else {
			d.ix.dropAgent(id)
		}
		breathe()
	}
	for _, id := range p.groupOrder {
		if v := p.groups[id]; v != nil {
			d.ix.putGroup(v)
		} else {
			d.ix.dropGroup(id)
		}
		breathe()
	}
}
