package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lamplight/presence/roster"
	"lamplight/web/schema"
)

// rawOperation is what the tests need of an operation beyond the contract.
type rawOperation struct {
	ID   string `json:"operationId"`
	Body *struct {
		Content map[string]struct {
			Example json.RawMessage `json:"example"`
		} `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]struct {
			Schema *schema.Schema `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

type rawDocument struct {
	OpenAPI    string                             `json:"openapi"`
	Paths      map[string]map[string]rawOperation `json:"paths"`
	Components struct {
		Schemas map[string]map[string]any `json:"schemas"`
	} `json:"components"`
}

func rawDoc(t *testing.T) *rawDocument {
	t.Helper()
	var d rawDocument
	if err := json.Unmarshal(Document, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// example is the request body of the document, or empty.
func (o *rawOperation) example() string {
	if o.Body == nil {
		return ""
	}
	for media, c := range o.Body.Content {
		if media == mediaCSV {
			var s string
			_ = json.Unmarshal(c.Example, &s)
			return s
		}
		return string(c.Example)
	}
	return ""
}

// path fills in the document's path parameters.
func examplePath(path string) string {
	return strings.NewReplacer("{agent}", "1001", "{device}", "1001", "{desk}", "desk-1", "{group}", "600", "{list}", "friends", "{watcher}", "1002", "{registration}", "b1", "{account}", "1001", "{call_id}", "c1").Replace(path)
}

// operations calls f for every operation of the document, each in a house of
// its own where one is asked for.
func operations(t *testing.T, f func(t *testing.T, op *operation, raw *rawOperation)) {
	c, err := readContract(Document)
	if err != nil {
		t.Fatal(err)
	}
	d := rawDoc(t)
	for _, op := range c.operations {
		raw := d.Paths[op.Path][strings.ToLower(op.Method)]
		t.Run(op.ID, func(t *testing.T) { f(t, op, &raw) })
	}
}

// Every operation, called with the document's own example, gives the answer the
// document describes.
func TestAnswersAreAsDescribed(t *testing.T) {
	operations(t, func(t *testing.T, op *operation, raw *rawOperation) {
		if op.ID == "streamEvents" {
			t.Skip("a stream does not end; TestStream holds its events to the document")
		}
		h := newHouse(t)
		h.online("1001")
		h.talking("1001", "campaign")
		var who any = admin
		body := raw.example()
		switch op.ID {
		case "restoreOptions":
			h.do("1001", roster.AllOptionsOff{})
		case "getGroup", "removeGroup", "listGroupCalls", "listGroupWaiting", "listGroupMembers":
			h.ask(admin, "PUT", "/groups/600", `{"name":"Sales"}`).want(200)
		case "logoutDesk":
			h.ask(admin, "POST", "/desks/desk-1/login", `{"agent":"1001"}`).want(200)
		case "getCall", "listAgentCalls":
			h.ask(admin, "POST", "/route", `{"agent":"1001","caller":"sip:a@b","call_id":"c1"}`).want(200)
		case "webphoneTicket":
			who = h.login("1001")
		case "listFlows", "listUpstreams", "listTrunks":
			who = everywhere
		case "login":
			body = `{"number":"1001","password":"` + password + `","domain":"one.test"}`
		}
		r := h.ask(who, op.Method, examplePath(op.Path), body)
		var want int
		for code := range raw.Responses {
			if n, err := strconv.Atoi(code); err == nil {
				want = n
			}
		}
		r.want(want)
		content := raw.Responses[strconv.Itoa(want)].Content
		if len(content) == 0 {
			if len(r.body) > 0 {
				t.Errorf("a body where none is described: %s", r.body)
			}
			return
		}
		if got := r.header.Get("Content-Type"); got != mediaJSON {
			t.Errorf("content type %q", got)
		}
		h.fits(content[mediaJSON].Schema, r.body)
	})
}

// fits holds JSON to a schema.
func (h *house) fits(s *schema.Schema, body []byte) {
	h.t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		h.t.Fatalf("%v: %s", err, body)
	}
	for _, m := range h.api.contract.schemas.Check(s, v) {
		h.t.Errorf("the answer's %s %s: %s", m.Field, m.Message, body)
	}
}

// Who may not is told so before anything else, whatever the body.
func TestRolesAreEnforced(t *testing.T) {
	h := newHouse(t)
	agent := h.login("1001")
	operations(t, func(t *testing.T, op *operation, raw *rawOperation) {
		h := *h
		h.t = t
		path, body := examplePath(op.Path), raw.example()
		if op.Role == "" {
			return
		}
		h.ask(nobody, op.Method, path, body).problem(http.StatusUnauthorized, "log in")
		h.ask("t-unknown", op.Method, path, body).problem(http.StatusUnauthorized, "not known")
		lesser := map[string][]any{"admin": {supervisor, reader, agent}, "supervisor": {reader, agent}}[string(op.Role)]
		for _, who := range lesser {
			h.ask(who, op.Method, path, body).problem(http.StatusForbidden, string(op.Role))
		}
	})
}

// What the document does not know is refused by name.
func TestUnknownIsRefused(t *testing.T) {
	h := newHouse(t)
	operations(t, func(t *testing.T, op *operation, raw *rawOperation) {
		h := *h
		h.t = t
		path := examplePath(op.Path)
		h.ask(admin, op.Method, path+"?surprise=1", raw.example()).problem(400, "surprise is not known here")
		if op.Body == nil {
			return
		}
		h.ask(admin, op.Method, path, `{"surprise":1}`).want(400)
		r := h.ask(admin, op.Method, path, `{"surprise":1}`)
		if !strings.Contains(string(r.body), `"surprise"`) {
			t.Errorf("the unknown field is not named: %s", r.body)
		}
		h.ask(admin, op.Method, path, `{"a":`).problem(400, "not JSON")
		h.ask(admin, op.Method, path, `{} {}`).problem(400, "more than one")
		h.ask(admin, op.Method, path, `{"reason":"`+strings.Repeat("x", maxBody)+`"}`).problem(413, "larger than")
		req, _ := http.NewRequestWithContext(t.Context(), op.Method, h.server.URL+Base+path, strings.NewReader("x=1"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		h.send(admin, req).problem(415, "application/json")
	})
}

// The Go types and the schemas have the same fields, both ways.
func TestTypesAreAsDescribed(t *testing.T) {
	c, err := readContract(Document)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]any{
		"Problem": Problem{}, "FieldError": Field{}, "View": viewJSON{}, "Views": viewsJSON{}, "Selection": selectionJSON{},
		"DeviceState": deviceStateJSON{}, "Session": sessionJSON{}, "Leg": legJSON{}, "WrapUp": wrapUpJSON{}, "Routes": routesJSON{},
		"Number": numberJSON{}, "ForwardingOptions": optionsJSON{}, "Settings": settingsJSON{}, "Agent": agentJSON{},
		"Outcome": outcomeJSON{}, "Target": targetJSON{}, "Step": stepJSON{}, "Considered": consideredJSON{}, "Decision": decisionJSON{},
		"StatusChoice": choiceJSON{}, "Change": changeJSON{}, "Domain": domainJSON{}, "Device": deviceJSON{}, "ImportReport": reportJSON{},
		"CallTry": tryJSON{}, "Replay": replayJSON{}, "CallDecision": callDecisionJSON{}, "Call": callJSON{},
		"CallSummary": callSummaryJSON{}, "CallList": callsJSON{},
		"Me": meJSON{}, "Registration": Registration{}, "List": listJSON{},
		"Publication": Publication{}, "Flow": Flow{}, "Mailbox": Mailbox{}, "Messages": Messages{}, "MessageCounts": MessageCounts{},
		"Webphone": Webphone{}, "WebphoneDevice": WebphoneDevice{}, "WebphoneCall": WebphoneCall{},
		"PageFigures": PageFigures{}, "GatewayFigures": GatewayFigures{}, "SideFigures": SideFigures{},
	}
	for name, v := range types {
		s := c.schemas[name]
		if s == nil {
			t.Errorf("there is no schema %s", name)
			continue
		}
		want := slices.Sorted(maps.Keys(s.Properties))
		got := fieldNames(reflect.TypeOf(v))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the type has %v, the document %v", name, got, want)
		}
	}
}

func fieldNames(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			out = append(out, fieldNames(f.Type)...)
		case name != "" && name != "-":
			out = append(out, name)
		}
	}
	return out
}

// The document says nothing that the reader of schemas does not hold, and
// describes nothing that is never used.
func TestDocumentIsHeld(t *testing.T) {
	d := rawDoc(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("openapi %q", d.OpenAPI)
	}
	known := fieldNames(reflect.TypeOf(schema.Schema{}))
	var walk func(at string, s map[string]any)
	walk = func(at string, s map[string]any) {
		for k, v := range s {
			if !slices.Contains(known, k) {
				t.Errorf("%s: keyword %q is not held", at, k)
			}
			switch k {
			case "properties":
				for name, p := range v.(map[string]any) {
					walk(at+"."+name, p.(map[string]any))
				}
			case "items":
				walk(at+"[]", v.(map[string]any))
			}
		}
	}
	for name, s := range d.Components.Schemas {
		walk(name, s)
		mentioned := bytes.Count(Document, fmt.Appendf(nil, `"#/components/schemas/%s"`, name))
		if name == "SnapshotEvent" || name == "RemovedEvent" || name == "AliveEvent" {
			mentioned++ // named in the stream's description
		}
		if mentioned == 0 {
			t.Errorf("schema %s is used nowhere", name)
		}
	}
}

func TestNoSuchPlace(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "GET", "/nothing", "").problem(404, "/api/v1/nothing")
	h.ask(admin, "GET", "", "").problem(404, "openapi.json")
	r := h.ask(admin, "POST", "/agents/1001", "{}").problem(405, "takes GET, PATCH, DELETE")
	if got := r.header.Get("Allow"); got != "GET, PATCH, DELETE" {
		t.Errorf("Allow %q", got)
	}
	h.ask(nobody, "PUT", "/login", "{}").problem(405, "POST")
}
