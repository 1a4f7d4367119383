package message

import (
	"fmt"
	"strings"
)

// Param is one parameter. Value is without its quotes and escapes.
type Param struct {
	Key    string // lower case
	Value  string // "" for a flag
	Quoted bool   // was, and is to be, written as a quoted string
}

// Params are parameters in the order of the message.
type Params []Param

// Get returns the value of the first parameter of that key, given in lower case.
func (p Params) Get(key string) (string, bool) {
	for i := range p {
		if p[i].Key == key {
			return p[i].Value, true
		}
	}
	return "", false
}

// With returns a copy in which the parameter key has that value; it is appended
// when it is new.
func (p Params) With(key, value string) Params {
	out := append(make(Params, 0, len(p)+1), p...)
	for i := range out {
		if out[i].Key == key {
			out[i] = Param{Key: key, Value: value}
			return out
		}
	}
	return append(out, Param{Key: key, Value: value})
}

// ParseParams reads ";key=value;flag;key="quoted"" with or without its first
// semicolon, tolerating white space around separators and empty parameters.
func ParseParams(s string) (Params, error) {
	var out Params
	for s != "" {
		var one string
		if i := indexOutside(s, ';'); i >= 0 {
			one, s = s[:i], s[i+1:]
		} else {
			one, s = s, ""
		}
		one = strings.Trim(one, " \t")
		if one == "" {
			continue
		}
		p, err := parseParam(one)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func parseParam(s string) (Param, error) {
	key, value, _ := strings.Cut(s, "=")
	key, value = strings.Trim(key, " \t"), strings.Trim(value, " \t")
	if key == "" || strings.ContainsAny(key, " \t\"<>,") {
		return Param{}, fmt.Errorf("%w: parameter %q", ErrMalformed, s)
	}
	p := Param{Key: toLower(key), Value: value}
	if value == "" || value[0] != '"' {
		return p, nil
	}
	var ok bool
	if p.Value, ok = unquote(value); !ok {
		return Param{}, fmt.Errorf("%w: quoted string %q", ErrMalformed, s)
	}
	p.Quoted = true
	return p, nil
}

// headerParam finds one parameter of a name-addr or a value with parameters,
// without allocating.
func headerParam(s, key string) string {
	for {
		i := indexOutside(s, ';')
		if i < 0 {
			return ""
		}
		s = s[i+1:]
		one := s
		if j := indexOutside(s, ';'); j >= 0 {
			one = s[:j]
		}
		k, v, _ := strings.Cut(one, "=")
		if equalFold(strings.Trim(k, " \t"), key) {
			v = strings.Trim(v, " \t")
			if v != "" && v[0] == '"' {
				v, _ = unquote(v)
			}
			return v
		}
	}
}

// unquote takes quotes and escapes off a quoted string (RFC 3261 §25.1).
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s, strings.IndexByte(s, '"') < 0
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return "", false
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b = append(b, s[i])
	}
	return string(b), true
}

// Quote writes s as a quoted string.
func Quote(s string) string { return string(appendQuoted(nil, s)) }

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\r', '\n', 0:
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func (p Params) append(b []byte) []byte {
	for _, one := range p {
		b = append(append(b, ';'), one.Key...)
		switch {
		case one.Quoted:
			b = appendQuoted(append(b, '='), one.Value)
		case one.Value != "":
			b = append(append(b, '='), one.Value...)
		}
	}
	return b
}
