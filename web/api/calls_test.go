package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/store"
)

// carried puts a call to an agent into the log that passed through us: the desk
// phone rang and answered. change may spoil the record.
func (h *house) carried(number, callID string, change func(*routing.Record)) {
	h.t.Helper()
	agent := h.agent(number)
	s, _ := h.roster.Snapshot(agent.ID)
	at := time.Now().UTC().Add(-time.Minute)
	call := routing.Call{ID: callID, Kind: presence.CallRegular, Caller: "sip:+15550111@example.com", At: at}
	r := routing.Record{
		Inputs: routing.Inputs{Snapshot: s, Policy: h.one.Policy, Call: &call},
		Outcome: routing.Outcome{
			ID: presence.NewID().String(), Status: 200, LeftOut: []string{"webphone web-1001: calls are not carried to pages yet"},
			Tries: []routing.Try{
				{Target: "desk-1001", What: "called", At: at},
				{Target: "desk-1001", What: "rings", Status: 180, At: at.Add(250 * time.Millisecond)},
				{Target: "desk-1001", What: "answered", Status: 200, At: at.Add(3 * time.Second)},
			},
		},
	}
	var err error
	if r.Decision, err = r.Decide(); err != nil {
		h.t.Fatal(err)
	}
	if change != nil {
		change(&r)
	}
	before, after, err := r.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	_, at = r.Asked()
	h.logged(store.Entry{Time: at, Entity: agent.ID.String(), Before: before, After: after})
}

// logged appends entries as decisions of the first domain.
func (h *house) logged(l ...store.Entry) {
	h.t.Helper()
	for i := range l {
		l[i].Domain, l[i].Kind, l[i].Actor, l[i].Cause = h.one.ID.String(), routing.KindDecision, "peer:pbx", "route"
	}
	if err := h.store.Commit(h.t.Context(), store.Batch{Log: l}); err != nil {
		h.t.Fatal(err)
	}
}

func TestACallIsExplained(t *testing.T) {
	h := newHouse(t)
	h.registered("1001")
	h.online("1001")
	id := `a/b?c%d "<e>"&+..@host`
	h.carried("1001", id, nil)
	h.carried("1001", "another", nil)
	r := h.ask(supervisor, "GET", "/calls/"+url.PathEscape(id), "").want(200).is(id, "call_id")
	r.is(id, "decisions", 0, "call_id").is("regular", "decisions", 0, "kind").is("sip:+15550111@example.com", "decisions", 0, "caller").
		is("peer:pbx", "decisions", 0, "actor").is(200, "decisions", 0, "status").is("identical", "decisions", 0, "replay", "result").
		is("1001", "decisions", 0, "decision", "agent", "number").is(true, "decisions", 0, "decision", "allow").
		is("webphone web-1001: calls are not carried to pages yet", "decisions", 0, "left_out", 0).
		is("desk", "decisions", 0, "tries", 1, "kind").is("rings", "decisions", 0, "tries", 1, "what").
		is(180, "decisions", 0, "tries", 1, "status").is(0.25, "decisions", 0, "tries", 1, "after_seconds")
	if l := r.get("decisions").([]any); len(l) != 1 {
		t.Errorf("%d decisions", len(l))
	}
	if l := r.get("decisions", 0, "decision", "devices").([]any); len(l) < 2 {
		t.Errorf("not every device has a reason: %v", l)
	}
	if r.get("decisions", 0, "decision", "id") == "" {
		t.Error("no decision id")
	}
	h.fits(h.api.contract.schemas["Call"], r.body)
}

// One call may come to several agents, and to one again.
func TestEveryDecisionAboutACallIsTold(t *testing.T) {
	h := newHouse(t)
	h.carried("1001", "c", nil)
	h.carried("1002", "c", nil)
	h.carried("1001", "c", nil)
	r := h.ask(admin, "GET", "/calls/c", "").want(200).is("1001", "decisions", 0, "decision", "agent", "number").
		is("1002", "decisions", 1, "decision", "agent", "number").is("1001", "decisions", 2, "decision", "agent", "number")
	if first, last := r.get("decisions", 0, "seq").(float64), r.get("decisions", 2, "seq").(float64); first >= last {
		t.Errorf("entry %v before %v", first, last)
	}
	r = h.ask(h.login("1002"), "GET", "/calls/c", "").want(200).is("1002", "decisions", 0, "decision", "agent", "number")
	if l := r.get("decisions").([]any); len(l) != 1 {
		t.Errorf("an agent sees %d decisions", len(l))
	}
}

