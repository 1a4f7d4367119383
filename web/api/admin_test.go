package api

import (
	"fmt"
	"strings"
	"testing"

	"lamplight/presence"
	"lamplight/presence/roster"
)

func TestAgentLife(t *testing.T) {
	h := newHouse(t)
	r := h.ask(admin, "POST", "/agents", `{"number":"1099","name":"Nora Field","teams":["sales"],"login_password":"`+password+`"}`).want(201).
		is("1099", "number").is("agent", "role").is("1099@one.test", "aors", 0).is(true, "has_login").
		is(true, "settings", "options", "webphone").is("offline", "status", "team", "status")
	id := r.get("id").(string)
	h.login("1099")
	h.ask(admin, "GET", "/agents/1099/devices", "").want(200).is("webphone", "devices", 0, "kind")
	h.ask(admin, "POST", "/agents", `{"number":"1099","name":"Another"}`).problem(409, "another agent")
	h.ask(admin, "POST", "/agents", `{"number":"10 99","name":"x"}`).problem(422, "no number")
	h.ask(admin, "POST", "/agents", `{"number":"1100","name":"x","login_password":"short"}`).problem(400, "at least 8")
	h.ask(admin, "POST", "/agents", `{"number":"1100","name":"x","role":"boss"}`).problem(400, "one of")

	h.ask(admin, "PATCH", "/agents/1099", `{"name":"Nora Fields"}`).want(200).is("Nora Fields", "name").is("1099", "number").is("sales", "teams", 0)
	h.ask(admin, "PATCH", "/agents/1099", `{"number":"1098","teams":[],"role":"supervisor"}`).want(200).
		is("1098", "number").is("1098@one.test", "aors", 0).is(nil, "aors", 1).is(nil, "teams", 0).is("supervisor", "role")
	h.ask(admin, "GET", "/agents/1099", "").problem(404, "1099")
	h.ask(admin, "GET", "/agents/"+id, "").want(200).is("1098", "number")
	h.ask(admin, "PATCH", "/agents/1098", `{"number":"1001"}`).problem(409, "another agent")
	h.ask(admin, "PATCH", "/agents/1098", `{}`).want(200)

	h.ask(admin, "DELETE", "/agents/1098", "").want(204)
	h.ask(admin, "DELETE", "/agents/1098", "").problem(404, "1098")
}

func TestLoginPassword(t *testing.T) {
	h := newHouse(t)
	c := h.login("1001")
	h.ask(admin, "PUT", "/agents/1001/password", `{"password":"short"}`).problem(422, "8 characters")
	h.ask(admin, "PUT", "/agents/1001/password", `{"password":"something else"}`).want(204)
	h.ask(c, "GET", "/me", "").problem(401, "ended")
	h.ask(nobody, "POST", "/login", `{"number":"1001","password":"`+password+`","domain":"one.test"}`).problem(401, "wrong")
	h.ask(nobody, "POST", "/login", `{"number":"1001","password":"something else","domain":"one.test"}`).want(200)
	h.ask(admin, "PUT", "/agents/1001/password", `{"password":""}`).want(204)
	h.ask(admin, "GET", "/agents/1001", "").is(false, "has_login")
	h.ask(nobody, "POST", "/login", `{"number":"1001","password":"","domain":"one.test"}`).problem(401, "wrong")
}

