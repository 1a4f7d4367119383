package message

import "strings"

// appendList splits a comma list, minding quoted strings and angle brackets.
func appendList(out []string, s string) []string {
	for s != "" {
		var v string
		v, s = cutList(s)
		if v != "" {
			out = append(out, v)
		}
	}
	return out
}

// cutList cuts the first value off a comma list.
func cutList(s string) (first, rest string) {
	i := indexOutside(s, ',')
	if i < 0 {
		return strings.Trim(s, " \t"), ""
	}
	return strings.Trim(s[:i], " \t"), s[i+1:]
}

// indexOutside finds the first c that stands in no quoted string and in no
// angle brackets, -1 if there is none.
func indexOutside(s string, c byte) int {
	quoted, angle := false, false
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case quoted && b == '\\':
			i++
		case b == '"' && !angle:
			quoted = !quoted
		case quoted:
		case b == '<':
			angle = true
		case b == '>':
			angle = false
		case b == c && !angle:
			return i
		}
	}
	return -1
}
