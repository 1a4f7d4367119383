package api

import (
	"net/http"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// groupChange is a ring group as it is written; groupJSON as it is shown.
type (
	groupChange struct {
		Name     string            `json:"name"`
		Aliases  []string          `json:"aliases,omitempty"`
		Kind     presence.CallKind `json:"kind,omitempty"`
		Strategy presence.Strategy `json:"strategy,omitempty"`
		Team     string            `json:"team,omitempty"`
		Members  []memberJSON      `json:"members"`
		Level    int               `json:"level,omitempty"`
		Ring     float64           `json:"ring_seconds,omitempty"`
		Rest     *float64          `json:"rest_seconds,omitempty"`
		WrapUp   float64           `json:"wrap_up_seconds,omitempty"`
		Misses   presence.Misses   `json:"misses,omitzero"`
		Queue    queueJSON         `json:"queue,omitzero"`
		Fallback string            `json:"fallback,omitempty"`
		Hours    *hoursJSON        `json:"hours,omitempty"`
		After    string            `json:"after_hours,omitempty"`
	}
	groupJSON struct {
		ID     string `json:"id"`
		Number string `json:"number"`
		groupChange
	}
	memberJSON struct {
		Agent string `json:"agent"` // the number
		Level int    `json:"level,omitempty"`
	}
	queueJSON struct {
		Size    int     `json:"size,omitempty"`
		Wait    float64 `json:"wait_seconds,omitempty"`
		Full    string  `json:"full,omitempty"`
		TooLong string  `json:"too_long,omitempty"`
		Nobody  string  `json:"nobody,omitempty"`
		Park    string  `json:"park,omitempty"`
	}
)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (a *API) groupView(g *presence.Group) groupJSON {
	rest, q := g.RestTime().Seconds(), &g.Queue
	j := groupJSON{ID: g.ID.String(), Number: g.Number, groupChange: groupChange{
		Name: g.Name, Aliases: g.Aliases, Kind: g.CallKind(), Strategy: g.Order(), Team: g.Team, Members: []memberJSON{}, Level: g.Level,
		Ring: g.RingTime().Seconds(), Rest: &rest, WrapUp: wrapUpSeconds(&presence.Policy{WrapUp: g.WrapUp}), Misses: g.Misses, Fallback: g.Fallback,
		Hours: hoursOf(g.Hours), After: g.AfterHours,
		Queue: queueJSON{Size: q.Size, Full: q.Full, TooLong: q.TooLong, Nobody: q.Nobody, Park: q.Park},
	}}
	if q.Has() {
		j.Queue.Wait = q.WaitTime().Seconds()
	}
	for _, m := range g.Members {
		if agent, ok := a.o.Directory.Agent(m.Agent); ok {
			j.Members = append(j.Members, memberJSON{agent.Number, m.Level})
		}
	}
	return j
}

// group is the one that the path names.
func (a *API) group(r *request) (*presence.Group, error) {
	dom, err := a.domain(r)
	if err != nil {
		return nil, err
	}
	g, ok := a.o.Directory.GroupByNumber(dom.ID, r.PathValue("group"))
	if !ok {
		return nil, problem(http.StatusNotFound, "there is no group %s", r.PathValue("group"))
	}
	return g, nil
}

// listGroups shows the domain's ring groups, by number.
func (a *API) listGroups(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	list := []groupJSON{}
	for _, g := range a.o.Directory.Groups(dom.ID) {
		list = append(list, a.groupView(g))
	}
	return r.answer(http.StatusOK, struct {
		Groups []groupJSON `json:"groups"`
	}{list})
}

func (a *API) getGroup(r *request) error {
	g, err := a.group(r)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, a.groupView(g))
}

// setGroup makes a ring group, or replaces all of one but its number.
func (a *API) setGroup(r *request) error {
	var in groupChange
	if err := r.into(&in); err != nil {
		return err
	}
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	a.edit.Lock() // or two that make it at once would be two groups
	defer a.edit.Unlock()
	next, err := a.groupOf(dom, &in)
	if err != nil {
		return err
	}
	next.Number = r.PathValue("group")
	if old, ok := a.o.Directory.GroupByNumber(dom.ID, next.Number); ok {
		if old.Number != next.Number {
			return problem(http.StatusConflict, "%s is an alias of group %s", next.Number, old.Number)
		}
		next.ID = old.ID
	}
	e := directory.Edit{Groups: []presence.Group{next}}
	if err := a.apply(r, e); err != nil {
		return err
	}
	return r.answer(http.StatusOK, a.groupView(&e.Groups[0]))
}

func (a *API) groupOf(dom *presence.Domain, in *groupChange) (presence.Group, error) {
	g := presence.Group{
		Domain: dom.ID, Name: in.Name, Aliases: in.Aliases, Kind: in.Kind, Strategy: in.Strategy, Team: in.Team, Level: in.Level,
		Ring: seconds(in.Ring), Misses: in.Misses, Fallback: in.Fallback, AfterHours: in.After,
		Queue: presence.Queue{
			Size: in.Queue.Size, Wait: seconds(in.Queue.Wait), Full: in.Queue.Full, TooLong: in.Queue.TooLong, Nobody: in.Queue.Nobody, Park: in.Queue.Park,
		},
	}
	if in.Hours != nil {
		var err error
		if g.Hours, err = in.Hours.schedule("the hours"); err != nil {
			return g, err
		}
	}
	if in.Rest != nil {
		if g.Rest = seconds(*in.Rest); g.Rest == 0 {
			g.Rest = -1
		}
	}
	switch in.WrapUp {
	case -1:
		g.WrapUp = presence.WrapUpNone
	case -2:
		g.WrapUp = presence.WrapUpUnlimited
	default:
		g.WrapUp = seconds(in.WrapUp)
	}
	for _, m := range in.Members {
		agent, ok := a.o.Directory.AgentByNumber(dom.ID, m.Agent)
		if !ok {
			return g, problem(http.StatusUnprocessableEntity, "there is no agent %s", m.Agent)
		}
		g.Members = append(g.Members, presence.Member{Agent: agent.ID, Level: m.Level})
	}
	return g, nil
}

// removeGroup deletes a ring group. Calls that it has go on.
func (a *API) removeGroup(r *request) error {
	g, err := a.group(r)
	if err != nil {
		return err
	}
	if err := a.apply(r, directory.Edit{DeleteGroups: []presence.GroupID{g.ID}}); err != nil {
		return err
	}
	return r.noContent()
}
