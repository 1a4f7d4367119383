package digest

import "strings"

// SplitAddress finds user and host in the value of a From or To header, or in a
// bare URI, without making anything of the rest. It is as tolerant as phones
// need: parameters, a display name, a port, any case of the scheme. An IPv6
// address loses its brackets. ok is false
// unless it is a sip or sips URI with a host.
func SplitAddress(v string) (user, host string, ok bool) {
	if v != "" && v[0] == '"' {
		end := quotedEnd(v)
		if end < 0 {
			return "", "", false
		}
		v = v[end+1:]
	}
	if i := strings.IndexByte(v, '<'); i >= 0 {
		v = v[i+1:]
		if i = strings.IndexByte(v, '>'); i < 0 {
			return "", "", false
		}
		v = v[:i]
	}
	v = strings.TrimLeft(v, " \t")
	switch {
	case len(v) > 4 && equalFold(v[:4], "sip:"):
		v = v[4:]
	case len(v) > 5 && equalFold(v[:5], "sips:"):
		v = v[5:]
	default:
		return "", "", false
	}
	// RFC 3261 §19.1.1: an @ in the host part is not allowed, one in the user
	// part must be escaped, so the first @ ends the user.
	if at := strings.IndexByte(v, '@'); at >= 0 {
		user, v = v[:at], v[at+1:]
		if c := strings.IndexByte(user, ':'); c >= 0 {
			user = user[:c] // a password
		}
	}
	host = v
	if strings.HasPrefix(v, "[") {
		end := strings.IndexByte(v, ']')
		if end < 0 {
			return "", "", false
		}
		return user, v[1:end], true
	}
	if end := strings.IndexAny(v, ":;?>, \t"); end >= 0 {
		host = v[:end]
	}
	return user, host, host != ""
}
