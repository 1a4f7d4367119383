package api

import "testing"

func TestWorkingHoursAreSet(t *testing.T) {
	h := newHouse(t)
	h.online("1001")
	me := h.login("1001")
	const options = `"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[{"number":"0301","enabled":true,"hours":{"week":["daily closed"]}}]}`
	h.ask(me, "PUT", "/agents/1001/settings", `{`+options+`,"hours":{"week":["Mon-Fri 9:00-17:00"],"days":["12-25 closed Christmas Day"]},"after_hours":"sip:night@one.test"}`).
		want(200).is("mon-fri 09:00-17:00", "agent", "settings", "hours", "week", 0)
	// What a page that knows nothing of hours saves keeps them.
	h.ask(me, "PUT", "/agents/1001/settings", `{"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[{"number":"0301","enabled":true}]}}`).want(200)
	h.ask(me, "GET", "/agents/1001/settings", "").want(200).
		is("mon-fri 09:00-17:00", "hours", "week", 0).is("12-25 closed Christmas Day", "hours", "days", 0).is("sip:night@one.test", "after_hours").
		is("daily closed", "options", "numbers", 0, "hours", "week", 0)
	h.ask(me, "GET", "/agents/1001", "").want(200).is("outside working hours", "devices", 1, "why")

	h.ask(me, "PUT", "/agents/1001/settings", `{`+options+`,"hours":{"week":["daily closed"]},"after_hours":""}`).want(200)
	h.ask(admin, "POST", "/route", `{"agent":"1001","kind":"regular"}`).want(200).is(false, "allow").is("Outside working hours", "text")
	h.ask(admin, "POST", "/route", `{"agent":"1001","kind":"internal"}`).want(200).is(true, "allow")
	h.ask(me, "PUT", "/agents/1001/settings", `{`+options+`,"hours":{"week":[],"days":[]}}`).want(200).is(nil, "agent", "settings", "hours")
	h.ask(admin, "POST", "/route", `{"agent":"1001","kind":"regular"}`).want(200).is(true, "allow")
	h.ask(admin, "GET", "/domains", "").want(200).is("UTC", "domains", 0, "time_zone")

	for body, want := range map[string]string{
		`{` + options + `,"hours":{"week":["mon 9-17"]}}`:                                                                   "week[0]",
		`{` + options + `,"hours":{"days":["today closed"]}}`:                                                               "days[0]",
		`{` + options + `,"after_hours":"http://x"}`:                                                                        "after_hours",
		`{"options":{"webphone":true,"sip_phone":true,"mobile":true,"numbers":[{"number":"0301","hours":{"week":["x"]}}]}}`: "the hours of 0301",
	} {
		h.ask(me, "PUT", "/agents/1001/settings", body).problem(422, want)
	}
	h.ask(h.login("1002"), "PUT", "/agents/1001/settings", `{`+options+`,"hours":{"week":[]}}`).problem(403, "themselves")
}
