package api

import (
	"testing"
	"time"

	"lamplight/presence/waiting"
)

// A supervisor sees who waits for a group, in order, and for how long.
func TestWaitingCallersAreShown(t *testing.T) {
	lines := waiting.New(waiting.Options{})
	h := newHouse(t, func(o *Options) { o.Lines = lines })
	h.ask(admin, "PUT", "/groups/600", `{"name":"Sales","queue":{"size":3}}`).want(200)
	h.ask(admin, "PUT", "/groups/601", `{"name":"Without"}`).want(200)
	h.ask(supervisor, "GET", "/groups/600/waiting", "").want(200).is(nil, "waiting", 0)
	g, _ := h.dir.GroupByNumber(h.one.ID, "600")
	var places []*waiting.Place
	for i, uri := range []string{"sip:+4930111@trunk", "sip:+4930222@trunk"} {
		p, err := lines.Join(g.ID, 3, waiting.Caller{CallID: uri, URI: uri, Since: time.Now().Add(time.Duration(i-9) * time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, p)
	}
	places[0].Offered("1001")
	h.ask(supervisor, "GET", "/groups/600/waiting", "").want(200).
		is(1, "waiting", 0, "position").is("1001", "waiting", 0, "offered_to").is("sip:+4930111@trunk", "waiting", 0, "caller").
		is(2, "waiting", 1, "position").is(nil, "waiting", 1, "offered_to")
	all := h.ask(supervisor, "GET", "/waiting", "").want(200).
		is("600", "lines", 0, "group").is(2, "lines", 0, "waiting").is(3, "lines", 0, "size").is(nil, "lines", 1)
	if s, ok := all.get("lines", 0, "longest_seconds").(float64); !ok || s < 540 || s > 600 {
		t.Errorf("the longest has waited %v s", s)
	}
	places[0].Leave(waiting.Served)
	h.ask(supervisor, "GET", "/groups/600/waiting", "").want(200).is("sip:+4930222@trunk", "waiting", 0, "call_id").is(1, "waiting", 0, "position")
	h.ask(h.login("1001"), "GET", "/waiting", "").want(403)
	h.ask(h.login("1001"), "GET", "/groups/600/waiting", "").want(403)
	h.ask(supervisor, "GET", "/groups/699/waiting", "").want(404)
}
