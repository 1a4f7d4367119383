package csvimport

import (
	"fmt"
	"slices"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// planned is what one line changes.
type planned struct {
	line        int
	created     bool
	agent       *presence.Agent // nil: stays as it is
	devices     []presence.Device
	credentials []presence.Credential
	assignments []presence.Assignment
}

// batch is the lines that are applied together.
type batch struct {
	agents                 []*planned
	rows, created, updated int
	// lines of the entities of the last edit, in its order, to find who is to
	// blame for a mistake.
	agentLine, deviceLine, credentialLine, assignmentLine []int
}

func (b *batch) add(p *planned) {
	b.agents = append(b.agents, p)
	b.rows++
	if p.created {
		b.created++
	} else {
		b.updated++
	}
}

func (b *batch) count() {
	b.rows, b.created = len(b.agents), 0
	for _, p := range b.agents {
		if p.created {
			b.created++
		}
	}
	b.updated = b.rows - b.created
}

// edit makes one edit of the lines.
func (b *batch) edit(actor string) directory.Edit {
	e := directory.Edit{
		Actor: actor, Cause: "import",
		Agents:      make([]presence.Agent, 0, len(b.agents)),
		Devices:     make([]presence.Device, 0, 4*len(b.agents)),
		Credentials: make([]presence.Credential, 0, 3*len(b.agents)),
		Assignments: make([]presence.Assignment, 0, 4*len(b.agents)),
	}
	b.agentLine, b.deviceLine, b.credentialLine, b.assignmentLine = nil, nil, nil, nil
	for _, p := range b.agents {
		if p.agent != nil {
			e.Agents = append(e.Agents, *p.agent)
			b.agentLine = append(b.agentLine, p.line)
		}
		e.Devices = append(e.Devices, p.devices...)
		e.Credentials = append(e.Credentials, p.credentials...)
		e.Assignments = append(e.Assignments, p.assignments...)
		b.deviceLine = repeat(b.deviceLine, p.line, len(p.devices))
		b.credentialLine = repeat(b.credentialLine, p.line, len(p.credentials))
		b.assignmentLine = repeat(b.assignmentLine, p.line, len(p.assignments))
	}
	return e
}

func repeat(l []int, line, n int) []int {
	for range n {
		l = append(l, line)
	}
	return l
}

// lineOf is the line that the n-th entity of that kind in the last edit came
// from; 0 if it cannot be told.
func (b *batch) lineOf(kind string, n int) int {
	var l []int
	switch kind {
	case "agent":
		l = b.agentLine
	case "device":
		l = b.deviceLine
	case "credential":
		l = b.credentialLine
	case "assignment":
		l = b.assignmentLine
	}
	if n < 0 || n >= len(l) {
		return 0
	}
	return l[n]
}

// deviceRule says which devices an agent of the file has.
type deviceRule struct {
	kind   presence.DeviceKind
	suffix string // of the user name after the number
	name   string
}

func deviceRules() [4]deviceRule {
	return [4]deviceRule{
		{presence.KindDesk, "", "Desk phone"},
		{presence.KindSoft, "-soft", "Softphone"},
		{presence.KindMobile, "-mobile", "Mobile"},
		{presence.KindWebphone, "", "Webphone"},
	}
}

// plan works out what a row changes and adds it to the batch.
func (im *importer) plan(b *batch, row *Row) *LineError {
	for _, user := range [3]string{row.Number, row.Number + "-soft", row.Number + "-mobile"} {
		if line, twice := im.seen[user]; twice {
			return &LineError{row.Line, colNumber, fmt.Sprintf("user name %q is already that of line %d", user, line)}
		}
	}
	for _, user := range [3]string{row.Number, row.Number + "-soft", row.Number + "-mobile"} {
		im.seen[user] = row.Line
	}
	p := &planned{line: row.Line}
	agent, known := im.o.Directory.AgentByNumber(im.dom.ID, row.Number)
	switch {
	case !known:
		if row.Password == "" {
			return &LineError{row.Line, colPassword, "is missing, and the agent is new"}
		}
		agent = im.newAgent(row)
		p.agent, p.created = agent, true
	case im.changes(agent, row):
		next := *agent
		if im.rd.Has(colName) {
			next.Name = row.Name
		}
		if im.rd.Has(colTeam) {
			next.Teams = row.Teams
		}
		p.agent = &next
	}
	if wrong := im.planDevices(p, agent.ID, row); wrong != nil {
		return wrong
	}
	if p.agent == nil && len(p.devices) == 0 && len(p.credentials) == 0 {
		im.report.Unchanged++
		return nil
	}
	b.add(p)
	return nil
}

func (im *importer) newAgent(row *Row) *presence.Agent {
	return &presence.Agent{
		ID: presence.AgentID{ID: presence.NewID()}, Domain: im.dom.ID,
		Number: row.Number, Name: row.Name, Teams: row.Teams,
		AORs: []string{row.Number + "@" + im.dom.Name()}, Role: presence.RoleAgent,
		Settings: presence.Settings{Options: presence.Options{Webphone: true, SIPPhone: true, Mobile: true}},
	}
}

func (im *importer) changes(agent *presence.Agent, row *Row) bool {
	return im.rd.Has(colName) && agent.Name != row.Name || im.rd.Has(colTeam) && !slices.Equal(agent.Teams, row.Teams)
}

// planDevices adds what the agent lacks of the devices, and sets the passwords.
func (im *importer) planDevices(p *planned, agent presence.AgentID, row *Row) *LineError {
	var have []*presence.Device
	if !p.created {
		have = im.o.Directory.DevicesOf(agent, im.now)
	}
	for _, rule := range deviceRules() {
		if rule.kind == presence.KindWebphone {
			if !slices.ContainsFunc(have, func(d *presence.Device) bool { return d.Kind == rule.kind }) {
				p.newDevice(im, agent, rule)
			}
			continue
		}
		user := row.Number + rule.suffix
		old, known := im.o.Directory.Credential(im.dom.ID, user)
		if known && !slices.ContainsFunc(have, func(d *presence.Device) bool { return d.ID == old.Device }) {
			return &LineError{row.Line, colNumber, fmt.Sprintf("user name %q is that of a device that is not this agent's", user)}
		}
		switch {
		case row.Password == "" && !known:
			return &LineError{row.Line, colPassword, fmt.Sprintf("is missing, and there is no device %q yet", user)}
		case row.Password == "":
			continue
		}
		c := presence.Credential{Domain: im.dom.ID, Username: user, HA1: im.digests(user, row.Password)}
		switch {
		case !known:
			c.Device = p.newDevice(im, agent, rule)
		case old.HA1 == c.HA1:
			continue
		default:
			c.Device = old.Device
		}
		p.credentials = append(p.credentials, c)
	}
	return nil
}

func (p *planned) newDevice(im *importer, agent presence.AgentID, rule deviceRule) presence.DeviceID {
	id := presence.DeviceID{ID: presence.NewID()}
	p.devices = append(p.devices, presence.Device{ID: id, Domain: im.dom.ID, Kind: rule.kind, Name: rule.name})
	p.assignments = append(p.assignments, presence.Assignment{Device: id, Agent: agent, From: im.now})
	return id
}

func (im *importer) digests(user, password string) (h presence.HA1) {
	for _, alg := range im.o.Algorithms {
		h.Set(alg, im.o.HA1(alg, user, im.dom.Realm, password))
	}
	return h
}
