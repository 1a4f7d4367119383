package directory

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// house is a directory with one domain, built over st.
func house(t testing.TB, st store.Store) (*Directory, presence.DomainID) {
	t.Helper()
	d, err := Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"Example.COM", "alias.test"}, Realm: "example.com"}
	if err := d.Apply(t.Context(), Edit{Domains: []presence.Domain{dom}}); err != nil {
		t.Fatal(err)
	}
	return d, dom.ID
}

// crew is n agents from number first on, each with a desk phone, a softphone
// and a mobile.
func crew(dom presence.DomainID, first, n int) Edit {
	e := Edit{Actor: "test"}
	for i := range n {
		num := fmt.Sprint(first + i)
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom, Number: num, Name: "Agent " + num, Teams: []string{"sales"}}
		e.Agents = append(e.Agents, a)
		for suffix, kind := range map[string]presence.DeviceKind{"": presence.KindDesk, "-soft": presence.KindSoft, "-mobile": presence.KindMobile} {
			dev := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom, Kind: kind, Name: num + suffix}
			e.Devices = append(e.Devices, dev)
			e.Credentials = append(e.Credentials, presence.Credential{Domain: dom, Device: dev.ID, Username: num + suffix,
				HA1: presence.HA1{MD5: strings.Repeat("0a", 16)}})
			e.Assignments = append(e.Assignments, presence.Assignment{Device: dev.ID, Agent: a.ID, From: time.Unix(1000, 0)})
		}
	}
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLookUps(t *testing.T) {
	d, dom := house(t, newStore(t))
	e := crew(dom, 1001, 2)
	e.Agents[0].AORs = []string{"front@ALIAS.test"}
	must(t, d.Apply(t.Context(), e))
	want := e.Agents[0].ID
	for name, find := range map[string]func() (*presence.Agent, bool){
		"by id":                func() (*presence.Agent, bool) { return d.Agent(want) },
		"by number":            func() (*presence.Agent, bool) { return d.AgentByNumber(dom, "1001") },
		"by canonical address": func() (*presence.Agent, bool) { return d.AgentByAOR("1001", "example.com") },
		"by another name":      func() (*presence.Agent, bool) { return d.AgentByAOR("1001", "ALIAS.Test") },
		"by another address":   func() (*presence.Agent, bool) { return d.AgentByAOR("front", "example.com") },
	} {
		t.Run(name, func(t *testing.T) {
			if a, ok := find(); !ok || a.ID != want {
				t.Errorf("got %v, %v", a, ok)
			}
		})
	}
	a, _ := d.Agent(want)
	if got := strings.Join(a.AORs, " "); got != "1001@example.com front@alias.test" {
		t.Errorf("addresses of record %q", got)
	}
	cred, ok := d.Credential(dom, "1001-soft")
	if !ok {
		t.Fatal("no credential 1001-soft")
	}
	if holder, ok := d.Holder(cred.Device, time.Now()); !ok || holder != want {
		t.Errorf("holder of 1001-soft: %v, %v", holder, ok)
	}
	if n := len(d.DevicesOf(want, time.Now())); n != 3 {
		t.Errorf("1001 has %d devices, want 3", n)
	}
	if n := len(d.DevicesOf(want, time.Unix(999, 0))); n != 0 {
		t.Errorf("1001 had %d devices before the assignment began", n)
	}
}

func TestAgentsByNumber(t *testing.T) {
	d, dom := house(t, newStore(t))
	must(t, d.Apply(t.Context(), crew(dom, 998, 5)))
	must(t, d.Apply(t.Context(), Edit{Agents: []presence.Agent{{Domain: dom, Number: "reception"}}}))
	got := make([]string, 0, 6)
	for _, a := range d.Agents(dom) {
		got = append(got, a.Number)
	}
	if s := strings.Join(got, " "); s != "998 999 1000 1001 1002 reception" {
		t.Errorf("order %q", s)
	}
}

