package access

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"lamplight/presence"
)

func TestTokens(t *testing.T) {
	dom := presence.DomainID{ID: presence.NewID()}
	table, err := NewTokens([]Token{
		{Name: "a", Hash: HashToken("secret-a"), Role: presence.RoleAdmin},
		{Name: "s", Hash: HashToken("secret-s"), Role: presence.RoleSupervisor, Domain: dom},
		{Name: "r", Hash: HashToken("secret-r"), Role: RoleAgentRead},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token string
		want  *Subject
	}{
		"admin":      {"secret-a", &Subject{Kind: KindToken, Name: "a", Role: presence.RoleAdmin}},
		"supervisor": {"secret-s", &Subject{Kind: KindToken, Name: "s", Role: presence.RoleSupervisor, Domain: dom}},
		"reader":     {"secret-r", &Subject{Kind: KindToken, Name: "r", Role: presence.RoleAgent}},
		"unknown":    {"secret-x", nil},
		"empty":      {"", nil},
		"the hash":   {HashToken("secret-a"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := table.Lookup(c.token)
			if ok != (c.want != nil) || ok && *got != *c.want {
				t.Errorf("got %+v %v, want %+v", got, ok, c.want)
			}
		})
	}
}

func TestTokensRefused(t *testing.T) {
	for name, bad := range map[string]Token{
		"no name":    {Hash: HashToken("x"), Role: presence.RoleAdmin},
		"no hash":    {Name: "x", Role: presence.RoleAdmin},
		"plain text": {Name: "x", Hash: "demo-admin", Role: presence.RoleAdmin},
		"no role":    {Name: "x", Hash: HashToken("x")},
		"odd role":   {Name: "x", Hash: HashToken("x"), Role: "root"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := NewTokens([]Token{{Name: "good", Hash: HashToken("good"), Role: presence.RoleAdmin}})
			if err != nil {
				t.Fatal(err)
			}
			if err := table.Set([]Token{bad}); !errors.Is(err, ErrToken) {
				t.Errorf("got %v, want ErrToken", err)
			}
			if _, ok := table.Lookup("good"); !ok {
				t.Error("a refused table replaced the good one")
			}
		})
	}
}

func TestRoles(t *testing.T) {
	me, other := presence.AgentID{ID: presence.NewID()}, presence.AgentID{ID: presence.NewID()}
	for name, c := range map[string]struct {
		subject               Subject
		supervisor, admin     bool
		seesMe, seesOther, is bool
	}{
		"agent":      {Subject{Kind: KindAgent, Role: presence.RoleAgent, Agent: me}, false, false, true, false, true},
		"supervisor": {Subject{Kind: KindAgent, Role: presence.RoleSupervisor, Agent: me}, true, false, true, true, true},
		"admin":      {Subject{Kind: KindToken, Role: presence.RoleAdmin}, true, true, true, true, false},
		"reader":     {Subject{Kind: KindToken, Role: presence.RoleAgent}, false, false, false, false, false},
		"nobody":     {Subject{}, false, false, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &c.subject
			got := [5]bool{s.Has(presence.RoleSupervisor), s.Has(presence.RoleAdmin), s.SeesAll(me), s.SeesAll(other), s.Is(me)}
			if want := [5]bool{c.supervisor, c.admin, c.seesMe, c.seesOther, c.is}; got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestBearer(t *testing.T) {
	for name, c := range map[string]struct {
		header, want string
		ok           bool
	}{
		"token":      {"Bearer abc", "abc", true},
		"lower case": {"bearer abc", "abc", true},
		"basic":      {"Basic abc", "", false},
		"none":       {"", "", false},
		"bare":       {"abc", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", c.header)
			if got, ok := Bearer(r); got != c.want || ok != c.ok {
				t.Errorf("got %q %v", got, ok)
			}
		})
	}
}
