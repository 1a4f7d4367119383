package api

import (
	"encoding/json"
	"strings"
	"testing"

	"lamplight/presence"
	"lamplight/presence/roster"
)

// What a selection answers in every state: what is shown, and why when nothing
// visible changed (rule 19 of presence/RULES.md).
func TestSetStatusTellsWhatIsShown(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(h *house)
		body    string
		changed bool
		team    string
		says    string
	}{
		"available to dnd": {func(h *house) { h.online("1001") },
			`{"status":"do_not_disturb"}`, true, "do_not_disturb", "Do Not Disturb"},
		"custom": {func(h *house) { h.online("1001") },
			`{"status":"custom","custom":"Lunch"}`, true, "custom", "Lunch"},
		"the same again": {func(h *house) { h.online("1001") },
			`{"status":"available"}`, false, "available", "lready Available"},
		"every option off": {func(h *house) {
			h.online("1001")
			h.do("1001", roster.AllOptionsOff{})
			h.do("1001", roster.Select{Status: presence.SelectDND})
			h.do("1001", roster.Select{Status: presence.SelectAvailable})
		}, `{"status":"available"}`, false, "outbound_calls_only", "till Outbound Calls Only, because every forwarding option is off"},
		"offline": {func(*house) {}, `{"status":"do_not_disturb"}`, false, "offline", "till Offline, because "},
		"in a call": {func(h *house) { h.online("1001"); h.talking("1001", presence.CallRegular) },
			`{"status":"do_not_disturb"}`, false, "on_a_call", "Do Not Disturb follows"},
		"in wrap-up": {func(h *house) {
			h.online("1001")
			h.talking("1001", presence.CallCampaign)
			h.do("1001", roster.EndLeg{ID: "leg"})
		}, `{"status":"do_not_disturb"}`, true, "do_not_disturb", "Do Not Disturb"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c.before(h)
			r := h.ask(admin, "PUT", "/agents/1001/status", c.body).want(200).
				is(c.changed, "changed").is(c.team, "shown", "team", "status").is(c.team, "agent", "status", "team", "status")
			if says, _ := r.get("explanation").(string); !strings.Contains(says, c.says) || !strings.HasSuffix(says, ".") {
				t.Errorf("explanation %q, want %q", says, c.says)
			}
		})
	}
}

func TestSetStatusRefused(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	for name, c := range map[string]struct {
		body string
		code int
		says string
	}{
		"on a call":        {`{"status":"on_a_call"}`, 422, "nobody"},
		"wrap-up":          {`{"status":"wrap_up"}`, 422, "nobody"},
		"outbound only":    {`{"status":"outbound_calls_only"}`, 422, "nobody"},
		"offline":          {`{"status":"offline"}`, 422, "nobody"},
		"custom unnamed":   {`{"status":"custom"}`, 422, "name of the status"},
		"custom unknown":   {`{"status":"custom","custom":"Nap"}`, 422, "Nap"},
		"name with no use": {`{"status":"available","custom":"Lunch"}`, 422, "goes with"},
		"odd word":         {`{"status":"busy"}`, 400, "one of"},
		"no status":        {`{}`, 400, "required"},
		"no body":          {``, 415, "application/json"},
		"wrong type":       {`{"status":7}`, 400, "text"},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			h.ask(admin, "PUT", "/agents/1001/status", c.body).problem(c.code, c.says)
		})
	}
	h.ask(admin, "PUT", "/agents/4711/status", `{"status":"available"}`).problem(404, "4711")
	h.ask(admin, "GET", "/agents/1001", "").is("available", "status", "team", "status")
}

// Who may act for whom, and what the log says of it (rule 20).
func TestWhoMayCommand(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	dnd, why := `{"status":"do_not_disturb"}`, `{"status":"do_not_disturb","reason":"coaching"}`
	for name, c := range map[string]struct {
		who    any
		number string
		body   string
		code   int
		says   string // of a problem
		cause  string
		actor  string
	}{
		"self":                         {h.login("1001"), "1001", dnd, 200, "", "agent", "agent:1001"},
		"a colleague":                  {h.login("1002"), "1001", why, 403, "themselves only", "", ""},
		"a token that reads":           {reader, "1001", why, 403, "themselves only", "", ""},
		"supervisor without reason":    {h.login("1003"), "1001", dnd, 422, "reason", "", ""},
		"supervisor with blank reason": {h.login("1003"), "1001", `{"status":"do_not_disturb","reason":" "}`, 422, "reason", "", ""},
		"supervisor with reason":       {h.login("1003"), "1001", why, 200, "", "supervisor", "agent:1003"},
		"supervisor for self":          {h.login("1003"), "1003", dnd, 200, "", "agent", "agent:1003"},
		"supervising token, no reason": {supervisor, "1001", dnd, 422, "reason", "", ""},
		"supervising token":            {supervisor, "1001", why, 200, "", "api", "token:supervisor"},
		"administrator's token":        {admin, "1001", dnd, 200, "", "api", "token:admin"},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			h.do(c.number, roster.Select{Status: presence.SelectAvailable})
			r := h.ask(c.who, "PUT", "/agents/"+c.number+"/status", c.body)
			if c.code != 200 {
				r.problem(c.code, c.says)
				return
			}
			r.want(200).is(c.cause, "agent", "selected", "cause").is(c.actor, "agent", "selected", "actor")
			if c.body == why {
				r.is("coaching", "agent", "selected", "reason")
			}
			h.ask(admin, "GET", "/agents/"+c.number+"/history?limit=1&kind=selection", "").want(200).
				is(c.actor, "entries", 0, "actor").is(c.cause, "entries", 0, "cause")
		})
	}
}

