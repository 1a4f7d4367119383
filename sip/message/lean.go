package message

import "bytes"

// leanRoom is a Message with room for its headers in the same allocation.
type leanRoom struct {
	Message
	viaRoom ViaValue
	room    [18]Header
}

// parseLean reads the strict subset of the grammar that well-behaved phones
// send: CRLF line ends, no folding, plain names, printable ASCII at both ends of
// every value, a sip or sips Request-URI of ordinary characters, at most one
// Content-Length, spelt in canonical decimal. It returns nil for anything else,
// which says nothing about the message: parseFull decides.
func parseLean(own []byte) *leanRoom {
	eol := bytes.IndexByte(own, '\n')
	if eol < 12 || eol > MaxLine || own[eol-1] != '\r' {
		return nil
	}
	m := &leanRoom{}
	m.Raw, m.Headers = own, m.room[:0]
	if !m.leanStartLine(text(own[:eol-1])) {
		return nil
	}
	length := -1
	at := eol + 1
	for {
		line, next := leanLine(own, at)
		if next == 0 || next > MaxHead {
			return nil
		}
		at = next
		if len(line) == 0 {
			break
		}
		h, ok := leanHeader(line)
		if !ok || len(m.Headers) == MaxHeaders {
			return nil
		}
		if h.Name == ContentLength {
			n, ok := leanNumber(h.Value)
			if !ok || length >= 0 {
				return nil
			}
			length = n
		}
		m.Headers = append(m.Headers, h)
	}
	rest := len(own) - at
	if length < 0 {
		length = rest
	}
	if length > rest || length > MaxBody {
		return nil
	}
	if length > 0 {
		m.Body = own[at : at+length : at+length]
	}
	return m
}

// leanStartLine takes "METHOD sip:… SIP/2.0" or "SIP/2.0 nnn Phrase".
func (m *Message) leanStartLine(s string) bool {
	const version = "SIP/2.0"
	if len(s) > 12 && s[:8] == version+" " {
		n := digits3(s[8:11])
		if n < 100 || n > 699 || s[11] != ' ' || !printable(s[12:]) {
			return false
		}
		m.Status, m.Phrase = n, s[12:]
		return true
	}
	end := len(s) - len(version)
	if end < 4 || s[end:] != version || s[end-1] != ' ' {
		return false
	}
	i := 0
	for i < end-1 && isTokenByte(s[i]) {
		i++
	}
	if i == 0 || s[i] != ' ' || i+1 >= end-1 || !leanURI(s[i+1:end-1]) {
		return false
	}
	m.Method, m.URI = s[:i], s[i+1:end-1]
	return true
}

// leanURI accepts [sip|sips]:[user@]host[:port][;params] of ordinary characters.
func leanURI(s string) bool {
	switch {
	case len(s) > 4 && s[:4] == "sip:":
		s = s[4:]
	case len(s) > 5 && s[:5] == "sips:":
		s = s[5:]
	default:
		return false
	}
	i := 0
	for i < len(s) && isUserByte(s[i]) {
		i++
	}
	if i < len(s) && s[i] == '@' {
		s = s[i+1:]
	}
	host := 0
	for host < len(s) && isHostByte(s[host]) {
		host++
	}
	if host == 0 {
		return false
	}
	s = s[host:]
	if s != "" && s[0] == ':' {
		i = 1
		for i < len(s) && i < 6 && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		if i == 1 {
			return false
		}
		s = s[i:]
	}
	if s == "" {
		return true
	}
	if s[0] != ';' {
		return false
	}
	for i = 1; i < len(s); i++ {
		if !isUserByte(s[i]) && s[i] != ';' && s[i] != '=' {
			return false
		}
	}
	return true
}

func isUserByte(c byte) bool {
	return isTokenByte(c) && c != '`' || c == '(' || c == ')' || c == '&' || c == '$'
}

func isHostByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.'
}

// leanLine cuts the line at offset at and gives the offset of the next one, 0
// if there is none or the next line continues this one.
func leanLine(own []byte, at int) (string, int) {
	i := bytes.IndexByte(own[at:min(len(own), at+MaxLine+1)], '\n')
	if i < 1 || own[at+i-1] != '\r' {
		return "", 0
	}
	next := at + i + 1
	if i > 1 && next < len(own) && (own[next] == ' ' || own[next] == '\t') {
		return "", 0
	}
	return text(own[at : next-2]), next
}

// leanHeader cuts a header line whose colon follows its name directly.
func leanHeader(line string) (Header, bool) {
	i := 0
	for i < len(line) && isTokenByte(line[i]) {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' {
		return Header{}, false
	}
	v := line[i+1:]
	for v != "" && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for v != "" && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	if !printable(v) {
		return Header{}, false
	}
	return Header{canonical(line[:i]), v}, true
}

// printable: no control characters but HT, and plain ASCII at both ends, where
// trimming is a matter of taste.
func printable(s string) bool {
	if s == "" {
		return true
	}
	if s[0] <= ' ' || s[0] >= 0x7f || s[len(s)-1] <= ' ' || s[len(s)-1] >= 0x7f {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// leanNumber reads canonical decimal of at most seven digits.
func leanNumber(s string) (int, bool) {
	if s == "" || len(s) > 7 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

func digits3(s string) int {
	n := 0
	for i := range 3 {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}
