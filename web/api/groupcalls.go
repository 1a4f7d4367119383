package api

import (
	"fmt"
	"strings"

	"lamplight/presence"
	"lamplight/presence/routing"
)

// aboutGroup tells a decision about a ring group: whom it asked, in which order.
func (a *API) aboutGroup(j *callDecisionJSON, rec *routing.Record) {
	c := rec.Group
	j.About, j.Kind, j.Caller, j.Group = "group", c.Kind, c.Caller, c.Group.Number
	j.Decision.Agent = whoJSON{c.Group.ID.String(), c.Group.Number, c.Group.Name}
	j.Decision.Explanation = explainGroup(c, &rec.Decision)
	for i := range j.Decision.Devices {
		d := &j.Decision.Devices[i]
		if agent, ok := a.o.Directory.AgentByNumber(c.Group.Domain, d.ID); ok {
			d.Name = agent.Name
		}
	}
}

// explainGroup puts a group's decision into one sentence.
func explainGroup(c *routing.GroupCall, d *routing.Decision) string {
	if !d.Allow {
		return fmt.Sprintf("Nobody of group %s is asked: %s (%d).", c.Group.Number, d.Text, d.Code)
	}
	var steps []string
	for _, s := range d.Steps {
		var who []string
		for _, t := range s.Targets {
			who = append(who, t.ID)
		}
		steps = append(steps, strings.Join(who, ", "))
	}
	if c.Group.Order() == presence.RingAll {
		return fmt.Sprintf("The call rings all of group %s who are free: %s.", c.Group.Number, strings.Join(steps, ", "))
	}
	return fmt.Sprintf("The call is offered in group %s (%s) to %s.", c.Group.Number, c.Group.Order(), strings.Join(steps, ", then "))
}

// nameTries says in the decisions about groups whose devices were called: the
// decisions about the members, made for the same call, know it.
func nameTries(l []callDecisionJSON) {
	whose := make(map[string]tryJSON)
	for i := range l {
		if l[i].About != "" {
			continue
		}
		for _, t := range l[i].Tries {
			t.Agent = l[i].Decision.Agent.Number
			whose[t.Target] = t
		}
	}
	for i := range l {
		for n := range l[i].Tries {
			t := &l[i].Tries[n]
			if of, ok := whose[t.Target]; ok && l[i].About != "" && t.Kind == "" {
				t.Agent, t.Kind, t.Name = of.Agent, of.Kind, of.Name
			}
		}
	}
}

// listGroupCalls tells the newest decisions about one ring group, in short.
func (a *API) listGroupCalls(r *request) error {
	g, err := a.group(r)
	if err != nil {
		return err
	}
	return a.newestCalls(r, g.Domain, g.ID.String())
}
