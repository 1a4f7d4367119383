package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

const set = `{
  "Call": {"type": "object", "required": ["kind"], "additionalProperties": false, "properties": {
    "kind": {"type": "string", "enum": ["regular", "campaign"]},
    "name": {"type": "string", "minLength": 2, "maxLength": 4},
    "at":   {"type": "string", "format": "date-time"},
    "n":    {"type": "integer", "minimum": 1, "maximum": 9},
    "on":   {"type": "boolean"},
    "legs": {"type": "array", "items": {"$ref": "#/components/schemas/Leg"}}
  }},
  "Leg": {"type": "object", "required": ["id"], "additionalProperties": false, "properties": {"id": {"type": "string"}}}
}`

func read(t *testing.T) Set {
	t.Helper()
	var s Set
	if err := json.Unmarshal([]byte(set), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCheck(t *testing.T) {
	s := read(t)
	for name, c := range map[string]struct {
		in   string
		want string // field and message, joined by ; — empty: fits
	}{
		"least":            {`{"kind":"regular"}`, ""},
		"everything":       {`{"kind":"campaign","name":"äöü","at":"2026-01-02T03:04:05Z","n":9,"on":false,"legs":[{"id":"a"}]}`, ""},
		"missing":          {`{}`, "kind is required"},
		"unknown":          {`{"kind":"regular","Kind":"x"}`, "Kind is not known here"},
		"no object":        {`[]`, " must be an object"},
		"null":             {`{"kind":null}`, "kind must be text"},
		"not in list":      {`{"kind":"sales"}`, "kind must be one of regular, campaign"},
		"short":            {`{"kind":"regular","name":"a"}`, "name must have at least 2 characters"},
		"long in runes":    {`{"kind":"regular","name":"äöüßä"}`, "name must have at most 4 characters"},
		"no time":          {`{"kind":"regular","at":"noon"}`, "at must be a time as in RFC 3339"},
		"fraction":         {`{"kind":"regular","n":1.5}`, "n must be a whole number"},
		"low":              {`{"kind":"regular","n":0}`, "n must be at least 1"},
		"high":             {`{"kind":"regular","n":10}`, "n must be at most 9"},
		"huge":             {`{"kind":"regular","n":1e999}`, "n must be a number of a sensible size"},
		"text for a truth": {`{"kind":"regular","on":"yes"}`, "on must be true or false"},
		"deep":             {`{"kind":"regular","legs":[{"id":"a"},{"x":1}]}`, "legs[1].id is required;legs[1].x is not known here"},
		"no list":          {`{"kind":"regular","legs":{}}`, "legs must be a list"},
	} {
		t.Run(name, func(t *testing.T) {
			d := json.NewDecoder(strings.NewReader(c.in))
			d.UseNumber()
			var v any
			if err := d.Decode(&v); err != nil {
				t.Fatal(err)
			}
			mistakes := s.Check(s["Call"], v)
			got := make([]string, 0, len(mistakes))
			for _, m := range mistakes {
				got = append(got, m.Field+" "+m.Message)
			}
			if g := strings.Join(got, ";"); g != c.want {
				t.Errorf("got %q, want %q", g, c.want)
			}
		})
	}
}

func TestMistakesAreBounded(t *testing.T) {
	s := read(t)
	legs := make([]any, 1000)
	for i := range legs {
		legs[i] = map[string]any{}
	}
	if n := len(s.Check(s["Call"], map[string]any{"kind": "regular", "legs": legs})); n != maxMistakes {
		t.Errorf("%d mistakes told, want %d", n, maxMistakes)
	}
}

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"reference":  {`{"$ref":"#/components/schemas/Gone"}`, "leads nowhere"},
		"type":       {`{"type":"text"}`, "not known"},
		"required":   {`{"type":"object","required":["a"]}`, "not described"},
		"below":      {`{"type":"array","items":{"type":"text"}}`, "not known"},
		"in a field": {`{"type":"object","properties":{"a":{"$ref":"x"}}}`, "a: "},
	} {
		t.Run(name, func(t *testing.T) {
			var one Schema
			if err := json.Unmarshal([]byte(c.in), &one); err != nil {
				t.Fatal(err)
			}
			if err := read(t).Verify(&one); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