func TestDeviceLife(t *testing.T) {
	h := newHouse(t)
	at := "/agents/1001/devices"
	r := h.ask(admin, "POST", at, `{"kind":"desk","name":"Second","username":"1001-two","password":"s3cret"}`).want(201).
		is("1001-two", "usernames", 0).is("MD5", "algorithms", 0).is("SHA-256", "algorithms", 1)
	id := r.get("id").(string)
	cred, ok := h.dir.Credential(h.one.ID, "1001-two")
	if !ok || cred.HA1.MD5 != testHA1("MD5", "1001-two", "one.test", "s3cret") {
		t.Errorf("credential %+v", cred)
	}
	if strings.Contains(string(r.body), "s3cret") || strings.Contains(string(r.body), cred.HA1.MD5) {
		t.Errorf("the answer tells the password or its digest: %s", r.body)
	}
	for name, c := range map[string]struct {
		body string
		code int
		says string
	}{
		"user name taken":      {`{"kind":"soft","username":"1002","password":"x"}`, 409, "another device"},
		"no user name":         {`{"kind":"soft","password":"x"}`, 422, "user name"},
		"no password":          {`{"kind":"soft","username":"u"}`, 422, "password"},
		"webphone with a name": {`{"kind":"webphone","username":"u","password":"x"}`, 422, "webphone"},
		"number":               {`{"kind":"number"}`, 400, "one of"},
		"odd digest":           {`{"kind":"soft","username":"u","password":"x","digest":["ROT13"]}`, 400, "one of"},
		"quote in user name":   {`{"kind":"soft","username":"a\"b","password":"x"}`, 422, "no user name"},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			h.ask(admin, "POST", at, c.body).problem(c.code, c.says)
		})
	}
	h.ask(admin, "PATCH", at+"/1001-two", `{"name":"By the window","digest":["SHA-256","MD5"],"publish_selects":true}`).want(200).
		is("By the window", "name").is("SHA-256", "digest", 0).is(true, "publish_selects").is(id, "id")
	h.ask(admin, "PUT", at+"/"+id+"/password", `{"password":"n3w"}`).want(204)
	if cred, _ = h.dir.Credential(h.one.ID, "1001-two"); cred.HA1.SHA256 != testHA1("SHA-256", "1001-two", "one.test", "n3w") {
		t.Error("the new password was not kept")
	}
	h.ask(admin, "PUT", at+"/"+id+"/password", `{"username":"1001-three","password":"n3w"}`).want(204)
	h.ask(admin, "PUT", at+"/"+id+"/password", `{"password":"n3w"}`).problem(422, "say which")
	h.ask(admin, "PUT", at+"/1002/password", `{"password":"n3w"}`).problem(404, "no device")
	h.ask(admin, "DELETE", "/agents/1002/devices/1001-two", "").problem(404, "no device")
	h.ask(admin, "DELETE", at+"/1001-two", "").want(204)
	h.ask(admin, "DELETE", at+"/1001-two", "").problem(404, "no device")
	if _, ok := h.dir.Credential(h.one.ID, "1001-three"); ok {
		t.Error("a removed device's user name still authenticates")
	}
}

func TestWebphoneHasNoPassword(t *testing.T) {
	h := newHouse(t)
	id := h.ask(admin, "GET", "/agents/1001/devices", "").want(200).is("webphone", "devices", 0, "kind").get("devices", 0, "id").(string)
	h.ask(admin, "PUT", "/agents/1001/devices/"+id+"/password", `{"password":"x"}`).problem(422, "no password")
}

func TestRegistrations(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "GET", "/agents/1001/registrations", "").want(200).is("b1", "registrations", 0, "id").is(true, "registrations", 0, "alive")
	h = newHouse(t, func(o *Options) { o.Registrations = nil })
	h.ask(admin, "GET", "/agents/1001/registrations", "").problem(501, "no registrar")
}

func TestHistoryPages(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	for i := range 7 {
		s := presence.SelectAvailable
		if i%2 == 0 {
			s = presence.SelectDND
		}
		h.do("1001", roster.Select{Status: s})
	}
	walk := func(order, cursor string) (seqs []float64) {
		at := ""
		for range 20 {
			r := h.ask(admin, "GET", "/agents/1001/history?kind=selection&limit=3&order="+order+at, "").want(200)
			for _, e := range r.get("entries").([]any) {
				seqs = append(seqs, e.(map[string]any)["seq"].(float64))
			}
			next, ok := r.get("next").(float64)
			if !ok {
				return seqs
			}
			at = fmt.Sprintf("&%s=%.0f", cursor, next)
		}
		t.Fatal("the pages do not end")
		return nil
	}
	newest, oldest := walk("newest", "before"), walk("oldest", "after")
	if len(newest) != 7 || len(oldest) != 7 {
		t.Fatalf("%d and %d entries, want 7", len(newest), len(oldest))
	}
	for i := range newest {
		if newest[i] != oldest[6-i] || i > 0 && newest[i] >= newest[i-1] {
			t.Errorf("newest %v, oldest %v", newest, oldest)
		}
	}
	h.ask(admin, "GET", "/agents/1001/history?order=random", "").problem(400, "one of")
	h.ask(h.login("1001"), "GET", "/agents/1001/history", "").want(200)
}

// Two administrators at once: neither undoes the other's field.
func TestUpdatesDoNotUndoEachOther(t *testing.T) {
	h := newHouse(t)
	done := make(chan *reply)
	for i := range 10 {
		go func() { done <- h.ask(admin, "PATCH", "/agents/1001", fmt.Sprintf(`{"name":"Name %d"}`, i)) }()
		go func() { done <- h.ask(admin, "PATCH", "/agents/1001", fmt.Sprintf(`{"teams":["t%d"]}`, i)) }()
		a, b := <-done, <-done
		a.want(200)
		b.want(200)
		h.ask(admin, "GET", "/agents/1001", "").is(fmt.Sprintf("Name %d", i), "name").is(fmt.Sprintf("t%d", i), "teams", 0)
	}
}
