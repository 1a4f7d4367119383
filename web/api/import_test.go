package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestImport(t *testing.T) {
	h := newHouse(t)
	const file = "number,password,name,team\n2001,pw1,Ann,sales;night\n,pw,No Number,sales\n2002,pw2,Bob,sales\n"
	h.ask(admin, "POST", "/import?dry_run=1", file).want(200).is(true, "dry_run").is(3, "lines").is(2, "created").is(1, "failed").
		is(3, "errors", 0, "line").is("number", "errors", 0, "field")
	h.ask(admin, "GET", "/agents/2001", "").want(404)
	h.ask(admin, "POST", "/import", file).want(200).is(false, "dry_run").is(2, "created").is(1, "failed")
	h.ask(admin, "GET", "/agents/2001", "").want(200).is("Ann", "name").is("night", "teams", 1).is(false, "has_login").is(true, "settings", "options", "mobile")
	h.ask(admin, "GET", "/agents/2001/devices", "").want(200).is("2001", "devices", 0, "usernames", 0).
		is("2001-soft", "devices", 1, "usernames", 0).is("2001-mobile", "devices", 2, "usernames", 0).is("webphone", "devices", 3, "kind").is(nil, "devices", 4)
	h.ask(admin, "POST", "/import", file).want(200).is(2, "unchanged").is(0, "updated")
	h.ask(nobody, "POST", "/login", `{"number":"2001","password":"pw1","domain":"one.test"}`).problem(401, "wrong")

	h.ask(admin, "POST", "/import", "who,what\n1,2\n").problem(422, "column \"who\" is not known")
	h.ask(admin, "POST", "/import?dry_run=maybe", file).problem(400, "one of")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+Base+"/import", strings.NewReader(file))
	req.Header.Set("Content-Type", "application/json")
	h.send(admin, req).problem(415, "text/csv")
	h.store.FailNext(1)
	h.ask(admin, "POST", "/import", "number,password\n2003,pw\n").problem(503, "durable")
}
