package api

import (
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
)

func TestAgentShowsBothViews(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "GET", "/agents/1001", "").want(200).
		is("offline", "status", "team", "status").is("Offline", "status", "team", "text").
		is("offline", "status", "own", "status").is("one.test", "domain").is("1001", "number").
		is(false, "online").is(false, "reachable").
		is(nil, "status", "team", "cause").is(nil, "status", "own", "cause") // nothing has changed yet
	s := h.online("1001")
	r := h.ask(admin, "GET", "/agents/"+s.Agent.String(), "").want(200).
		is("available", "status", "team", "status").is("available", "status", "own", "status").
		is(true, "online").is("alive", "sessions", 0, "state").is("granted", "sessions", 0, "microphone").
		is("webphone", "devices", 0, "kind").is("webphone", "devices", 0, "name").is(true, "devices", 0, "reachable")
	if cause, _ := r.get("status", "team", "cause").(string); cause == "" {
		t.Errorf("no cause: %s", r.body)
	}
	h.talking("1001", presence.CallCampaign)
	h.ask(admin, "GET", "/agents/1001", "").want(200).is("on_a_call", "status", "team", "status").is(true, "engaged").
		is("talking", "legs", 0, "state").is("sip:+15550100@example.com", "legs", 0, "remote").is("campaign", "legs", 0, "kind")
	h.do("1001", roster.EndLeg{ID: "leg"})
	r = h.ask(admin, "GET", "/agents/1001", "").want(200).is("wrap_up", "status", "own", "status")
	if left, ok := r.get("wrap_up", "remaining_seconds").(float64); !ok || left < 1 || left > 30 {
		t.Errorf("remaining %v", r.get("wrap_up", "remaining_seconds"))
	}
	h.do("1001", roster.Select{Status: presence.SelectCustom("Lunch")})
	h.ask(admin, "GET", "/agents/1001", "").want(200).is("custom", "status", "team", "status").is("Lunch", "status", "team", "custom").
		is("Lunch", "status", "team", "text").is("custom", "selected", "status").is("Lunch", "selected", "custom")
}

func TestDurationCountsFromTheChange(t *testing.T) {
	h := newHouse(t)
	s := h.online("1001")
	for name, c := range map[string]struct {
		at   time.Time
		want int64
	}{
		"at once":     {s.Team.Since, 0},
		"before":      {s.Team.Since.Add(-time.Minute), 0},
		"just before": {s.Team.Since.Add(59*time.Second + 999*time.Millisecond), 59},
		"a minute":    {s.Team.Since.Add(time.Minute), 60},
	} {
		t.Run(name, func(t *testing.T) {
			v := h.api.view(s, true, c.at)
			if v.Status.Team.Duration != c.want || !v.Status.Team.Since.Equal(s.Team.Since) {
				t.Errorf("got %d, want %d", v.Status.Team.Duration, c.want)
			}
		})
	}
}

func TestWhoSeesWhat(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	h.talking("1001", presence.CallRegular)
	for name, c := range map[string]struct {
		who any
		all bool
	}{
		"admin":           {admin, true},
		"supervisor":      {supervisor, true},
		"reader":          {reader, false},
		"self":            {h.login("1001"), true},
		"colleague":       {h.login("1002"), false},
		"supervisor page": {h.login("1003"), true},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			r := h.ask(c.who, "GET", "/agents/1001", "").want(200).is("on_a_call", "status", "team", "status").is(true, "engaged")
			for _, field := range []string{"selected", "devices", "legs", "settings", "sessions", "role", "aors"} {
				if (r.get(field) != nil) != c.all {
					t.Errorf("%s: %v", field, r.get(field))
				}
			}
			if (r.get("status", "own") != nil) != c.all {
				t.Errorf("own view: %v", r.get("status", "own"))
			}
			for _, path := range []string{"settings", "history", "devices", "registrations"} {
				r := h.ask(c.who, "GET", "/agents/1001/"+path, "")
				if c.all {
					r.want(200)
				} else {
					r.problem(403, "their own")
				}
			}
		})
	}
}

