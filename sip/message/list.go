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
// angle brackets, -1 if there is none. Most values have none at all.
func indexOutside(s string, c byte) int {
	i := strings.IndexByte(s, c)
	if i < 0 {
		return -1
	}
	if strings.IndexByte(s[:i], '"') < 0 && strings.IndexByte(s[:i], '<') < 0 {
		return i
	}
	for i = 0; i < len(s); {
		end := 1
		switch s[i] {
		case '"':
			end = quotedEnd(s[i:])
		case '<':
			end = strings.IndexByte(s[i:], '>') + 1
		case c:
			return i
		}
		if end <= 0 { // it does not end
			return -1
		}
		i += end
	}
	return -1
}
