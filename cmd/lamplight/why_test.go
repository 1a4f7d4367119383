package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// A call's story, from what the API says to what people read.
func TestTheStoryOfACall(t *testing.T) {
	const head = `{"call_id":"c","decisions":[{"kind":"regular","caller":"sip:+15550111@example.com","actor":"peer:demo-pbx",
		"decision":{"id":"d1","at":"2026-03-04T12:00:01.3Z","agent":{"number":"1001","name":"Ada Lindgren"},`
	const replay = `"replay":{"result":"identical","text":"the same again"}}]`
	const first = "2026-03-04 12:00:01 call from sip:+15550111@example.com to 1001 Ada Lindgren (regular), asked by peer:demo-pbx\n"
	for name, c := range map[string]struct{ answer, want string }{
		"answered": {
			head + `"explanation":"Rings.","devices":[{"id":"b1","kind":"desk","name":"Window","taken":true,"reason":"registered"},
				{"id":"b2","kind":"mobile","taken":false,"reason":"switched off"},{"id":"b3","kind":"soft","taken":true,"reason":"registered"},
				{"id":"w","kind":"webphone","taken":true,"reason":"online"},{"id":"n","kind":"number","taken":true,"reason":"after 20 s"}]},
			"status":200,"left_out":["webphone w: no pages yet","fallback: no trunk"],"tries":[
				{"target":"b1","what":"called","after_seconds":0.001},{"target":"b3","what":"called","after_seconds":0.002},
				{"target":"b1","what":"rings","status":180,"after_seconds":0.21},{"target":"b3","what":"failed","status":486,"after_seconds":1},
				{"target":"b1","what":"answered","status":200,"after_seconds":3.14}],` + replay + `}`,
			first + `  Rings.
  desk phone Window: called, rings after 0.2 s with 180, answered after 3.1 s with 200
  mobile: left out: switched off
  softphone: called, failed after 1.0 s with 486
  webphone: left out: no pages yet
  number: not called
  left out: fallback: no trunk
  answered with 200
  decision d1: the same again
`},
		"nobody answers": {
			head + `"explanation":"Rings.","devices":[{"id":"b1","kind":"desk","taken":true,"reason":"registered"}]},"status":480,"tries":[
				{"target":"b1","what":"called","after_seconds":0},{"target":"b1","what":"not needed any more","after_seconds":20},
				{"target":"fallback","kind":"fallback","what":"called","after_seconds":20},{"target":"gone","what":"woken","after_seconds":2}],` + replay + `}`,
			first + `  Rings.
  desk phone: called, not needed any more after 20.0 s
  fallback: called after 20.0 s
  gone: woken after 2.0 s
  answered with 480
  decision d1: the same again
`},
		"redirected": {
			head + `"explanation":"Rings.","devices":[{"id":"b1","kind":"desk","taken":true,"reason":"registered"}]},"status":302,
			"contacts":["<sip:1001@192.0.2.1>;q=0.7"],` + replay + `}`,
			first + `  Rings.
  desk phone: registered
  answered with 302: <sip:1001@192.0.2.1>;q=0.7
  decision d1: the same again
`},
		"refused, and more to look at": {
			head + `"explanation":"Refused with 486.","devices":[]},"status":486,` + replay + `,"unreadable":[7,9],"next":5}`,
			first + `  Refused with 486.
  answered with 486
  decision d1: the same again
2 entries of the log cannot be read: 7 9
there may be more: --before 5
`},
		"of nobody known, by way of a group, from who writes to the terminal": {
			`{"decisions":[{"kind":"campaign","group":"sales","caller":"sip:\u001b[2J@x","actor":"token:a",
			"decision":{"id":"d","at":"2026-03-04T12:00:01Z","explanation":"No.","agent":{"number":"","name":""},"devices":[]},"replay":{"text":"other rules"}}]}`,
			`2026-03-04 12:00:01 call from sip:?[2J@x to nobody known (campaign, by way of sales), asked by token:a
  No.
  decision d: other rules
`},
		"of an agent's own": {
			`{"decisions":[{"number":"+15550100","shown":"P-Asserted-Identity: <sip:+4930@x> (team)","actor":"device:1001","decision":{"id":"d","at":"2026-03-04T12:00:01Z","explanation":"Let out.",
			"agent":{"number":"1001","name":"Ada"},"devices":[]},"status":200,"tries":[{"target":"trunk","what":"called","after_seconds":0},
			{"target":"trunk","what":"answered","status":200,"after_seconds":4}],"replay":{"text":"same"}}]}`,
			`2026-03-04 12:00:01 call of 1001 Ada to +15550100, asked by device:1001
  Let out.
  the other side is shown P-Asserted-Identity: <sip:+4930@x> (team)
  trunk: called, answered after 4.0 s with 200
  answered with 200
  decision d: same
`},
		"of a group": {
			`{"decisions":[{"about":"group","group":"600","kind":"regular","caller":"sip:x@y","actor":"peer:pbx","decision":{"id":"d","at":"2026-03-04T12:00:01Z",
			"explanation":"Offered.","agent":{"number":"600","name":"Sales"},"devices":[{"id":"1001","kind":"member","name":"Ada","taken":true,"reason":"free, idle for 3m0s"},
			{"id":"1002","kind":"member","name":"Bruno","taken":false,"reason":"On a Call"},{"id":"1003","kind":"member","taken":true,"reason":"free"}]},"status":200,"tries":[
			{"target":"b1","agent":"1001","kind":"desk","what":"called","after_seconds":0},{"target":"b2","agent":"1001","kind":"soft","name":"Home","what":"called","after_seconds":0},
			{"target":"b1","agent":"1001","kind":"desk","what":"answered","status":200,"after_seconds":4},{"target":"b9","what":"called","after_seconds":0}],"replay":{"text":"same"}}]}`,
			`2026-03-04 12:00:01 call from sip:x@y to group 600 Sales (regular), asked by peer:pbx
  Offered.
  1001 Ada: free, idle for 3m0s; desk phone called, answered after 4.0 s with 200; softphone Home called
  1002 Bruno: left out: On a Call
  1003: free
  b9: called
  answered with 200
  decision d: same
`},
		"rows that cannot be read": {`{"decisions":[],"unreadable":[3]}`, "1 entries of the log cannot be read: 3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var call told
			if err := json.Unmarshal([]byte(c.answer), &call); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := call.story(&out, time.UTC); err != nil || out.String() != c.want {
				t.Errorf("%v, told\n%s\nwant\n%s", err, out.String(), c.want)
			}
		})
	}
}