// A call of the agent's own is found by its Call-ID too.
func TestACallOutIsExplained(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	h.carried("1001", "out", func(r *routing.Record) {
		r.Call, r.Outbound = nil, &routing.OutboundCall{ID: "out", Number: "+15550100", At: r.Call.At}
		r.Decision, _ = r.Decide()
		r.Tries = []routing.Try{{Target: "trunk", What: "answered", Status: 200, At: r.Outbound.At.Add(time.Second)}}
	})
	h.ask(h.login("1001"), "GET", "/calls/out", "").want(200).is("+15550100", "decisions", 0, "number").
		is("out", "decisions", 0, "call_id").is("trunk", "decisions", 0, "tries", 0, "target").is(1, "decisions", 0, "tries", 0, "after_seconds").
		is("identical", "decisions", 0, "replay", "result")
}

func TestWhoMaySeeACall(t *testing.T) {
	h := newHouse(t)
	h.registered("1001")
	h.carried("1001", "c", nil)
	mine, other := h.login("1001"), h.login("1002")
	for name, c := range map[string]struct {
		who  any
		path string
		code int
		says string
	}{
		"admin":                        {admin, "/calls/c", 200, ""},
		"supervisor":                   {supervisor, "/calls/c", 200, ""},
		"administrator of all":         {everywhere, "/calls/c?domain=one.test", 200, ""},
		"of all, in the other domain":  {everywhere, "/calls/c?domain=two.test", 404, "no decision"},
		"other domain":                 {elsewhere, "/calls/c", 404, "no decision"},
		"other domain, by name":        {elsewhere, "/calls/c?domain=one.test", 403, "belongs to"},
		"who it was about":             {mine, "/calls/c", 200, ""},
		"another agent":                {other, "/calls/c", 404, "no decision"},
		"another agent, by name":       {other, "/calls/c?agent=1001", 403, "own calls"},
		"token that reads agents":      {reader, "/calls/c", 403, "may not see calls"},
		"nobody":                       {nobody, "/calls/c", 401, "log in"},
		"by the agent":                 {supervisor, "/calls/c?agent=1001", 200, ""},
		"by another agent":             {supervisor, "/calls/c?agent=1002", 404, "no decision"},
		"by an agent there is not":     {supervisor, "/calls/c?agent=4711", 404, "4711"},
		"list, supervisor":             {supervisor, "/agents/1001/calls", 200, ""},
		"list, who it was about":       {mine, "/agents/1001/calls", 200, ""},
		"list, another agent":          {other, "/agents/1001/calls", 403, "own calls"},
		"list, token that reads":       {reader, "/agents/1001/calls", 403, "own calls"},
		"list, other domain":           {elsewhere, "/agents/1002/calls", 404, "1002"},
		"list, an agent there is not":  {admin, "/agents/4711/calls", 404, "4711"},
		"list, too many":               {admin, "/agents/1001/calls?limit=201", 400, "limit"},
		"unknown":                      {admin, "/calls/unknown", 404, `about the call "unknown" among the 1 of the last 24 hours`},
		"part of a Call-ID is no call": {admin, "/calls/" + strings.Repeat("c", 3), 404, "no decision"},
		"longer than any Call-ID":      {admin, "/calls/" + strings.Repeat("c", 1025), 400, "1024"},
		"hours that are none":          {admin, "/calls/c?hours=0", 400, "hours"},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.ask(c.who, "GET", c.path, "").want(c.code)
			if c.code != 200 {
				r.problem(c.code, c.says)
			}
		})
	}
}

// What another version decided cannot be repeated, and is told nevertheless.
func TestReplayIsToldPlainly(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(*routing.Record)
		result, says string
	}{
		"as it was":    {nil, "identical", "identical"},
		"other rules":  {func(r *routing.Record) { r.Decision.Rules = 0 }, "other_rules", "version 0 of the rules; this server has 1"},
		"another then": {func(r *routing.Record) { r.Decision.Text = "Tea time" }, "different", "another decision"},
		"two questions": {func(r *routing.Record) { r.Outbound = &routing.OutboundCall{Number: "1"} },
			"impossible", "not those of one decision"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.carried("1001", "c", c.change)
			r := h.ask(admin, "GET", "/calls/c", "").want(200).is(c.result, "decisions", 0, "replay", "result")
			if text := r.get("decisions", 0, "replay", "text").(string); !strings.Contains(text, c.says) {
				t.Errorf("%q does not say %q", text, c.says)
			}
		})
	}
}

