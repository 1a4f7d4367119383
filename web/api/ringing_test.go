package api

import "testing"

func TestOrderOfRingingIsSet(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	me := h.login("1001")
	const options = `{"options":{"webphone":true,"sip_phone":true,"mobile":true}`
	h.ask(me, "PUT", "/agents/1001/settings", options+`,"ringing":{"order":"in_order","devices":[{"device":"1001","after_seconds":2.5,"ring_seconds":15}]}}`).want(200)
	h.ask(me, "PUT", "/agents/1001/settings", options+`}`).want(200)
	h.ask(me, "GET", "/agents/1001/settings", "").want(200).
		is("in_order", "ringing", "order").is(2.5, "ringing", "devices", 0, "after_seconds").is(15.0, "ringing", "devices", 0, "ring_seconds")
	h.ask(admin, "POST", "/route", `{"agent":"1001","kind":"regular"}`).want(200).is(20.0, "steps", 0, "targets", 0, "ring_seconds")
	for body, want := range map[string]string{
		`{"devices":[{"device":"1002"}]}`:                      "no device",
		`{"devices":[{"device":"1001","ring_seconds":3}]}`:     "a ring time of 3s",
		`{"devices":[{"device":"1001","after_seconds":61}]}`:   "after 1m1s",
		`{"devices":[{"device":"1001"},{"device":"1001"}]}`:    "twice",
		`{"devices":[{"device":"1001","ring_seconds":1e300}]}`: "a ring time of 1h0m0s",
	} {
		h.ask(me, "PUT", "/agents/1001/settings", options+`,"ringing":`+body+`}`).problem(422, want)
	}
	h.ask(me, "PUT", "/agents/1001/settings", options+`,"ringing":{}}`).want(200).is(nil, "agent", "settings", "ringing")
}