// TestRefused: whatever is wrong with an edit, nothing of it is carried out.
func TestRefused(t *testing.T) {
	d, dom := house(t, newStore(t))
	base := crew(dom, 1001, 2)
	must(t, d.Apply(t.Context(), base))
	agent := func(change func(*presence.Agent)) Edit {
		a := presence.Agent{Domain: dom, Number: "2000"}
		change(&a)
		return Edit{Agents: []presence.Agent{a}}
	}
	dev := func(kind presence.DeviceKind) (presence.Device, presence.DeviceID) {
		id := presence.DeviceID{ID: presence.NewID()}
		return presence.Device{ID: id, Domain: dom, Kind: kind}, id
	}
	desk, deskID := dev(presence.KindDesk)
	odd, _ := dev("fax")
	policy := func(p presence.Policy) Edit {
		return Edit{Domains: []presence.Domain{{ID: dom, Names: []string{"example.com"}, Realm: "example.com", Policy: p}}}
	}
	md5 := presence.HA1{MD5: strings.Repeat("ff", 16)}
	for name, c := range map[string]struct {
		edit Edit
		want error
	}{
		"number of another":      {agent(func(a *presence.Agent) { a.Number = "1001" }), ErrTaken},
		"address of another":     {agent(func(a *presence.Agent) { a.AORs = []string{"1002@example.com"} }), ErrTaken},
		"empty number":           {agent(func(a *presence.Agent) { a.Number = "" }), ErrInvalid},
		"number with a space":    {agent(func(a *presence.Agent) { a.Number = "10 01" }), ErrInvalid},
		"unknown domain":         {agent(func(a *presence.Agent) { a.Domain = presence.DomainID{} }), ErrInvalid},
		"foreign address":        {agent(func(a *presence.Agent) { a.AORs = []string{"x@elsewhere.test"} }), ErrInvalid},
		"unknown role":           {agent(func(a *presence.Agent) { a.Role = "boss" }), ErrInvalid},
		"twice in one edit":      {Edit{Agents: []presence.Agent{{Domain: dom, Number: "7"}, {Domain: dom, Number: "7"}}}, ErrTaken},
		"unknown kind of device": {Edit{Devices: []presence.Device{odd}}, ErrInvalid},
		"user name of another": {Edit{Devices: []presence.Device{desk},
			Credentials: []presence.Credential{{Domain: dom, Device: deskID, Username: "1001", HA1: md5}}}, ErrTaken},
		"user name twice": {Edit{Devices: []presence.Device{desk}, Credentials: []presence.Credential{
			{Domain: dom, Device: deskID, Username: "n", HA1: md5}, {Domain: dom, Device: deskID, Username: "n", HA1: md5}}}, ErrTaken},
		"short hash": {Edit{Devices: []presence.Device{desk}, Credentials: []presence.Credential{
			{Domain: dom, Device: deskID, Username: "n", HA1: presence.HA1{SHA256: "abcd"}}}}, ErrInvalid},
		"credential of no device": {Edit{Credentials: []presence.Credential{{Domain: dom, Username: "n", HA1: md5}}}, ErrInvalid},
		"assigned to nobody":      {Edit{Assignments: []presence.Assignment{{Device: base.Devices[0].ID}}}, ErrInvalid},
		"device of another agent": {Edit{Assignments: []presence.Assignment{
			{Device: base.Devices[0].ID, Agent: base.Agents[1].ID, From: time.Unix(2000, 0)}}}, ErrTaken},
		"realm changed":        {Edit{Domains: []presence.Domain{{ID: dom, Names: []string{"example.com"}, Realm: "other"}}}, ErrInvalid},
		"name of a domain":     {Edit{Domains: []presence.Domain{{Names: []string{"ALIAS.test"}, Realm: "x"}}}, ErrTaken},
		"domain without name":  {Edit{Domains: []presence.Domain{{Realm: "x"}}}, ErrInvalid},
		"long grace":           {policy(presence.Policy{Grace: time.Minute}), ErrInvalid},
		"short wrap-up":        {policy(presence.Policy{WrapUp: time.Second}), ErrInvalid},
		"custom without name":  {policy(presence.Policy{Statuses: []presence.Custom{{}}}), ErrInvalid},
		"custom returns wrong": {policy(presence.Policy{Statuses: []presence.Custom{{Name: "Break", Return: "Lnch"}}}), ErrInvalid},
		"fallback nowhere":     {policy(presence.Policy{Fallback: "the voicemail"}), ErrInvalid},
		"own fallback nowhere": {agent(func(a *presence.Agent) { a.Settings.Fallback = "sip:a@b>,<sip:c@d" }), ErrInvalid},
		"falls back to itself": {agent(func(a *presence.Agent) { a.Settings.Fallback = "2000" }), ErrInvalid},
		"falls back in circle": {agent(func(a *presence.Agent) { a.Settings.Fallback = "sips:2000@EXAMPLE.com;lr" }), ErrInvalid},
		"deletes the unknown":  {Edit{DeleteAgents: []presence.AgentID{{ID: presence.NewID()}}}, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			good := presence.Agent{Domain: dom, Number: "3000"}
			c.edit.Agents = append(c.edit.Agents, good)
			err := d.Apply(t.Context(), c.edit)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if _, ok := d.AgentByNumber(dom, "3000"); ok {
				t.Error("part of a refused edit was carried out")
			}
			if a, _ := d.AgentByNumber(dom, "1001"); a == nil || a.ID != base.Agents[0].ID {
				t.Error("1001 is no longer who it was")
			}
		})
	}
}

