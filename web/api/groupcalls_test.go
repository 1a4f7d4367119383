package api

import (
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/store"
)

// A call to a ring group is told as the decision about the group, with its members'
// names, and as one about each member who was asked.
func TestACallToAGroupIsExplained(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "PUT", "/groups/600", `{"name":"Sales","strategy":"sequential","members":[{"agent":"1001"},{"agent":"1002"}]}`).want(200)
	g, _ := h.dir.GroupByNumber(h.one.ID, "600")
	at := time.Now().UTC().Add(-time.Minute)
	call := routing.GroupCall{
		ID: "c", Kind: presence.CallRegular, Caller: "sip:+15550111@example.com", Group: *g, At: at,
		Members: []routing.Candidate{{Agent: h.agent("1001").ID, Number: "1001", Free: true}, {Agent: h.agent("1002").ID, Number: "1002", Why: "On a Call"}},
	}
	r := routing.Record{Inputs: routing.Inputs{Policy: h.one.Policy, Group: &call}, Outcome: routing.Outcome{
		ID: "d", Status: 200, Decision: routing.DecideGroup(call),
		Tries: []routing.Try{{Target: "desk-1001", What: "called", At: at}, {Target: "desk-1001", What: "answered", Status: 200, At: at.Add(2 * time.Second)}},
	}}
	before, after, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	h.registered("1001")
	h.logged(store.Entry{Time: at, Entity: g.ID.String(), Before: before, After: after})
	h.carried("1001", "c", nil)
	got := h.ask(supervisor, "GET", "/calls/c", "").want(200).
		is("group", "decisions", 0, "about").is("600", "decisions", 0, "group").is("600", "decisions", 0, "decision", "agent", "number").
		is("Sales", "decisions", 0, "decision", "agent", "name").is("sip:+15550111@example.com", "decisions", 0, "caller").
		is("The call is offered in group 600 (sequential) to 1001.", "decisions", 0, "decision", "explanation").
		is("member", "decisions", 0, "decision", "devices", 0, "kind").is("On a Call", "decisions", 0, "decision", "devices", 0, "reason").
		is("1001", "decisions", 0, "tries", 1, "agent").is("desk", "decisions", 0, "tries", 1, "kind").
		is("identical", "decisions", 0, "replay", "result").
		is(nil, "decisions", 1, "about").is("1001", "decisions", 1, "decision", "agent", "number")
	h.fits(h.api.contract.schemas["Call"], got.body)
	h.ask(supervisor, "GET", "/groups/600/calls", "").want(200).is("c", "calls", 0, "call_id").is(200, "calls", 0, "status")
	h.ask(supervisor, "GET", "/groups/601/calls", "").want(404)
	mine := h.ask(h.login("1001"), "GET", "/calls/c", "").want(200).is(nil, "decisions", 0, "about")
	if l := mine.get("decisions").([]any); len(l) != 1 {
		t.Errorf("an agent sees %d decisions", len(l))
	}
}

func TestGroupDecisionsInOneSentence(t *testing.T) {
	free := func(n string) routing.Candidate { return routing.Candidate{Number: n, Free: true} }
	for want, c := range map[string]routing.GroupCall{
		"Nobody of group 600 is asked: Nobody is there (480).":         {},
		"The call rings all of group 600 who are free: 1, 2.":          {Members: []routing.Candidate{free("1"), free("2")}},
		"The call is offered in group 600 (round_robin) to 1, then 2.": {Group: presence.Group{Strategy: presence.RoundRobin}, Members: []routing.Candidate{free("1"), free("2")}},
		"Nobody of group 600 is asked: Everybody is busy (486).":       {Members: []routing.Candidate{{Number: "1", Soon: true}}},
		"The call is offered in group 600 (skills) to 2.":              {Group: presence.Group{Strategy: presence.Skills, Level: 2}, Members: []routing.Candidate{free("1"), {Number: "2", Free: true, Level: 3}}},
	} {
		c.Group.Number = "600"
		d := routing.DecideGroup(c)
		if got := explainGroup(&c, &d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