// TestACallIsExplainedOnTheCommandLine: from the phone that asked to the words.
func TestACallIsExplainedOnTheCommandLine(t *testing.T) {
	demo(t)
	const domain = "demo.lamplight.test"
	pbx := siptest.NewRealPeer(t, os.Getenv("DEMO_SIP"))
	b := pbx.Request("INVITE", "sip:1001@"+domain, "sip:pbx@"+domain, "").Add(message.Contact, "<"+pbx.Contact("pbx")+">")
	m := pbx.Do(b)
	if m.Status != 480 {
		t.Fatalf("%d", m.Status)
	}
	id := m.Get(message.CallID)
	var listed string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if listed = ask(t, "why --agent 1001"); strings.Contains(listed, id) {
			break
		}
	}
	if !regexp.MustCompile(`(?m)^WHEN +CALL-ID.*\n.* ` + regexp.QuoteMeta(id) + ` .* 480 +The call is refused with 480`).MatchString(listed) {
		t.Errorf("listed\n%s", listed)
	}
	ask(t, "why "+id, "to 1001 Ada Lindgren (regular), asked by peer:", "refused with 480", "answered with 480", "the identical decision again", "left out: ")
	ask(t, "why "+id+" --agent 1001 --json", `"call_id":"`+id+`"`, `"result":"identical"`)
	for args, want := range map[string]string{
		"why": "name a Call-ID", "why unknown": "no decision about the call", "why --agent 9999": "9999",
		"why " + id + " --agent 1002": "no decision", "why " + id + " --hours 0": "hours",
	} {
		if out, err := command(t, "", strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %s", args, err, out)
		}
	}
}

// TestAGroupsCallIsExplainedOnTheCommandLine: whom a call to a group was to ring, and why nobody.
func TestAGroupsCallIsExplainedOnTheCommandLine(t *testing.T) {
	demo(t)
	const domain = "demo.lamplight.test"
	pbx := siptest.NewRealPeer(t, os.Getenv("DEMO_SIP"))
	m := pbx.Do(pbx.Request("INVITE", "sip:610@"+domain, "sip:pbx@"+domain, "").Add(message.Contact, "<"+pbx.Contact("pbx")+">"))
	if m.Status != 480 {
		t.Fatalf("%d", m.Status)
	}
	id := m.Get(message.CallID)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(ask(t, "why --group 610"), id) {
			break
		}
	}
	ask(t, "why "+id, "to group 610 Support (regular), asked by peer:", "Nobody of group 610 is asked: Nobody is there (480).",
		"1007 Grace Mbeki: left out: ", "answered with 480", "the identical decision again")
	ask(t, "group members 610", "1007", "Grace Mbeki", "Nobody of group 610 is asked")
}