func TestSwapNumbers(t *testing.T) {
	d, dom := house(t, newStore(t))
	e := crew(dom, 1001, 2)
	must(t, d.Apply(t.Context(), e))
	a, b := e.Agents[0], e.Agents[1]
	a.Number, b.Number, a.AORs, b.AORs = b.Number, a.Number, nil, nil
	must(t, d.Apply(t.Context(), Edit{Agents: []presence.Agent{a, b}}))
	if got, _ := d.AgentByNumber(dom, "1002"); got == nil || got.ID != a.ID {
		t.Errorf("1002 is %v", got)
	}
	if got, _ := d.AgentByAOR("1001", "example.com"); got == nil || got.ID != b.ID {
		t.Errorf("1001@example.com is %v", got)
	}
}

func TestDeletionTakesAlong(t *testing.T) {
	st := newStore(t)
	d, dom := house(t, st)
	e := crew(dom, 1001, 2)
	must(t, d.Apply(t.Context(), e))
	shared := e.Devices[0].ID // 1001's until 2000, then 1002's
	must(t, d.Apply(t.Context(), Edit{Assignments: []presence.Assignment{
		{Device: shared, Agent: e.Agents[0].ID, From: time.Unix(1000, 0), To: time.Unix(2000, 0)},
		{Device: shared, Agent: e.Agents[1].ID, From: time.Unix(2000, 0)}}}))
	var heard Edit
	d.OnChange(func(e Edit) { heard = e })
	must(t, d.Apply(t.Context(), Edit{DeleteAgents: []presence.AgentID{e.Agents[0].ID}}))
	check := func(d *Directory) {
		t.Helper()
		if agents, devices := d.Len(); agents != 1 || devices != 4 {
			t.Errorf("%d agents and %d devices are left, want 1 and 4", agents, devices)
		}
		if got, ok := d.Holder(shared, time.Now()); !ok || got != e.Agents[1].ID {
			t.Errorf("shared phone: %v, %v", got, ok)
		}
		if len(d.AssignmentsOf(shared)) != 1 {
			t.Errorf("assignments %v", d.AssignmentsOf(shared))
		}
	}
	check(d)
	if len(heard.DeleteDevices) != 2 {
		t.Errorf("listeners heard of %d deleted devices, want 2", len(heard.DeleteDevices))
	}
	again, err := Open(t.Context(), st)
	must(t, err)
	check(again)
}

func TestDomainRenameMovesAddresses(t *testing.T) {
	st := newStore(t)
	d, dom := house(t, st)
	e := crew(dom, 1001, 1)
	e.Agents[0].AORs = []string{"front@alias.test"}
	must(t, d.Apply(t.Context(), e))
	must(t, d.Apply(t.Context(), Edit{Domains: []presence.Domain{{ID: dom, Names: []string{"new.example"}, Realm: "example.com"}}}))
	again, err := Open(t.Context(), st)
	must(t, err)
	for _, d := range []*Directory{d, again} {
		a, ok := d.AgentByAOR("front", "new.example")
		if !ok || strings.Join(a.AORs, " ") != "1001@new.example front@new.example" {
			t.Errorf("got %v, %v", a, ok)
		}
		if _, ok := d.AgentByAOR("1001", "example.com"); ok {
			t.Error("the old name still leads to the agent")
		}
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	st := newStore(t)
	d, dom := house(t, st)
	e := crew(dom, 1001, 1)
	e.Agents[0].LoginHash = "$argon2id$secret"
	must(t, d.Apply(t.Context(), e))
	log, err := st.Log(t.Context(), store.LogQuery{Kind: "config"})
	must(t, err)
	if len(log) != 5 { // the domain, the agent, its devices
		t.Errorf("%d log entries, want 5", len(log))
	}
	for _, l := range log {
		if s := string(l.After); strings.Contains(s, "argon2id") || strings.Contains(s, "0a0a") {
			t.Errorf("the log gives away a hash: %s", s)
		}
	}
}

func TestCheckChangesNothing(t *testing.T) {
	d, dom := house(t, newStore(t))
	must(t, d.Check(crew(dom, 1001, 1)))
	if n, _ := d.Len(); n != 0 {
		t.Errorf("%d agents after a dry run", n)
	}
	err := d.Check(Edit{Agents: []presence.Agent{{Domain: dom, Number: "1"}, {Domain: dom, Number: "?"}}})
	var m *Mistake
	if !errors.As(err, &m) || m.Kind != "agent" || m.Index != 1 {
		t.Errorf("got %v", err)
	}
}
