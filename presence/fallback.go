package presence

import (
	"errors"
	"strings"
)

// ErrFallback says what a fallback has to be.
var ErrFallback = errors.New("no number and no URI of sip, sips or tel, of up to 256 characters")

const maxFallback = 256

// CheckFallback holds a fallback (Policy.Fallback, Settings.Fallback) to its form:
// a SIP or telephone URI (RFC 3261 §19.1, RFC 3966) without blanks, brackets and
// headers, or a number, which is dialled within the domain. Empty is none.
func CheckFallback(s string) error {
	if s == "" {
		return nil
	}
	if len(s) > maxFallback || strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>\",?\\", r)
	}) {
		return ErrFallback
	}
	scheme, rest, uri := strings.Cut(s, ":")
	if !uri {
		return checkDialled(s)
	}
	switch strings.ToLower(scheme) {
	case "sip", "sips":
		address, _, _ := strings.Cut(rest, ";")
		user, host, ok := strings.Cut(address, "@")
		if !ok {
			host = address
		}
		if host == "" || strings.Contains(host, "@") || ok && user == "" {
			return ErrFallback
		}
		return nil
	case "tel":
		number, _, _ := strings.Cut(rest, ";")
		return checkDialled(number)
	}
	return ErrFallback
}

// checkDialled: digits, with visual separators, a plus, star or hash.
func checkDialled(s string) error {
	if !strings.ContainsAny(s, "0123456789*#") || strings.Trim(s, "0123456789*#+-.()") != "" {
		return ErrFallback
	}
	return nil
}
