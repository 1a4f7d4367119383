package presence

import "testing"

func TestWhoMayPickUp(t *testing.T) {
	dom, other := DomainID{NewID()}, DomainID{NewID()}
	agent := func(d DomainID, role Role, teams ...string) *Agent {
		return &Agent{ID: AgentID{NewID()}, Domain: d, Role: role, Teams: teams}
	}
	sales, mate, lone := agent(dom, "", "Sales"), agent(dom, "", "Support", "Sales"), agent(dom, "")
	boss, far := agent(dom, RoleSupervisor), agent(other, RoleAdmin, "Sales")
	for _, c := range []struct {
		name     string
		choice   Pickup
		by, whom *Agent
		want     bool
	}{
		{"own call", PickupNone, lone, lone, true},
		{"team by default", "", mate, sales, true},
		{"no team", "", lone, sales, false},
		{"no team at all", "", lone, agent(dom, ""), false},
		{"supervisor", "", boss, sales, true},
		{"all", PickupAll, lone, sales, true},
		{"none", PickupNone, boss, sales, false},
		{"another domain", PickupAll, far, sales, false},
		{"nobody", PickupAll, nil, sales, false},
	} {
		if p := (&Policy{Pickup: c.choice}); p.MayPickUp(c.by, c.whom) != c.want {
			t.Errorf("%s: want %v", c.name, c.want)
		}
	}
	if Pickup("everybody").Check() == nil || Pickup("").Check() != nil {
		t.Error("the choices are not checked")
	}
}
