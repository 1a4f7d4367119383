package server

import (
	"testing"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store/sim"
)

func TestSeedFollowsTheConfigurationAndLeavesTheRest(t *testing.T) {
	ctx := t.Context()
	st := sim.New(sim.Options{})
	defer st.Close()
	d, err := directory.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Domains: []config.Domain{{Name: "a.test", Realm: "a.test", Agents: []config.Agent{
		{Number: "1", Name: "One", Teams: []string{"x"}, Password: "secret-one", Role: "agent"},
		{Number: "2", Name: "Two", Login: "only-pages", Role: "admin"},
	}}}}
	if err := seed(ctx, d, c); err != nil {
		t.Fatal(err)
	}
	dom, _ := d.DomainByName("a.test")
	two, ok := d.AgentByNumber(dom.ID, "2")
	if !ok || two.Role != presence.RoleAdmin || two.LoginHash == "" {
		t.Fatalf("%+v", two)
	}
	if _, ok := d.Credential(dom.ID, "2"); ok {
		t.Error("an agent without a SIP password got a credential")
	}
	one, _ := d.AgentByNumber(dom.ID, "1")
	if err := d.Apply(ctx, directory.Edit{Agents: []presence.Agent{{Domain: dom.ID, Number: "3", Name: "By API"}}}); err != nil {
		t.Fatal(err)
	}

	if err := seed(ctx, d, c); err != nil {
		t.Fatal(err)
	}
	if now, _ := d.AgentByNumber(dom.ID, "2"); now.LoginHash != two.LoginHash {
		t.Error("the same password was hashed anew")
	}
	c.Domains[0].Agents[1].Name, c.Domains[0].Agents[0].Teams = "Zwei", []string{"y"}
	if err := seed(ctx, d, c); err != nil {
		t.Fatal(err)
	}
	if now, _ := d.AgentByNumber(dom.ID, "2"); now.Name != "Zwei" {
		t.Errorf("named %q", now.Name)
	}
	if now, _ := d.AgentByNumber(dom.ID, "1"); now.ID != one.ID || now.Teams[0] != "y" {
		t.Errorf("%+v", now)
	}
	if _, ok := d.AgentByNumber(dom.ID, "3"); !ok {
		t.Error("an agent the file does not name is gone")
	}
}
