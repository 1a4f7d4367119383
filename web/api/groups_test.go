package api

import "testing"

// A group is made, replaced, shown and removed by its number.
func TestRingGroups(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "PUT", "/groups/600", `{"name":"Sales","strategy":"skills","members":[{"agent":"1002","level":7},{"agent":"1001"}],"rest_seconds":0,"wrap_up_seconds":-2}`).want(200)
	made := h.ask(admin, "GET", "/groups/600", "").want(200)
	made.is("skills", "strategy")
	made.is(0.0, "rest_seconds")
	made.is(-2.0, "wrap_up_seconds")
	made.is(20.0, "ring_seconds")
	made.is("1002", "members", 0, "agent").is(7, "members", 0, "level").is("1001", "members", 1, "agent")
	h.ask(admin, "PUT", "/groups/600", `{"name":"Sellers","queue":{"size":3}}`).want(200)
	again := h.ask(admin, "GET", "/groups/600", "").want(200)
	again.is("Sellers", "name")
	again.is(nil, "members", 0).is(3, "queue", "size").is(600, "queue", "wait_seconds")
	again.is(made.get("id"), "id")
	for name, body := range map[string]string{
		"a member who is no agent": `{"members":[{"agent":"9999"}]}`,
		"another strategy":         `{"strategy":"best"}`,
		"a short ring":             `{"ring_seconds":1}`,
		"a bad fallback":           `{"fallback":"a b"}`,
		"a field it has not":       `{"colour":"red"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if r := h.ask(admin, "PUT", "/groups/601", body); r.code < 400 || r.code >= 500 {
				t.Errorf("%d %s", r.code, r.body)
			}
		})
	}
	h.ask(admin, "PUT", "/groups/1001", `{}`).want(409)
	h.ask(admin, "PUT", "/groups/600", `{"name":"Sales","aliases":["+4930600","606"]}`).want(200).is("606", "aliases", 1)
	h.ask(admin, "GET", "/groups/606", "").want(200).is("600", "number")
	h.ask(admin, "PUT", "/groups/606", `{}`).problem(409, "alias of group 600")
	h.ask(admin, "PUT", "/groups/601", `{"aliases":["606"]}`).want(409)
	h.ask(admin, "PUT", "/groups/601", `{"aliases":["1001"]}`).want(409)
	h.ask(admin, "PUT", "/groups/600", `{"name":"Sales"}`).want(200)
	h.ask(admin, "GET", "/groups/606", "").want(404)
	h.ask(admin, "DELETE", "/groups/600", "").want(204)
	h.ask(admin, "GET", "/groups/600", "").want(404)
}
