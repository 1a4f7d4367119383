package api

import (
	"net/http"
	"net/url"
	"slices"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
)

// listJSON is a list of any kind: what it is called, and what a phone is pointed
// at.
type listJSON struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	URI     string   `json:"uri"`
	Members []string `json:"members"`
}

type listsJSON struct {
	Lists []listJSON `json:"lists"`
}

func listView(dom *presence.Domain, l *lists.List) listJSON {
	kind := "domain"
	if !l.Owner.IsZero() {
		kind = "agent"
	}
	return listJSON{Name: l.Name, Kind: kind, URI: "sip:" + directory.ListPrefix + l.Name + "@" + dom.Name(), Members: noNil(l.Members)}
}

// kept is the store of lists, or the problem that there is none.
func (a *API) kept() (*lists.Lists, error) {
	if a.o.Lists == nil {
		return nil, problem(http.StatusNotImplemented, "no lists are kept here")
	}
	return a.o.Lists, nil
}

// listLists shows what a phone of the domain can watch with one subscription:
// the domain's lists and the teams.
func (a *API) listLists(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	l, err := a.kept()
	if err != nil {
		return err
	}
	out := listsJSON{Lists: []listJSON{}}
	for _, v := range l.Of(dom.ID, presence.AgentID{}) {
		out.Lists = append(out.Lists, listView(dom, v))
	}
	var seen []string
	for _, name := range teams(a.o.Directory.Agents(dom.ID)) {
		at := directory.TeamAddress(name)
		if slices.Contains(seen, at) {
			continue
		}
		seen = append(seen, at)
		members, _ := l.Members(lists.Ref{Domain: dom.ID, Team: at})
		out.Lists = append(out.Lists, listJSON{Name: name, Kind: "team",
			URI: "sip:" + directory.TeamPrefix + url.PathEscape(at) + "@" + dom.Name(), Members: noNil(members)})
	}
	return r.answer(http.StatusOK, out)
}

func (a *API) getList(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	return a.showList(r, dom, presence.AgentID{})
}

func (a *API) setList(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	return a.putList(r, dom, presence.AgentID{})
}

func (a *API) removeList(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	return a.dropList(r, dom, presence.AgentID{})
}

// owner is the agent the path names. Supervisors see an agent's lists; the agent
// and administrators change them.
func (a *API) owner(r *request, change bool) (*presence.Domain, presence.AgentID, error) {
	dom, agent, err := a.agent(r)
	if err != nil {
		return nil, presence.AgentID{}, err
	}
	if may := r.subject.Is(agent.ID) || r.subject.Has(presence.RoleAdmin); !may && (change || !r.subject.SeesAll(agent.ID)) {
		return nil, presence.AgentID{}, forbidden("%s may see and change their own lists only", r.subject.Actor())
	}
	return dom, agent.ID, nil
}

func (a *API) listAgentLists(r *request) error {
	dom, owner, err := a.owner(r, false)
	if err != nil {
		return err
	}
	l, err := a.kept()
	if err != nil {
		return err
	}
	out := listsJSON{Lists: []listJSON{}}
	for _, v := range l.Of(dom.ID, owner) {
		out.Lists = append(out.Lists, listView(dom, v))
	}
	return r.answer(http.StatusOK, out)
}

func (a *API) getAgentList(r *request) error {
	dom, owner, err := a.owner(r, false)
	if err != nil {
		return err
	}
	return a.showList(r, dom, owner)
}

func (a *API) setAgentList(r *request) error {
	dom, owner, err := a.owner(r, true)
	if err != nil {
		return err
	}
	return a.putList(r, dom, owner)
}

func (a *API) removeAgentList(r *request) error {
	dom, owner, err := a.owner(r, true)
	if err != nil {
		return err
	}
	return a.dropList(r, dom, owner)
}

func (a *API) showList(r *request, dom *presence.Domain, owner presence.AgentID) error {
	l, err := a.kept()
	if err != nil {
		return err
	}
	v, ok := l.Get(dom.ID, owner, r.PathValue("list"))
	if !ok {
		return problem(http.StatusNotFound, "there is no list %q", r.PathValue("list"))
	}
	return r.answer(http.StatusOK, listView(dom, v))
}

func (a *API) putList(r *request, dom *presence.Domain, owner presence.AgentID) error {
	var in struct {
		Members []string `json:"members"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	l, err := a.kept()
	if err != nil {
		return err
	}
	v, err := l.Put(r.Context(), r.subject.Actor(), lists.List{Domain: dom.ID, Owner: owner, Name: r.PathValue("list"), Members: in.Members})
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, listView(dom, v))
}

func (a *API) dropList(r *request, dom *presence.Domain, owner presence.AgentID) error {
	l, err := a.kept()
	if err != nil {
		return err
	}
	if err := l.Delete(r.Context(), r.subject.Actor(), dom.ID, owner, r.PathValue("list")); err != nil {
		return err
	}
	return r.noContent()
}
