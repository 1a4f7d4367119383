package message

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// URI is a SIP, SIPS or tel URI (RFC 3261 §19.1.1, RFC 3966). Of any other
// scheme only Scheme and Opaque are set.
type URI struct {
	Scheme   string // lower case
	User     string // as sent, escapes in place; a tel URI's number
	Password string // as sent
	Host     string // as sent, an IPv6 address without its brackets; "" for tel
	Port     int    // 0: none given
	Params   Params
	Headers  string // what follows "?", as sent
	Opaque   string // what follows the colon of a scheme that is not read
}

// ParseURI reads a URI. Errors wrap ErrMalformed.
func ParseURI(s string) (URI, error) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) || strings.ContainsAny(s, " \t<>\"\r\n\x00") {
		return URI{}, fmt.Errorf("%w: URI %q", ErrMalformed, s)
	}
	u := URI{Scheme: toLower(scheme)}
	var err error
	switch u.Scheme {
	case "sip", "sips":
		err = u.parseSIP(rest)
	case "tel":
		var params string
		u.User, params, _ = strings.Cut(rest, ";")
		u.Params, err = ParseParams(params)
	default:
		u.Opaque = rest
	}
	if err != nil || u.Scheme == "tel" && u.User == "" {
		return URI{}, fmt.Errorf("%w: URI %q", ErrMalformed, s)
	}
	return u, nil
}

// parseSIP reads [user[:password]@]host[:port][;params][?headers]. The user
// part may itself hold semicolons and question marks, so "@" is found first.
func (u *URI) parseSIP(s string) error {
	if i := strings.IndexByte(s, '@'); i >= 0 {
		u.User, u.Password, _ = strings.Cut(s[:i], ":")
		if s = s[i+1:]; u.User == "" {
			return ErrMalformed
		}
	}
	s, u.Headers, _ = strings.Cut(s, "?")
	hostport, params, _ := strings.Cut(s, ";")
	var ok bool
	if u.Host, u.Port, ok = splitHostPort(hostport); !ok {
		return ErrMalformed
	}
	var err error
	u.Params, err = ParseParams(params)
	return err
}

// splitHostPort reads host[:port], an IPv6 address in brackets. A port of 0 is
// refused: it would look like none.
func splitHostPort(s string) (host string, port int, ok bool) {
	var p string
	var has bool
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, false
		}
		host = s[1:end]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return "", 0, false
		}
		if p, has = strings.CutPrefix(s[end+1:], ":"); !has && p != "" {
			return "", 0, false
		}
	} else {
		host, p, has = strings.Cut(s, ":")
		if !isHost(host) {
			return "", 0, false
		}
	}
	if !has {
		return host, 0, true
	}
	n, err := strconv.ParseUint(strings.Trim(p, " \t"), 10, 16)
	return host, int(n), err == nil && n > 0
}

func isHost(s string) bool {
	for i := range len(s) {
		if !isHostByte(s[i]) && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		other := '0' <= c && c <= '9' || strings.IndexByte("+-.", c) >= 0
		if !letter && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}

// String writes the URI.
func (u URI) String() string {
	b := make([]byte, 0, 64)
	b = append(append(b, u.Scheme...), ':')
	switch u.Scheme {
	case "sip", "sips":
	case "tel":
		return string(u.Params.append(append(b, u.User...)))
	default:
		return string(append(b, u.Opaque...))
	}
	if u.User != "" {
		b = append(b, u.User...)
		if u.Password != "" {
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = appendHost(b, u.Host)
	if u.Port != 0 {
		b = strconv.AppendInt(append(b, ':'), int64(u.Port), 10)
	}
	b = u.Params.append(b)
	if u.Headers != "" {
		b = append(append(b, '?'), u.Headers...)
	}
	return string(b)
}

// appendHost puts the brackets back around an IPv6 address.
func appendHost(b []byte, host string) []byte {
	if strings.IndexByte(host, ':') >= 0 {
		return append(append(append(b, '['), host...), ']')
	}
	return append(b, host...)
}

// UserDecoded returns the user part with its %-escapes undone; escapes that are
// none stay.
func (u URI) UserDecoded() string { return unescape(u.User) }

// UserURI escapes a user name for the user part of a SIP URI (RFC 3261 §25.1).
func UserURI(user string) string {
	b := make([]byte, 0, len(user)+8)
	for i := range len(user) {
		c := user[i]
		if isUserByte(c) && c != '%' && c != '`' || strings.IndexByte("=,;?/", c) >= 0 {
			b = append(b, c)
			continue
		}
		b = append(b, '%', hexDigit(c>>4), hexDigit(c&15))
	}
	return string(b)
}

func hexDigit(n byte) byte { return "0123456789ABCDEF"[n] }

func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
