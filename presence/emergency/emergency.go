// Package emergency knows which numbers call for help, country by country, and in
// which forms phones dial them. It is pure.
//
// # What the table is
//
// A start: the numbers by which police, fire brigade, ambulance and, where there are
// such, coast guard and mountain rescue are commonly known, and no counselling and no
// numbers that cost. It was not compared with each country's regulator. Numbering
// plans change, and are notified to the ITU (Recommendation E.129); the list of one's
// own goes beside the table's, and should hold whatever the trunk's operator says must
// pass.
package emergency

import (
	"slices"
	"strings"
)

// service is the URN of help by any service, and the beginning of those of a
// particular one (RFC 5031 §4.2).
const service = "urn:service:sos"

// universal is dialled where a phone asks for help by name and no number is known;
// every mobile network understands it (3GPP TS 22.101 §10.1).
const universal = "112"

// Numbers are those of a country by its ISO 3166-1 code, the one for everything
// first; false: the country is not in the table.
func Numbers(country string) ([]string, bool) {
	list, ok := table[strings.ToUpper(country)]
	return strings.Fields(list), ok
}

// Countries are the codes of the table, sorted.
func Countries() []string {
	out := make([]string, 0, len(table))
	for code := range table {
		out = append(out, code)
	}
	slices.Sort(out)
	return out
}

// Find is the number to call where what was dialled calls for help: a number of the
// country or of the own list, alone, as a telephone or SIP URI, or a service's name. A
// name stands for the country's first number.
func Find(country string, own []string, dialled string) (number string, ok bool) {
	list := table[strings.ToUpper(country)]
	if named(dialled) {
		for n := range strings.FieldsSeq(list) {
			return n, true
		}
		if len(own) > 0 {
			return bare(own[0]), true
		}
		return universal, true
	}
	if number = bare(dialled); number == "" {
		return "", false
	}
	for n := range strings.FieldsSeq(list) {
		if n == number {
			return n, true
		}
	}
	for _, n := range own {
		if bare(n) == number {
			return number, true
		}
	}
	return "", false
}

// named reports whether it is a service's name: sos or sos and a dot. URNs and their
// services are compared without regard to case (RFC 5031 §4.1).
func named(s string) bool {
	if len(s) < len(service) || !strings.EqualFold(s[:len(service)], service) {
		return false
	}
	return len(s) == len(service) || s[len(service)] == '.'
}

// bare takes a number out of the form it was dialled in: without scheme, host,
// parameters (RFC 3966 §3) and visual separators. A plus in front of a number so
// short is a phone's, not a country code's.
func bare(s string) string {
	if scheme, rest, ok := strings.Cut(s, ":"); ok {
		switch strings.ToLower(scheme) {
		case "tel", "sip", "sips":
			s = rest
		default:
			return ""
		}
	}
	s, _, _ = strings.Cut(s, "@")
	s, _, _ = strings.Cut(s, ";")
	if strings.ContainsAny(s, " -.()") {
		s = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "").Replace(s)
	}
	if len(s) <= 5 {
		s = strings.TrimPrefix(s, "+")
	}
	return s
}
