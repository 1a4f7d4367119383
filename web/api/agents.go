package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
)

// getAgent shows one agent, all of it to those who may see all.
func (a *API) getAgent(r *request) error {
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	v, err := a.shown(agent.ID, r)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, v)
}

func (a *API) shown(id presence.AgentID, r *request) (agentJSON, error) {
	s, ok := a.o.Roster.Snapshot(id)
	if !ok {
		return agentJSON{}, roster.ErrUnknown
	}
	return a.view(s, r.subject.SeesAll(id), time.Now()), nil
}

// filter is what a list or a stream is limited to.
type filter struct {
	team   string
	status presence.Status
	text   string // lower case
}

func (f *filter) admits(agent *presence.Agent) bool {
	if f.team != "" && !slices.Contains(agent.Teams, f.team) {
		return false
	}
	return f.text == "" ||
		strings.Contains(strings.ToLower(agent.Number), f.text) ||
		strings.Contains(strings.ToLower(agent.Name), f.text)
}

const defaultPage = 100

// listAgents shows a page of the domain's agents, by number.
func (a *API) listAgents(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	f := filter{team: q.Get("team"), status: presence.Status(q.Get("status")), text: strings.ToLower(q.Get("q"))}
	limit := int(r.intQuery("limit", defaultPage))
	agents := a.o.Directory.Agents(dom.ID)
	from := 0
	if cursor := q.Get("cursor"); cursor != "" {
		if from = slices.IndexFunc(agents, func(x *presence.Agent) bool { return x.Number == cursor }) + 1; from == 0 {
			return problem(http.StatusBadRequest, "the cursor %q is no longer good; begin again without one", cursor)
		}
	}
	page := struct {
		Agents []agentJSON `json:"agents"`
		Total  int         `json:"total"`
		Next   string      `json:"next,omitempty"`
	}{Agents: []agentJSON{}}
	now := time.Now()
	for i, agent := range agents {
		if !f.admits(agent) {
			continue
		}
		shown := i >= from && len(page.Agents) < limit
		if shown || f.status != "" { // else it is only counted
			s, ok := a.o.Roster.Snapshot(agent.ID)
			if !ok || f.status != "" && s.Team.Status != f.status {
				continue
			}
			if shown {
				page.Agents = append(page.Agents, a.view(s, r.subject.SeesAll(agent.ID), now))
			}
		}
		page.Total++
		if i >= from && !shown {
			page.Next = page.Agents[limit-1].Number
		}
	}
	return r.answer(http.StatusOK, page)
}
