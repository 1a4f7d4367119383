package message

import "strconv"

// WarningOf is the value of a Warning header (RFC 3261 §20.43): who warns, by a host or
// any other word, and of what.
func WarningOf(code int, agent, text string) string {
	return strconv.Itoa(code) + " " + agent + " " + Quote(text)
}
