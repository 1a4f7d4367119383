package api

import (
	"net/http"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
)

// Turns tells whose turn it is in a ring group: what a call from outside would find
// now, and how many calls in a row each member has not taken.
type Turns interface {
	Turn(g *presence.Group) (call routing.GroupCall, missed map[presence.AgentID]int)
}

type (
	turnJSON struct {
		Explanation string           `json:"explanation"`
		Members     []memberTurnJSON `json:"members"`
	}
	// memberTurnJSON is a member of a group as the next call finds him.
	memberTurnJSON struct {
		Agent string `json:"agent"` // the number
		Name  string `json:"name"`
		Level int    `json:"level"`
		// Turn is 1 for who is asked first; absent: is not asked now.
		Turn   int       `json:"turn,omitempty"`
		Reason string    `json:"reason"`
		Calls  int       `json:"calls_today"`
		Missed int       `json:"missed"`
		Idle   time.Time `json:"idle_since,omitzero"`
		Rest   time.Time `json:"rest_until,omitzero"`
	}
)

// listGroupMembers shows whom a group's next call would be offered, in which order,
// and why the others not.
func (a *API) listGroupMembers(r *request) error {
	g, err := a.group(r)
	if err != nil {
		return err
	}
	call, missed := routing.GroupCall{Group: *g}, map[presence.AgentID]int(nil)
	if a.o.Turns != nil {
		call, missed = a.o.Turns.Turn(g)
	}
	d := routing.DecideGroup(call)
	turn := make(map[string]int)
	for i, s := range d.Steps {
		for _, t := range s.Targets {
			turn[t.ID] = i + 1
		}
	}
	why := make(map[string]string)
	for _, c := range d.Devices {
		why[c.ID] = c.Reason
	}
	out := turnJSON{Explanation: explainGroup(&call, &d), Members: []memberTurnJSON{}}
	for i := range call.Members {
		m := &call.Members[i]
		j := memberTurnJSON{Agent: m.Number, Level: max(m.Level, 1), Turn: turn[m.Number], Reason: why[m.Number], Calls: m.Calls, Missed: missed[m.Agent], Idle: m.Idle.UTC()}
		if agent, ok := a.o.Directory.Agent(m.Agent); ok {
			j.Name = agent.Name
		}
		if m.Rest.After(call.At) {
			j.Rest = m.Rest.UTC()
		}
		out.Members = append(out.Members, j)
	}
	return r.answer(http.StatusOK, out)
}
