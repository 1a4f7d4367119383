package message

import (
	"fmt"
	"strings"
)

// NameAddr is a name-addr or addr-spec with its header parameters (RFC 3261
// §20.10): From, To, Contact, Route, Path and their kind.
type NameAddr struct {
	Display string // without quotes and escapes
	URI     string // as sent
	Params  Params // the header's; those of the URI stay in URI
	Star    bool   // Contact: *
}

// ParseNameAddr reads one address. It tolerates display names that should have
// been quoted and white space around everything; it refuses unbalanced quotes
// and brackets, an empty URI, and a URI with white space.
func ParseNameAddr(s string) (NameAddr, error) {
	s = strings.Trim(s, " \t")
	if s == "*" {
		return NameAddr{Star: true}, nil
	}
	var a NameAddr
	rest := s
	if s != "" && s[0] == '"' {
		end := quotedEnd(s)
		if end < 0 {
			return NameAddr{}, fmt.Errorf("%w: unbalanced quotes in address %q", ErrMalformed, s)
		}
		a.Display, _ = unquote(s[:end])
		rest = strings.TrimLeft(s[end:], " \t")
		if rest == "" || rest[0] != '<' {
			return NameAddr{}, fmt.Errorf("%w: no <uri> after the name in %q", ErrMalformed, s)
		}
	}
	var params string
	if open := strings.IndexByte(rest, '<'); open >= 0 {
		shut := strings.IndexByte(rest[open:], '>')
		if shut < 0 {
			return NameAddr{}, fmt.Errorf("%w: unbalanced brackets in address %q", ErrMalformed, s)
		}
		if name := strings.Trim(rest[:open], " \t"); name != "" {
			a.Display = name
		}
		a.URI, params = rest[open+1:open+shut], strings.TrimLeft(rest[open+shut+1:], " \t")
		if params != "" && params[0] != ';' {
			return NameAddr{}, fmt.Errorf("%w: %q after the address", ErrMalformed, params)
		}
	} else {
		// Without brackets what follows the semicolon belongs to the header.
		a.URI, params, _ = strings.Cut(rest, ";")
		a.URI = strings.TrimRight(a.URI, " \t")
	}
	if a.URI == "" || strings.ContainsAny(a.URI, " \t\"<>") || strings.IndexByte(a.Display, '"') >= 0 && s[0] != '"' {
		return NameAddr{}, fmt.Errorf("%w: address %q", ErrMalformed, s)
	}
	var err error
	a.Params, err = ParseParams(params)
	return a, err
}

// quotedEnd returns the offset after the quoted string that s starts with.
func quotedEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// String writes the address, always with brackets, the name quoted.
func (a NameAddr) String() string {
	if a.Star {
		return "*"
	}
	b := make([]byte, 0, len(a.Display)+len(a.URI)+32)
	if a.Display != "" {
		b = append(appendQuoted(b, a.Display), ' ')
	}
	b = append(append(append(b, '<'), a.URI...), '>')
	return string(a.Params.append(b))
}

// Tag returns the tag parameter, "" if there is none.
func (a NameAddr) Tag() string {
	t, _ := a.Params.Get("tag")
	return t
}
