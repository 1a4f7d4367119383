package api

import (
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
)

// turns tells what it was told to.
type turns struct {
	call   routing.GroupCall
	missed map[presence.AgentID]int
}

func (t turns) Turn(g *presence.Group) (routing.GroupCall, map[presence.AgentID]int) {
	t.call.Group = *g
	return t.call, t.missed
}

// A supervisor sees whose turn it is in a group, who is skipped and why.
func TestWhoseTurnItIsInAGroup(t *testing.T) {
	now := time.Now().UTC()
	var tell turns
	h := newHouse(t, func(o *Options) { o.Turns = &tell })
	ada, ben := h.agent("1001").ID, h.agent("1002").ID
	tell.call = routing.GroupCall{At: now, Members: []routing.Candidate{
		{Agent: ada, Number: "1001", Free: true, Rest: now.Add(20 * time.Second), Calls: 3, Idle: now.Add(-time.Hour)},
		{Agent: ben, Number: "1002", Free: true, Level: 4, Idle: now.Add(-time.Minute), Rest: now.Add(-time.Hour)},
	}}
	tell.missed = map[presence.AgentID]int{ada: 2}
	h.ask(admin, "PUT", "/groups/600", `{"name":"Sales","strategy":"skills","members":[{"agent":"1001"},{"agent":"1002","level":4}]}`).want(200)
	r := h.ask(supervisor, "GET", "/groups/600/members", "").want(200).
		is("The call is offered in group 600 (skills) to 1002.", "explanation").
		is("1001", "members", 0, "agent").is("Ada Lark", "members", 0, "name").is(nil, "members", 0, "turn").is(2, "members", 0, "missed").
		is(3, "members", 0, "calls_today").is(1, "members", 0, "level").
		is("1002", "members", 1, "agent").is(1, "members", 1, "turn").is("free, level 4, idle for 1m0s", "members", 1, "reason").is(nil, "members", 1, "rest_until")
	if r.get("members", 0, "rest_until") == nil {
		t.Errorf("who rests: %s", r.body)
	}
	h.fits(h.api.contract.schemas["GroupTurn"], r.body)
	h.ask(h.login("1001"), "GET", "/groups/600/members", "").want(403)
	h.ask(supervisor, "GET", "/groups/601/members", "").want(404)
}
