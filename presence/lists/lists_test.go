package lists

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type house struct {
	t     *testing.T
	store *sim.Store
	dir   *directory.Directory
	lists *Lists
	dom   presence.DomainID
	ids   map[string]presence.AgentID
	told  []Ref
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, store: sim.New(sim.Options{}), ids: map[string]presence.AgentID{}}
	t.Cleanup(func() { h.store.Close() })
	h.open()
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"ex.test", "also.test"}, Realm: "ex.test"}
	h.dom = dom.ID
	e := directory.Edit{Domains: []presence.Domain{dom}}
	for _, n := range []string{"101", "102"} {
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: n, Teams: []string{"Customer Care"}}
		h.ids[n] = a.ID
		e.Agents = append(e.Agents, a)
	}
	h.must(h.dir.Apply(t.Context(), e))
	return h
}

func (h *house) open() {
	h.t.Helper()
	var err error
	if h.dir, err = directory.Open(h.t.Context(), h.store); err != nil {
		h.t.Fatal(err)
	}
	h.lists, err = Open(h.t.Context(), Options{Store: h.store, Directory: h.dir, Members: 5, PerAgent: 2})
	h.must(err)
	h.lists.OnChange(func(r Ref) { h.told = append(h.told, r) })
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) put(agent, name string, members ...string) error {
	_, err := h.lists.Put(h.t.Context(), "test", List{Domain: h.dom, Owner: h.ids[agent], Name: name, Members: members})
	return err
}

// members are those the address leads to for a phone of the agent.
func (h *house) members(agent, user string) string {
	ref, ok, _ := h.lists.Find(h.dom, h.ids[agent], user)
	if !ok {
		return "none"
	}
	back, err := ParseRef(ref.String())
	if err != nil || back != ref {
		h.t.Errorf("%+v is read back as %+v, %v", ref, back, err)
	}
	users, ok := h.lists.Members(ref)
	return fmt.Sprint(users, ok)
}

func (h *house) want(agent, user, members string) {
	h.t.Helper()
	if got := h.members(agent, user); got != members {
		h.t.Errorf("%s for %q: %s, want %s", user, agent, got, members)
	}
}

func TestAddresses(t *testing.T) {
	h := newHouse(t)
	h.must(h.put("", "desk", "101", "102@ALSO.test", "park-1", "101"))
	h.must(h.put("101", "Desk", "102"))
	h.want("", "list-desk", "[101 102 park-1] true")
	h.want("102", "list-DESK", "[101 102 park-1] true")
	h.want("101", "list-desk", "[102] true")
	h.want("101", "desk", "[102] true")
	h.want("", "team-customer-care", "[101 102] true")
	h.want("", "Team-Customer Care", "[101 102] true")
	h.want("", "customer-care", "[101 102] true")
	for _, user := range []string{"team-desk", "list-customer-care", "team-", "list-", "", "sales"} {
		h.want("101", user, "none")
	}
	for user, want := range map[string]bool{"team-x": true, "list-x": true, "x": false, "desk": false, "list-desk": true} {
		if _, _, certain := h.lists.Find(h.dom, presence.AgentID{}, user); certain != want {
			t.Errorf("%s certain: %v", user, certain)
		}
	}
}

func TestListsOutliveARestart(t *testing.T) {
	h := newHouse(t)
	h.must(h.put("", "desk", "101"))
	h.must(h.put("101", "mine", "102"))
	h.must(h.put("101", "gone", "102"))
	h.must(h.lists.Delete(t.Context(), "test", h.dom, h.ids["101"], "gone"))
	h.store.Crash()
	st, err := h.store.Reopen(sim.Options{})
	h.must(err)
	h.store = st
	h.open()
	h.want("101", "desk", "[101] true")
	h.want("101", "mine", "[102] true")
	h.want("101", "gone", "none")
	log, err := h.store.Log(t.Context(), store.LogQuery{Kind: "config", Entity: "/desk"})
	if err != nil || len(log) != 1 || log[0].Actor != "test" || !strings.Contains(string(log[0].After), `"101"`) {
		t.Errorf("the change log has %+v, %v", log, err)
	}
}

func TestRefused(t *testing.T) {
	h := newHouse(t)
	h.must(h.put("101", "one"))
	h.must(h.put("101", "two"))
	for name, c := range map[string]struct {
		err         error
		agent, list string
		members     []string
	}{
		"too many lists":     {err: ErrFull, agent: "101", list: "three"},
		"too many members":   {err: ErrInvalid, list: "l", members: []string{"1", "2", "3", "4", "5", "6"}},
		"no name":            {err: ErrInvalid},
		"odd name":           {err: ErrInvalid, list: "a b"},
		"name with a slash":  {err: ErrInvalid, list: "a/b"},
		"long name":          {err: ErrInvalid, list: strings.Repeat("a", maxName+1)},
		"foreign member":     {err: ErrInvalid, list: "l", members: []string{"101@other.test"}},
		"member with spaces": {err: ErrInvalid, list: "l", members: []string{"1 2"}},
		"empty member":       {err: ErrInvalid, list: "l", members: []string{""}},
	} {
		if err := h.put(c.agent, c.list, c.members...); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.must(h.put("101", "two", "1", "2", "3", "4", "5")) // replacing needs no room
	if _, err := h.lists.Put(t.Context(), "x", List{Domain: h.dom, Owner: presence.AgentID{ID: presence.NewID()}, Name: "l"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a list of nobody: %v", err)
	}
	if err := h.lists.Delete(t.Context(), "x", h.dom, presence.AgentID{}, "two"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting another's: %v", err)
	}
}

func TestListenersHearOfEachChangeOnce(t *testing.T) {
	h := newHouse(t)
	h.must(h.put("", "desk", "101"))
	h.must(h.put("", "desk", "101")) // the same again is no change
	h.must(h.put("", "desk", "102"))
	h.must(h.lists.Delete(t.Context(), "x", h.dom, presence.AgentID{}, "desk"))
	if want := slices.Repeat([]Ref{{Domain: h.dom, Name: "desk"}}, 3); !slices.Equal(h.told, want) {
		t.Errorf("told %v", h.told)
	}
}

func TestListsGoWithTheirAgent(t *testing.T) {
	h := newHouse(t)
	h.must(h.put("101", "mine", "102"))
	h.must(h.put("", "desk", "101"))
	h.must(h.dir.Apply(t.Context(), directory.Edit{DeleteAgents: []presence.AgentID{h.ids["101"]}}))
	h.want("101", "mine", "none")
	h.want("", "desk", "[101] true")
	h.want("", "team-customer-care", "[102] true")
	if len(h.told) != 3 || h.told[2].Owner != h.ids["101"] {
		t.Errorf("told %v", h.told)
	}
	h.store.Crash()
	st, err := h.store.Reopen(sim.Options{})
	h.must(err)
	h.store = st
	// A crash may come between the two deletions.
	left := List{Domain: h.dom, Owner: h.ids["101"], Name: "left"}
	h.must(h.store.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Put(store.Record{Key: key(&left), Codec: codec, Data: encode(&left)}),
		store.Put(store.Record{Key: store.Key{Domain: "x", Space: space, Key: "/rubbish"}, Codec: codec, Data: []byte("{")})}}))
	h.open()
	h.want("101", "left", "none")
	if _, err := h.store.Get(t.Context(), key(&left)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the orphan is still stored: %v", err)
	}
}

func TestWhatIsNotStoredIsNotThere(t *testing.T) {
	h := newHouse(t)
	h.store.Close()
	if err := h.put("", "desk", "101"); err == nil {
		t.Error("put without a store")
	}
	h.want("", "desk", "none")
}
