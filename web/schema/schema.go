// Package schema checks a JSON value against the part of JSON Schema 2020-12
// that the API's document uses: type, required, properties,
// additionalProperties, items, enum, lengths, bounds, date-time and references
// within the document.
//
// Keywords it does not know are for people; a test of the API refuses a document
// that has any which would restrict a value, so that nothing is only decoration.
package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Schema is one schema of a document.
type Schema struct {
	Ref        string             `json:"$ref"`
	Type       string             `json:"type"`
	Format     string             `json:"format"`
	Enum       []string           `json:"enum"`
	Required   []string           `json:"required"`
	Properties map[string]*Schema `json:"properties"`
	Items      *Schema            `json:"items"`
	MinLength  *int               `json:"minLength"`
	MaxLength  *int               `json:"maxLength"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`
	// Additional is false for an object that may have no other properties.
	Additional *bool `json:"additionalProperties"`

	Description string          `json:"description"`
	Default     json.RawMessage `json:"default"`
}

// Set is the schemas of a document by name.
type Set map[string]*Schema

const prefix = "#/components/schemas/"

// Resolve follows a reference.
func (set Set) Resolve(s *Schema) (*Schema, error) {
	if s.Ref == "" {
		return s, nil
	}
	name, ok := strings.CutPrefix(s.Ref, prefix)
	to := set[name]
	if !ok || to == nil {
		return nil, fmt.Errorf("schema: reference %q leads nowhere", s.Ref)
	}
	return to, nil
}

// Verify reports the first reference that leads nowhere or type that is not
// known, in s and below.
func (set Set) Verify(s *Schema) error {
	if s == nil {
		return nil
	}
	if _, err := set.Resolve(s); err != nil {
		return err
	}
	switch s.Type {
	case "", "object", "array", "string", "integer", "number", "boolean":
	default:
		return fmt.Errorf("schema: type %q is not known", s.Type)
	}
	for name, p := range s.Properties {
		if err := set.Verify(p); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, r := range s.Required {
		if s.Properties[r] == nil {
			return fmt.Errorf("schema: required property %q is not described", r)
		}
	}
	return set.Verify(s.Items)
}

// Mistake is one way in which a value does not fit.
type Mistake struct {
	Field   string // path such as "options.numbers[0].delay_seconds"; empty: the value itself
	Message string
}

// maxMistakes bounds how much is said about one value.
const maxMistakes = 20

// Check lists how v, decoded with json.Decoder.UseNumber, does not fit s.
func (set Set) Check(s *Schema, v any) []Mistake {
	c := checker{set: set}
	c.value("", s, v)
	return c.found
}

type checker struct {
	set   Set
	found []Mistake
}

func (c *checker) say(field, format string, args ...any) {
	if len(c.found) < maxMistakes {
		c.found = append(c.found, Mistake{field, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) value(field string, s *Schema, v any) {
	s, err := c.set.Resolve(s)
	if err != nil {
		c.say(field, "%v", err)
		return
	}
	switch s.Type {
	case "object":
		c.object(field, s, v)
	case "array":
		c.array(field, s, v)
	case "string":
		c.text(field, s, v)
	case "integer", "number":
		c.number(field, s, v)
	case "boolean":
		if _, ok := v.(bool); !ok {
			c.say(field, "must be true or false")
		}
	}
}

func (c *checker) object(field string, s *Schema, v any) {
	o, ok := v.(map[string]any)
	if !ok {
		c.say(field, "must be an object")
		return
	}
	for _, r := range s.Required {
		if _, ok := o[r]; !ok {
			c.say(join(field, r), "is required")
		}
	}
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if p := s.Properties[name]; p != nil {
			c.value(join(field, name), p, o[name])
		} else if s.Additional != nil && !*s.Additional {
			c.say(join(field, name), "is not known here")
		}
	}
}

func (c *checker) array(field string, s *Schema, v any) {
	l, ok := v.([]any)
	if !ok {
		c.say(field, "must be a list")
		return
	}
	if s.Items == nil {
		return
	}
	for i, e := range l {
		c.value(field+"["+strconv.Itoa(i)+"]", s.Items, e)
	}
}

func (c *checker) text(field string, s *Schema, v any) {
	t, ok := v.(string)
	if !ok {
		c.say(field, "must be text")
		return
	}
	n := utf8.RuneCountInString(t)
	switch {
	case s.Enum != nil && !slices.Contains(s.Enum, t):
		c.say(field, "must be one of %s", strings.Join(s.Enum, ", "))
	case s.MinLength != nil && n < *s.MinLength:
		c.say(field, "must have at least %d characters", *s.MinLength)
	case s.MaxLength != nil && n > *s.MaxLength:
		c.say(field, "must have at most %d characters", *s.MaxLength)
	case s.Format == "date-time":
		if _, err := time.Parse(time.RFC3339Nano, t); err != nil {
			c.say(field, "must be a time as in RFC 3339")
		}
	}
}

func (c *checker) number(field string, s *Schema, v any) {
	n, ok := v.(json.Number)
	if !ok {
		c.say(field, "must be a number")
		return
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) {
		c.say(field, "must be a number of a sensible size")
		return
	}
	if _, err := n.Int64(); s.Type == "integer" && err != nil {
		c.say(field, "must be a whole number")
		return
	}
	switch {
	case s.Minimum != nil && f < *s.Minimum:
		c.say(field, "must be at least %v", *s.Minimum)
	case s.Maximum != nil && f > *s.Maximum:
		c.say(field, "must be at most %v", *s.Maximum)
	}
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}
