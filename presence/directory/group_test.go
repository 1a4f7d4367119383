package directory

import (
	"errors"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

func newDirectory(t *testing.T, st store.Store) *Directory {
	t.Helper()
	d, err := Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// groupHouse is a directory with a domain and three agents, two of them sellers.
func groupHouse(t *testing.T) (*Directory, presence.DomainID, []presence.AgentID) {
	t.Helper()
	d := newDirectory(t, newStore(t))
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"ex.test"}, Realm: "ex.test"}
	dom.Policy.Statuses = []presence.Custom{{Name: "Break"}}
	dom.Policy.Emergency = []string{"112"}
	agents := []presence.Agent{
		{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: "101", Teams: []string{"Sales"}},
		{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: "102", Teams: []string{"Sales"}},
		{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: "103", AORs: []string{"desk@ex.test"}},
	}
	if err := d.Apply(t.Context(), Edit{Domains: []presence.Domain{dom}, Agents: agents}); err != nil {
		t.Fatal(err)
	}
	return d, dom.ID, []presence.AgentID{agents[0].ID, agents[1].ID, agents[2].ID}
}

func TestAGroupIsFoundByWhatIsDialledAlsoAfterARestart(t *testing.T) {
	d, dom, a := groupHouse(t)
	g := presence.Group{Domain: dom, Number: "600", Name: "Sales", Team: "sales", Members: []presence.Member{{Agent: a[2], Level: 3}}, Ring: 10 * time.Second,
		Queue: presence.Queue{Size: 5, TooLong: "sip:voicemail@ex.test"}}
	e := Edit{Groups: []presence.Group{g}}
	if err := d.Apply(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Directory{d, newDirectory(t, d.store)} {
		got, ok := d.GroupByNumber(dom, "600")
		if !ok || got.Name != "Sales" || got.Queue.Size != 5 || got.Ring != 10*time.Second || got.ID != e.Groups[0].ID {
			t.Fatalf("found %+v, %v", got, ok)
		}
		members := d.MembersOf(got)
		if len(members) != 3 || members[0] != (presence.Member{Agent: a[2], Level: 3}) || members[1].Agent != a[0] || members[2].Agent != a[1] {
			t.Errorf("members %+v, want the named one first and then the team", members)
		}
		if of := d.GroupsOf(a[0]); len(of) != 1 || of[0] != got {
			t.Errorf("a seller is in %v", of)
		}
	}
	moved := e.Groups[0]
	moved.Number = "601"
	if err := d.Apply(t.Context(), Edit{Groups: []presence.Group{moved}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.GroupByNumber(dom, "600"); ok {
		t.Error("the number that the group had still finds it")
	}
	if err := d.Apply(t.Context(), Edit{DeleteGroups: []presence.GroupID{moved.ID}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := newDirectory(t, d.store).GroupByNumber(dom, "601"); ok || len(d.Groups(dom)) != 0 {
		t.Error("a deleted group is still there")
	}
}

func TestAMemberWhoIsDeletedAnswersNoMore(t *testing.T) {
	d, dom, a := groupHouse(t)
	e := Edit{Groups: []presence.Group{{Domain: dom, Number: "600", Members: []presence.Member{{Agent: a[0]}, {Agent: a[1]}}}}}
	if err := d.Apply(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := d.Apply(t.Context(), Edit{DeleteAgents: []presence.AgentID{a[0]}}); err != nil {
		t.Fatal(err)
	}
	g, _ := d.Group(e.Groups[0].ID)
	if m := d.MembersOf(g); len(m) != 1 || m[0].Agent != a[1] {
		t.Errorf("members %v", m)
	}
}

func TestGroupsThatAreRefused(t *testing.T) {
	d, dom, a := groupHouse(t)
	if err := d.Apply(t.Context(), Edit{Groups: []presence.Group{{Domain: dom, Number: "600"}}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		g    presence.Group
		is   error
		says string
	}{
		"no number":             {presence.Group{}, ErrInvalid, "is no number"},
		"a list's number":       {presence.Group{Number: "team-x"}, ErrInvalid, "address of a list"},
		"an emergency number":   {presence.Group{Number: "112"}, ErrInvalid, "emergency"},
		"an agent's number":     {presence.Group{Number: "101"}, ErrTaken, "agent"},
		"an agent's address":    {presence.Group{Number: "desk"}, ErrTaken, "agent"},
		"a group's number":      {presence.Group{Number: "600"}, ErrTaken, "another group's"},
		"strategy":              {presence.Group{Number: "601", Strategy: "best"}, ErrInvalid, "strategy"},
		"kind":                  {presence.Group{Number: "601", Kind: presence.CallInternal}, ErrInvalid, "kind"},
		"a member of elsewhere": {presence.Group{Number: "601", Members: []presence.Member{{Agent: presence.AgentID{ID: presence.NewID()}}}}, ErrInvalid, "no agent"},
		"a member twice":        {presence.Group{Number: "601", Members: []presence.Member{{Agent: a[0]}, {Agent: a[0]}}}, ErrInvalid, "twice"},
		"level":                 {presence.Group{Number: "601", Members: []presence.Member{{Agent: a[0], Level: 11}}}, ErrInvalid, "level"},
		"ring":                  {presence.Group{Number: "601", Ring: time.Second}, ErrInvalid, "ring time"},
		"rest":                  {presence.Group{Number: "601", Rest: 2 * time.Hour}, ErrInvalid, "rest"},
		"wrap-up":               {presence.Group{Number: "601", WrapUp: time.Hour}, ErrInvalid, "wrap-up"},
		"misses to nothing":     {presence.Group{Number: "601", Misses: presence.Misses{Most: 3}}, ErrInvalid, "without a status"},
		"misses to no status":   {presence.Group{Number: "601", Misses: presence.Misses{Most: 3, Status: "custom:Tea"}}, ErrInvalid, "misses lead to"},
		"fallback":              {presence.Group{Number: "601", Fallback: "a b"}, ErrInvalid, "fallback"},
		"fallback to itself":    {presence.Group{Number: "601", Fallback: "601"}, ErrInvalid, "circles"},
		"queue":                 {presence.Group{Number: "601", Queue: presence.Queue{Size: 100000}}, ErrInvalid, "queue"},
		"wait":                  {presence.Group{Number: "601", Queue: presence.Queue{Wait: time.Second}}, ErrInvalid, "wait"},
		"overflow":              {presence.Group{Number: "601", Queue: presence.Queue{Full: "<x>"}}, ErrInvalid, "queue full"},
	} {
		t.Run(name, func(t *testing.T) {
			c.g.Domain = dom
			err := d.Apply(t.Context(), Edit{Groups: []presence.Group{c.g}})
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if len(d.Groups(dom)) != 1 {
				t.Error("a refused group is there")
			}
		})
	}
	err := d.Apply(t.Context(), Edit{Agents: []presence.Agent{{Domain: dom, Number: "600"}}})
	if !errors.Is(err, ErrTaken) {
		t.Errorf("an agent with a group's number: %v", err)
	}
}

// What a group is dialled by is its own: also the aliases, which may be given away.
func TestAliasesOfGroups(t *testing.T) {
	d, dom, _ := groupHouse(t)
	edit := func(groups ...presence.Group) error {
		for i := range groups {
			groups[i].Domain = dom
			if old, ok := d.GroupByNumber(dom, groups[i].Number); ok {
				groups[i].ID = old.ID
			}
		}
		return d.Apply(t.Context(), Edit{Groups: groups})
	}
	if err := edit(presence.Group{Number: "6", Aliases: []string{"+4930600", "66"}}, presence.Group{Number: "7"}); err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]presence.Group{
		"another group's alias": {Number: "7", Aliases: []string{"66"}}, "another group's number": {Number: "7", Aliases: []string{"6"}},
		"an agent's number": {Number: "7", Aliases: []string{"101"}}, "an agent's address": {Number: "7", Aliases: []string{"desk"}},
		"its own number": {Number: "7", Aliases: []string{"7"}}, "a list's": {Number: "7", Aliases: []string{"team-sales"}},
		"no number": {Number: "7", Aliases: []string{"a b"}}, "falls back to itself": {Number: "7", Aliases: []string{"77"}, Fallback: "77"},
	} {
		if err := edit(g); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := d.Apply(t.Context(), Edit{Agents: []presence.Agent{{Domain: dom, Number: "66"}}}); err == nil {
		t.Error("an agent has a group's alias")
	}
	if err := edit(presence.Group{Number: "6", Aliases: []string{"+4930600"}}, presence.Group{Number: "7", Aliases: []string{"66"}}); err != nil {
		t.Errorf("handed over: %v", err)
	}
	for dialled, want := range map[string]string{"66": "7", "+4930600": "6", "6": "6"} {
		if g, ok := d.GroupByNumber(dom, dialled); !ok || g.Number != want {
			t.Errorf("%s is group %+v, want %s", dialled, g, want)
		}
	}
	six, _ := d.GroupByNumber(dom, "6")
	if err := d.Apply(t.Context(), Edit{DeleteGroups: []presence.GroupID{six.ID}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.GroupByNumber(dom, "+4930600"); ok {
		t.Error("an alias outlives its group")
	}
}
