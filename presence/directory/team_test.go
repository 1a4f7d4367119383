package directory

import (
	"errors"
	"testing"

	"lamplight/presence"
)

func numbers(list []*presence.Agent) (out string) {
	for _, a := range list {
		out += a.Number + " "
	}
	return out
}

func TestTeamsFollowTheirAgents(t *testing.T) {
	st := newStore(t)
	d, dom := house(t, st)
	e := crew(dom, 1001, 3)
	e.Agents[1].Teams = []string{"Customer Care", "sales"}
	e.Agents[2].Teams = []string{"customer-care"}
	must(t, d.Apply(t.Context(), e))
	want := func(team, list string) {
		t.Helper()
		if got := numbers(d.Team(dom, team)); got != list || d.HasTeam(dom, team) != (list != "") {
			t.Errorf("%s is %q, want %q", team, got, list)
		}
	}
	want("sales", "1001 1002 ")
	want("customer-care", "1002 1003 ")
	moved := e.Agents[1]
	moved.Teams, moved.Number, moved.AORs = []string{"sales"}, "0999", nil
	must(t, d.Apply(t.Context(), Edit{Agents: []presence.Agent{moved}}))
	want("sales", "0999 1001 ")
	want("customer-care", "1003 ")
	must(t, d.Apply(t.Context(), Edit{DeleteAgents: []presence.AgentID{e.Agents[2].ID}}))
	want("customer-care", "")
	var err error
	if d, err = Open(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	want("sales", "0999 1001 ")
}

func TestNoAgentHasTheAddressOfAList(t *testing.T) {
	d, dom := house(t, newStore(t))
	for _, a := range []presence.Agent{
		{Domain: dom, Number: "team-sales"}, {Domain: dom, Number: "List-1"},
		{Domain: dom, Number: "1001", AORs: []string{"team-1@example.com"}},
	} {
		if err := d.Apply(t.Context(), Edit{Agents: []presence.Agent{a}}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s %v: %v", a.Number, a.AORs, err)
		}
	}
}

func TestTeamAddress(t *testing.T) {
	for name, want := range map[string]string{"sales": "sales", " Customer Care ": "customer-care", "Büro 2.1_b": "büro-2.1_b", "a@b;c": "a-b-c"} {
		if got := TeamAddress(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
