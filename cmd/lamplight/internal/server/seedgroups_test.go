package server

import (
	"errors"
	"testing"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/presence/directory"
	"lamplight/store"
	"lamplight/store/sim"
)

// Groups follow the configuration, the second time without an edit; one that names
// an agent there is not has the others.
func TestGroupsFollowTheConfiguration(t *testing.T) {
	ctx := t.Context()
	st := sim.New(sim.Options{})
	defer st.Close()
	d, err := directory.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Domains: []config.Domain{{
		Name: "a.test", Realm: "a.test", Agents: []config.Agent{{Number: "1", Name: "One", Role: "agent"}, {Number: "2", Name: "Two", Role: "agent"}},
		Groups: []config.Group{
			{Number: "6", Name: "Six", Strategy: "skills", Members: []config.Member{{Agent: "2", Level: 4}, {Agent: "1"}}},
			{Number: "7", Name: "Seven", Team: "x"},
		},
	}}}
	if err := seed(ctx, d, c); err != nil {
		t.Fatal(err)
	}
	dom, _ := d.DomainByName("a.test")
	six, ok := d.GroupByNumber(dom.ID, "6")
	if !ok || len(six.Members) != 2 || six.Members[0].Level != 4 {
		t.Fatalf("%+v", six)
	}
	edits := func() (n int) {
		t.Helper()
		l, err := st.Log(ctx, store.LogQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range l {
			if l[i].Entity == six.ID.String() {
				n++
			}
		}
		return n
	}
	before := edits()
	if before != 1 {
		t.Errorf("%d edits of a new group", before)
	}
	if err := seed(ctx, d, c); err != nil {
		t.Fatal(err)
	}
	if n := edits(); n != before {
		t.Errorf("%d edits of what is as it was", n-before)
	}
	c.Domains[0].Groups[0].Members = append(c.Domains[0].Groups[0].Members, config.Member{Agent: "9"})
	c.Domains[0].Groups[0].Name = "Sixth"
	if err := seed(ctx, d, c); !errors.Is(err, errMembers) {
		t.Errorf("a member who is no agent: %v", err)
	}
	now, _ := d.GroupByNumber(dom.ID, "6")
	if now.ID != six.ID || now.Name != "Sixth" || len(now.Members) != 2 {
		t.Errorf("%+v", now)
	}
}
