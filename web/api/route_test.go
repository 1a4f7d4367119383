package api

import (
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/presence/routing"
	"lamplight/store"
)

// registered gives the agent a desk phone that can be rung.
func (h *house) registered(number string) {
	h.t.Helper()
	c, _ := h.dir.Credential(h.one.ID, number)
	h.do(number, roster.PutRegistration{Registration: presence.Registration{
		ID: "desk-" + number, Device: c.Device, Kind: presence.KindDesk, Contact: "sip:" + number + "@192.0.2.9:5060",
		Q: 700, Transport: "UDP", Source: "192.0.2.9:5060", Alive: true, Expires: time.Now().Add(time.Hour),
	}})
}

func TestRoute(t *testing.T) {
	for name, c := range map[string]struct {
		before func(h *house)
		body   string
		allow  bool
		code   int
		says   string
		kinds  []string // of the targets of the first step
	}{
		"offline, nothing": {func(*house) {}, `{"agent":"1001"}`, false, 480, "refused with 480", nil},
		"desk phone": {func(h *house) { h.registered("1001") },
			`{"agent":"1001","caller":"sip:x@y"}`, true, 0, "rings 1001: desk phone", []string{"desk"}},
		"both": {func(h *house) { h.registered("1001"); h.online("1001") },
			`{"agent":"1001","kind":"regular"}`, true, 0, "webphone", []string{"desk", "webphone"}},
		"campaign rings the webphone only": {func(h *house) { h.registered("1001"); h.online("1001") },
			`{"agent":"1001","kind":"campaign"}`, true, 0, "webphone", []string{"webphone"}},
		"redirected": {func(h *house) { h.registered("1001"); h.online("1001") },
			`{"agent":"1001","redirect":true}`, true, 0, "desk phone", []string{"desk"}},
		"on a call": {func(h *house) { h.online("1001"); h.talking("1001", presence.CallRegular) },
			`{"agent":"1001"}`, false, 486, "On a Call", nil},
		"do not disturb": {func(h *house) { h.online("1001"); h.do("1001", roster.Select{Status: presence.SelectDND}) },
			`{"agent":"1001"}`, false, 480, "Do Not Disturb", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c.before(h)
			r := h.ask(supervisor, "POST", "/route", c.body).want(200).is(c.allow, "allow").is("1001", "agent", "number")
			if c.code != 0 {
				r.is(c.code, "code")
			}
			if says := r.get("explanation").(string); !strings.Contains(says, c.says) {
				t.Errorf("explanation %q, want %q", says, c.says)
			}
			var kinds []string
			if step, ok := r.get("steps", 0, "targets").([]any); ok {
				for _, target := range step {
					kinds = append(kinds, target.(map[string]any)["kind"].(string))
				}
			}
			for _, k := range c.kinds {
				if !strings.Contains(strings.Join(kinds, " "), k) {
					t.Errorf("targets %v, want %v", kinds, c.kinds)
				}
			}
			if len(kinds) != len(c.kinds) {
				t.Errorf("targets %v, want %v", kinds, c.kinds)
			}
			if devices, ok := r.get("devices").([]any); ok {
				for _, d := range devices {
					if d.(map[string]any)["reason"] == "" {
						t.Errorf("a device without a reason: %v", d)
					}
				}
			}
		})
	}
}

func TestRouteRefused(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "POST", "/route", `{"agent":"4711"}`).problem(404, "4711")
	h.ask(admin, "POST", "/route", `{"agent":"1001","kind":"sales"}`).problem(400, "one of")
	h.ask(elsewhere, "POST", "/route", `{"agent":"1002"}`).problem(404, "1002")
}

// A decision in the log can be made again from its inputs, to the byte.
func TestDecisionIsKept(t *testing.T) {
	h := newHouse(t)
	h.registered("1001")
	r := h.ask(admin, "POST", "/route", `{"agent":"1001","caller":"sip:a@b","call_id":"c1"}`).want(200)
	l, err := h.store.Log(t.Context(), store.LogQuery{Kind: "decision", Entity: h.agent("1001").ID.String()})
	if err != nil || len(l) != 1 {
		t.Fatalf("%d decisions, %v", len(l), err)
	}
	if l[0].Actor != "token:admin" || l[0].Cause != "route" || l[0].Domain != h.one.ID.String() {
		t.Errorf("entry %+v", l[0])
	}
	kept, err := routing.ReadRecord(l[0].Before, l[0].After)
	if err != nil {
		t.Fatal(err)
	}
	r.is(kept.ID, "id")
	if again, same, err := kept.Replay(); err != nil || !same {
		t.Errorf("%v, made again:\n%+v\nkept:\n%+v", err, again, kept.Decision)
	}
	if kept.Call.ID != "c1" || kept.Call.Caller != "sip:a@b" || kept.Call.Kind != presence.CallRegular {
		t.Errorf("call %+v", kept.Call)
	}
}

func TestDecisionThatCannotBeKept(t *testing.T) {
	h := newHouse(t)
	h.store.FailNext(1)
	h.ask(admin, "POST", "/route", `{"agent":"1001"}`).problem(503, "durable")
}

func TestRouteOutbound(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "POST", "/route/outbound", `{"agent":"1001","number":"+15550100"}`).want(200).is(false, "allow")
	h.online("1001")
	h.ask(admin, "POST", "/route/outbound", `{"agent":"1001","number":"+15550100"}`).want(200).is(true, "allow")
	h.registered("1002")
	h.ask(admin, "POST", "/route/outbound", `{"agent":"1002","number":"+15550100","device":"1002"}`).want(200).is(true, "allow")
	h.ask(admin, "POST", "/route/outbound", `{"agent":"1002","number":"+15550100","device":"1001"}`).problem(404, "no device")
	h.talking("1001", presence.CallRegular)
	h.ask(admin, "POST", "/route/outbound", `{"agent":"1001","number":"+15550100"}`).want(200).is(false, "allow")
	l, err := h.store.Log(t.Context(), store.LogQuery{Kind: routing.KindDecision})
	if err != nil || len(l) != 4 {
		t.Fatalf("%d decisions, %v", len(l), err)
	}
	for _, e := range l {
		kept, err := routing.ReadRecord(e.Before, e.After)
		if err != nil {
			t.Fatal(err)
		}
		if again, same, err := kept.Replay(); err != nil || !same {
			t.Errorf("%v, made again:\n%+v\nkept:\n%+v", err, again, kept.Decision)
		}
	}
}