// A row that cannot be read hides no other, and is named.
func TestOddDecisionsInTheLog(t *testing.T) {
	h := newHouse(t)
	agent := h.agent("1001").ID.String()
	now := time.Now().UTC()
	h.logged(
		store.Entry{Time: now, Entity: agent, Before: []byte(`{"call":{"id":"bad"`), After: []byte(`{}`)},
		store.Entry{Time: now, Entity: agent, Before: []byte(`{"call":{"id":"half"}}`), After: nil},
		store.Entry{Time: now, Entity: agent},
		store.Entry{Time: now, Entity: "nonsense", Before: []byte(`{"call":{"id":"bare","kind":"regular"}}`), After: []byte(`{"id":"d","decision":{"rules":1}}`)},
	)
	h.carried("1001", "good", nil)
	for _, id := range []string{"bad", "half"} {
		r := h.ask(admin, "GET", "/calls/"+id, "").want(200)
		if l := r.get("unreadable").([]any); len(l) != 1 || len(r.get("decisions").([]any)) != 0 {
			t.Errorf("%s", r.body)
		}
	}
	r := h.ask(admin, "GET", "/calls/bare", "").want(200).is("different", "decisions", 0, "replay", "result")
	h.fits(h.api.contract.schemas["Call"], r.body)
	h.ask(admin, "GET", "/calls/good", "").want(200).is("identical", "decisions", 0, "replay", "result")
	r = h.ask(admin, "GET", "/agents/1001/calls", "").want(200).is("good", "calls", 0, "call_id")
	if l := r.get("unreadable").([]any); len(l) != 3 {
		t.Errorf("%s", r.body)
	}
}

// It is said how far back was looked, and how to go on.
func TestLookingForACallIsBounded(t *testing.T) {
	h := newHouse(t)
	old := func(r *routing.Record) { r.Call.At = time.Now().UTC().Add(-48 * time.Hour) }
	h.carried("1001", "yesterday", old)
	h.ask(admin, "GET", "/calls/yesterday", "").problem(404, "the last 24 hours")
	h.ask(admin, "GET", "/calls/yesterday?hours=49", "").want(200)
	// A call that rang long is in the log after younger ones.
	h.carried("1001", "today", nil)
	h.carried("1001", "late", func(r *routing.Record) { r.Call.At = time.Now().UTC().Add(-24*time.Hour - time.Minute) })
	h.ask(admin, "GET", "/calls/today", "").want(200)
	h.ask(admin, "GET", "/calls/late", "").problem(404, "the last 24 hours")

	many := make([]store.Entry, 1000)
	for range maxLooked / len(many) {
		for i := range many {
			many[i] = store.Entry{Time: time.Now().UTC(), Entity: "x", Before: []byte(`{}`), After: []byte(`{}`)}
		}
		h.logged(many...)
	}
	r := h.ask(admin, "GET", "/calls/today", "").problem(404, "among the 20000 back to")
	_, on, _ := strings.Cut(r.get("detail").(string), "before=")
	before, _, _ := strings.Cut(on, ",")
	h.ask(admin, "GET", "/calls/today?before="+before, "").want(200)
	h.ask(admin, "GET", "/calls/today?agent=1001", "").want(200)
}

func TestTheNewestCallsOfAnAgent(t *testing.T) {
	h := newHouse(t)
	h.registered("1001")
	for i := range 5 {
		h.carried("1001", fmt.Sprint("c", i), nil)
	}
	h.carried("1002", "other", nil)
	h.ask(admin, "POST", "/route/outbound", `{"agent":"1001","number":"+15550100","device":"1001"}`).want(200)
	r := h.ask(admin, "GET", "/agents/1001/calls?limit=3", "").want(200).is("+15550100", "calls", 0, "number").
		is("c4", "calls", 1, "call_id").is(200, "calls", 1, "status").is("c3", "calls", 2, "call_id")
	next := r.get("next").(float64)
	r = h.ask(admin, "GET", fmt.Sprintf("/agents/1001/calls?limit=3&before=%.0f", next), "").want(200).
		is("c2", "calls", 0, "call_id").is("c0", "calls", 2, "call_id")
	if r.get("next") != nil {
		t.Errorf("more than there is: %s", r.body)
	}
}

func TestCallsWhenTheLogCannotBeRead(t *testing.T) {
	h := newHouse(t)
	_ = h.store.Close()
	h.ask(admin, "GET", "/calls/c", "").problem(503, "cannot be read")
	h.ask(admin, "GET", "/agents/1001/calls", "").problem(503, "cannot be read")
}