func TestDomainsAreApart(t *testing.T) {
	h := newHouse(t)
	other := h.agent("1002")
	h.ask(elsewhere, "GET", "/agents/1001", "").want(200).is("Zoe Other", "name")
	h.ask(elsewhere, "GET", "/agents/1002", "").problem(404, "no agent")
	h.ask(elsewhere, "GET", "/agents/"+other.ID.String(), "").problem(404, "no agent")
	h.ask(elsewhere, "GET", "/agents/1001?domain=one.test", "").problem(403, "two.test")
	h.ask(elsewhere, "PUT", "/agents/1002/status", `{"status":"available"}`).problem(404, "no agent")
	h.ask(everywhere, "GET", "/agents/1001", "").problem(400, "several domains")
	h.ask(everywhere, "GET", "/agents/1001?domain=ALIAS.test", "").want(200).is("Ada Lark", "name")
	h.ask(everywhere, "GET", "/agents/1001?domain=three.test", "").problem(404, "three.test")
	h.ask(everywhere, "GET", "/domains", "").want(200).is("one.test", "domains", 0, "name").is("two.test", "domains", 1, "name")
	h.ask(admin, "GET", "/domains", "").want(200).is("one.test", "domains", 0, "name").is(nil, "domains", 1).
		is("sales", "domains", 0, "teams", 0).is("support", "domains", 0, "teams", 1).is(3, "domains", 0, "agents").
		is(30, "domains", 0, "wrap_up_seconds").is("webphone", "domains", 0, "online_by")
}

func TestList(t *testing.T) {
	h := newHouse(t)
	h.online("1002")
	for name, c := range map[string]struct {
		query string
		want  []string
	}{
		"all":           {"", []string{"1001", "1002", "1003"}},
		"team":          {"?team=sales", []string{"1001", "1002"}},
		"no such team":  {"?team=x", []string{}},
		"status":        {"?status=available", []string{"1002"}},
		"offline":       {"?status=offline", []string{"1001", "1003"}},
		"name":          {"?q=MOSS", []string{"1002"}},
		"number":        {"?q=03", []string{"1003"}},
		"all together":  {"?team=sales&status=offline&q=ada", []string{"1001"}},
		"first of many": {"?limit=2", []string{"1001", "1002"}},
		"next":          {"?limit=2&cursor=1002", []string{"1003"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			r := h.ask(admin, "GET", "/agents"+c.query, "").want(200)
			list := r.get("agents").([]any)
			if len(list) != len(c.want) {
				t.Fatalf("%d agents, want %v", len(list), c.want)
			}
			for i, n := range c.want {
				r.is(n, "agents", i, "number")
			}
		})
	}
	h.ask(admin, "GET", "/agents?limit=2", "").is(3, "total").is("1002", "next")
	h.ask(admin, "GET", "/agents?limit=2&cursor=1002", "").is(3, "total").is(nil, "next")
	h.ask(admin, "GET", "/agents?limit=3", "").is(nil, "next")
	h.ask(admin, "GET", "/agents?cursor=9999", "").problem(400, "begin again")
	h.ask(admin, "GET", "/agents?limit=0", "").problem(400, "at least 1")
	h.ask(admin, "GET", "/agents?limit=x", "").problem(400, "whole number")
	h.ask(admin, "GET", "/agents?status=busy", "").problem(400, "one of")
	h.ask(admin, "GET", "/agents?q=a&q=b", "").problem(400, "more than once")
}

func TestStatuses(t *testing.T) {
	h := newHouse(t)
	h.ask(reader, "GET", "/statuses", "").want(200).
		is("available", "statuses", 0, "status").is(true, "statuses", 0, "selectable").
		is("do_not_disturb", "statuses", 1, "status").
		is("custom", "statuses", 2, "status").is("Lunch", "statuses", 2, "custom").is("amber", "statuses", 2, "colour").
		is(3600, "statuses", 2, "max_seconds").is("available", "statuses", 2, "returns_to").is("meal", "statuses", 2, "activity").
		is("Mail", "statuses", 3, "text").is(true, "statuses", 3, "routes", "regular").
		is("outbound_calls_only", "statuses", 4, "status").is(false, "statuses", 4, "selectable").
		is("on_a_call", "statuses", 5, "status").is("wrap_up", "statuses", 6, "status").is("offline", "statuses", 7, "status")
}
