package digest

import (
	"errors"
	"strconv"
	"strings"
)

// Errors of reading an Authorization header.
var (
	errNotDigest = errors.New("not the Digest scheme")
	errMalformed = errors.New("malformed credentials")
)

// credentials is one Authorization header. The strings are parts of the header,
// without quotes; username and realm are also without quoted pairs.
type credentials struct {
	username, realm, nonce, uri, response string
	algorithm, cnonce, nc, qop            string
	count                                 uint32 // nc as a number
}

// parseCredentials reads the value of an Authorization header (RFC 7616 §3.4).
// It copies nothing unless a quoted pair forces it. A parameter given twice is
// malformed: two readers might pick a different one.
func parseCredentials(v string) (c credentials, err error) {
	const scheme = "digest"
	v = strings.Trim(v, " \t")
	if len(v) <= len(scheme) || !equalFold(v[:len(scheme)], scheme) || v[len(scheme)] != ' ' && v[len(scheme)] != '\t' {
		return c, errNotDigest
	}
	v = v[len(scheme)+1:]
	for {
		for v != "" && (isSpace(v[0]) || v[0] == ',') {
			v = v[1:]
		}
		if v == "" {
			break
		}
		var key, val string
		var quoted bool
		if key, val, quoted, v, err = nextParam(v); err != nil {
			return c, err
		}
		if field := c.field(key); field != nil {
			if *field != "" {
				return c, errMalformed
			}
			if quoted && (field == &c.username || field == &c.realm) && strings.IndexByte(val, '\\') >= 0 {
				val = unquotePairs(val)
			}
			*field = val
		}
	}
	return c, c.check()
}

// field is where the parameter of that name goes, or nil for one not used.
func (c *credentials) field(key string) *string {
	switch len(key) {
	case 2:
		if equalFold(key, "nc") {
			return &c.nc
		}
	case 3:
		if equalFold(key, "uri") {
			return &c.uri
		} else if equalFold(key, "qop") {
			return &c.qop
		}
	case 5:
		if equalFold(key, "realm") {
			return &c.realm
		} else if equalFold(key, "nonce") {
			return &c.nonce
		}
	case 6:
		if equalFold(key, "cnonce") {
			return &c.cnonce
		}
	case 8:
		if equalFold(key, "username") {
			return &c.username
		} else if equalFold(key, "response") {
			return &c.response
		}
	case 9:
		if equalFold(key, "algorithm") {
			return &c.algorithm
		}
	}
	return nil
}

// check holds the credentials to what RFC 7616 §3.4 demands to be there.
func (c *credentials) check() error {
	if c.username == "" || c.realm == "" || c.nonce == "" || c.uri == "" || c.response == "" {
		return errMalformed
	}
	if c.qop == "" {
		return nil
	}
	if c.cnonce == "" || len(c.nc) == 0 || len(c.nc) > 8 {
		return errMalformed
	}
	n, err := strconv.ParseUint(c.nc, 16, 32)
	if err != nil || n == 0 {
		return errMalformed
	}
	c.count = uint32(n)
	return nil
}

// nextParam cuts key=value or key="value" off the front of v. It goes byte by
// byte: this is most of what a verification would otherwise cost.
func nextParam(v string) (key, val string, quoted bool, rest string, err error) {
	i := 0
	for i < len(v) && v[i] != '=' && v[i] != ',' && v[i] != '"' && !isSpace(v[i]) {
		i++
	}
	key, v = v[:i], skipSpace(v[i:])
	if key == "" || v == "" || v[0] != '=' {
		return "", "", false, "", errMalformed
	}
	if v = skipSpace(v[1:]); v != "" && v[0] == '"' {
		end := quotedEnd(v)
		if end < 0 {
			return "", "", false, "", errMalformed
		}
		val, rest, quoted = v[1:end], v[end+1:], true
	} else {
		i = 0
		for i < len(v) && v[i] != ',' && v[i] != '"' && !isSpace(v[i]) {
			i++
		}
		val, rest = v[:i], v[i:]
	}
	if rest = skipSpace(rest); rest != "" && rest[0] != ',' {
		return "", "", false, "", errMalformed
	}
	return key, val, quoted, rest, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func skipSpace(v string) string {
	for v != "" && isSpace(v[0]) {
		v = v[1:]
	}
	return v
}

// quotedEnd is the index of the quote that closes the string v begins with, or
// -1.
func quotedEnd(v string) int {
	for i := 1; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unquotePairs takes the backslashes out of quoted pairs (RFC 3261 §25.1).
func unquotePairs(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// quote makes a quoted string of s.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
