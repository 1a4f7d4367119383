package api

import "testing"

func TestCallerIdentityIsSetByAdministrators(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "PATCH", "/agents/1001", `{"caller":{"number":"+4930123","name":"Ada","hide":true}}`).want(200).
		is("+4930123", "caller", "number").is(true, "caller", "hide")
	h.ask(admin, "PATCH", "/agents/1001", `{"name":"Ada L"}`).want(200).is("Ada", "caller", "name")
	h.ask(admin, "PATCH", "/agents/1001", `{"caller":{"number":"12a"}}`).problem(422, "no number")
	h.ask(h.login("1001"), "PATCH", "/agents/1001", `{"caller":{}}`).problem(403, "")
	h.ask(admin, "PATCH", "/agents/1001", `{"caller":{}}`).want(200).is(nil, "caller")
}
