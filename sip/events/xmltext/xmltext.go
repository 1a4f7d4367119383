// Package xmltext appends text to XML documents that are built by appending
// bytes. What XML 1.0 cannot carry at all (§2.2) becomes U+FFFD, so that a
// hostile display name can never make a document that a phone refuses.
package xmltext

import "unicode/utf8"

// Append appends s, escaped for element content and for attribute values in
// either kind of quotes. It allocates nothing beyond growing dst.
func Append(dst []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && plain(c) {
			i++
			continue
		}
		rep, size := replacement(s[i:])
		if rep == "" {
			i += size
			continue
		}
		dst = append(dst, s[last:i]...)
		dst = append(dst, rep...)
		i += size
		last = i
	}
	return append(dst, s[last:]...)
}

// plain reports whether a printable ASCII byte stands for itself.
func plain(c byte) bool {
	switch c {
	case '&', '<', '>', '"', '\'', 0x7f:
		return false
	}
	return true
}

// replacement says what the first character of s is written as ("" for itself)
// and how many bytes it takes.
func replacement(s string) (rep string, size int) {
	switch s[0] {
	case '&':
		return "&amp;", 1
	case '<':
		return "&lt;", 1
	case '>':
		return "&gt;", 1
	case '"':
		return "&quot;", 1
	case '\'':
		return "&#39;", 1
	case '\t':
		return "&#9;", 1
	case '\n':
		return "&#10;", 1
	case '\r':
		return "&#13;", 1
	}
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n <= 1 || r < 0x20 || r == 0xFFFE || r == 0xFFFF {
		return "\uFFFD", n
	}
	return "", n
}