func TestFinishWrapUp(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	h.ask(admin, "DELETE", "/agents/1001/wrap-up", "").want(200).is(false, "changed").
		is("No wrap-up was running: still Available, because it is selected.", "explanation")
	h.talking("1001", presence.CallCampaign)
	h.do("1001", roster.EndLeg{ID: "leg"})
	h.ask(supervisor, "DELETE", "/agents/1001/wrap-up", "").problem(422, "reason")
	h.ask(supervisor, "DELETE", "/agents/1001/wrap-up?reason=needed", "").want(200).is(true, "changed").
		is("available", "shown", "team", "status").is(nil, "agent", "wrap_up")
}

func TestLogoutAgent(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	h.ask(h.login("1002"), "POST", "/agents/1001/logout", "").problem(403, "themselves")
	h.ask(supervisor, "POST", "/agents/1001/logout", `{"reason":"left the house"}`).want(200).is(true, "changed").
		is("offline", "shown", "team", "status").is(nil, "agent", "sessions")
	r := h.ask(admin, "POST", "/agents/1001/logout", "").want(200).is(false, "changed")
	if says := r.get("explanation").(string); !strings.HasPrefix(says, "No webphone was logged in") {
		t.Errorf("explanation %q", says)
	}
}

func TestSettings(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	me := h.login("1001")
	h.ask(me, "GET", "/agents/1001/settings", "").want(200).is(true, "options", "webphone").is(nil, "saved")
	r := h.ask(me, "PUT", "/agents/1001/settings", `{"options":{"webphone":true,"sip_phone":false,"mobile":false,
		"numbers":[{"number":"+15550100","enabled":true,"delay_seconds":12.5,"confirm":true}]}}`).want(200).
		is(false, "changed").is(12.5, "agent", "settings", "options", "numbers", 0, "delay_seconds")
	id := r.get("agent", "settings", "options", "numbers", 0, "id").(string)
	// The same number stays the same, by number and by id; its text may change
	// under its id.
	r = h.ask(me, "PUT", "/agents/1001/settings", `{"options":{"webphone":false,"sip_phone":false,"mobile":false,"numbers":[{"number":"+15550100"}]}}`).
		want(200).is(id, "agent", "settings", "options", "numbers", 0, "id").is(true, "changed").is("outbound_calls_only", "shown", "team", "status")
	if says := r.get("explanation").(string); !strings.Contains(says, "Outbound Calls Only") {
		t.Errorf("explanation %q", says)
	}
	h.ask(me, "PUT", "/agents/1001/settings", `{"options":{"webphone":true,"sip_phone":false,"mobile":false,"numbers":[{"id":"`+id+`","number":"+15550199"}]}}`).
		want(200).is(id, "agent", "settings", "options", "numbers", 0, "id").is("+15550199", "agent", "settings", "options", "numbers", 0, "number")
	// What is read can be written back.
	got := h.ask(me, "GET", "/agents/1001/settings", "").want(200)
	options, err := json.Marshal(got.get("options"))
	if err != nil {
		t.Fatal(err)
	}
	h.ask(me, "PUT", "/agents/1001/settings", `{"options":`+string(options)+`}`).want(200).is(false, "changed")

	h.ask(h.login("1002"), "PUT", "/agents/1001/settings", `{"options":{"webphone":true,"sip_phone":true,"mobile":true}}`).problem(403, "themselves")
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"half":           {`{"options":{"webphone":true}}`, 400},
		"no digits":      {`{"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[{"number":"call me"}]}}`, 422},
		"injection":      {`{"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[{"number":"1@evil"}]}}`, 422},
		"twice":          {`{"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[{"number":"123"},{"number":"123"}]}}`, 422},
		"negative delay": {`{"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[{"number":"123","delay_seconds":-1}]}}`, 400},
		"endless delay":  {`{"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[{"number":"123","delay_seconds":1e9}]}}`, 422},
		"too many":       {`{"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[` + strings.Repeat(`{"number":"123"},`, 16) + `{"number":"124"}]}}`, 422},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			h.ask(me, "PUT", "/agents/1001/settings", c.body).problem(c.code, "")
		})
	}
}

func TestAllOffAndRestore(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	me := h.login("1001")
	h.ask(me, "POST", "/agents/1001/settings/restore", "").problem(409, "no earlier set")
	h.ask(me, "POST", "/agents/1001/settings/all-off", "").want(200).is(true, "changed").is("outbound_calls_only", "shown", "own", "status").
		is(false, "agent", "settings", "options", "webphone").is(true, "agent", "settings", "saved", "webphone")
	h.ask(me, "POST", "/agents/1001/settings/all-off", "").want(200).is(false, "changed").
		is("Every forwarding option is off already: still Outbound Calls Only, because every forwarding option is off.", "explanation")
	h.ask(me, "POST", "/agents/1001/settings/restore", "").want(200).is(true, "changed").is("available", "shown", "own", "status").
		is(true, "agent", "settings", "options", "mobile")
	h.ask(supervisor, "POST", "/agents/1001/settings/all-off", "").want(200) // no reason is asked for
}

// A change that cannot be made durable is answered 503 and leaves no trace.
func TestCommandWithoutStore(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	h.store.FailNext(1)
	r := h.ask(admin, "PUT", "/agents/1001/status", `{"status":"do_not_disturb"}`).problem(503, "could not be made durable")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	h.ask(admin, "GET", "/agents/1001", "").is("available", "status", "team", "status").is("available", "selected", "status")
	h.ask(admin, "PUT", "/agents/1001/status", `{"status":"do_not_disturb"}`).want(200)
}
