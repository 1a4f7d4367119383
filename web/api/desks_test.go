package api

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

type desksAnswer struct {
	Desks []deskJSON `json:"desks"`
}

func decodeInto(t *testing.T, r *reply, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatal(err)
	}
}

func TestHotDesks(t *testing.T) {
	h := newHouse(t)
	ada, ben, cleo := h.login("1001"), h.login("1002"), h.login("1003")
	at := func() *deskUserJSON {
		t.Helper()
		var got desksAnswer
		decodeInto(t, h.ask(ada, "GET", "/desks", "").want(200), &got)
		if len(got.Desks) != 1 || got.Desks[0].Name != "Window seat" {
			t.Fatalf("desks %+v", got)
		}
		return got.Desks[0].Agent
	}
	if at() != nil {
		t.Error("somebody is at it")
	}
	var d deskJSON
	decodeInto(t, h.ask(ada, "POST", "/desks/desk-1/login", `{}`).want(200), &d)
	if d.Agent == nil || d.Agent.Number != "1001" || d.Until == nil || time.Until(*d.Until) < 11*time.Hour {
		t.Errorf("logged in: %+v", d)
	}
	if got := at(); got == nil || got.Number != "1001" {
		t.Errorf("at it is %+v", got)
	}
	h.ask(ben, "POST", "/desks/desk-1/login", `{"agent":"1001"}`).problem(http.StatusForbidden, "themselves only")
	h.ask(ben, "POST", "/desks/desk-1/logout", "").problem(http.StatusForbidden, "themselves only")
	decodeInto(t, h.ask(cleo, "POST", "/desks/desk-1/login", `{"agent":"1002","shift_seconds":3600}`).want(200), &d)
	if d.Agent == nil || d.Agent.Number != "1002" || time.Until(*d.Until) > time.Hour {
		t.Errorf("by a supervisor: %+v", d)
	}
	h.ask(ben, "POST", "/desks/desk-1/logout", "").want(200)
	if at() != nil {
		t.Error("somebody is still at it")
	}
	h.ask(cleo, "POST", "/desks/desk-1/logout", "").problem(http.StatusConflict, "nobody is logged in")
	h.ask(ada, "POST", "/desks/1001/login", `{}`).problem(http.StatusNotFound, "no hot desk")
	h.ask(admin, "POST", "/desks/desk-1/login", `{}`).problem(http.StatusUnprocessableEntity, "agent says who")
	h.ask(admin, "POST", "/desks/desk-1/login", `{"agent":"1009"}`).problem(http.StatusNotFound, "no agent 1009")
	h.ask(reader, "POST", "/desks/desk-1/login", `{"agent":"1001"}`).problem(http.StatusForbidden, "")
}

func TestHotDesksAreAddedAndRemoved(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "POST", "/desks", `{"username":"desk-2","password":"wTq8-secret"}`).want(201)
	h.ask(admin, "POST", "/desks", `{"username":"desk-2","password":"wTq8-secret"}`).problem(http.StatusConflict, "another device's")
	h.ask(admin, "DELETE", "/desks/desk-2", "").want(204)
	h.ask(admin, "DELETE", "/desks/desk-2", "").problem(http.StatusNotFound, "no hot desk")
	h.ask(admin, "DELETE", "/desks/1001", "").problem(http.StatusNotFound, "no hot desk") // it is somebody's own
}

func TestPINIsTheAgentsOwn(t *testing.T) {
	h := newHouse(t)
	ada, cleo := h.login("1001"), h.login("1003")
	h.ask(ada, "PUT", "/agents/1001/pin", `{"pin":"2468"}`).want(204)
	if got := h.agent("1001").PINHash; got != "#2468" {
		t.Errorf("kept is %q", got)
	}
	h.ask(ada, "PUT", "/agents/1002/pin", `{"pin":"2468"}`).problem(http.StatusForbidden, "own PIN")
	h.ask(cleo, "PUT", "/agents/1001/pin", `{"pin":"1111"}`).problem(http.StatusForbidden, "own PIN")
	h.ask(ada, "PUT", "/agents/1001/pin", `{"pin":"12"}`).problem(http.StatusUnprocessableEntity, "4 to 12 digits")
	h.ask(ada, "PUT", "/agents/1001/pin", `{"pin":"abcd"}`).problem(http.StatusUnprocessableEntity, "4 to 12 digits")
	h.ask(admin, "PUT", "/agents/1001/pin", `{"pin":""}`).want(204)
	if got := h.agent("1001").PINHash; got != "" {
		t.Errorf("kept is %q", got)
	}
}
