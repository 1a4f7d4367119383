package message

import (
	"net/netip"
	"slices"
	"strings"
)

// Equal compares two URIs as RFC 3261 §19.1.4 says: user and password by case,
// all else without; an escape equals its character; a given port never equals
// an omitted one; user, ttl, method, maddr and transport must be in both or in
// none, any other parameter only counts when both have it; header components
// always count. IPv6 addresses are compared as addresses (RFC 5954 §4.2).
func (u URI) Equal(v URI) bool {
	if u.Scheme != v.Scheme || u.Port != v.Port {
		return false
	}
	switch u.Scheme {
	case "sip", "sips":
	case "tel":
		return telDigits(u.User) == telDigits(v.User) && paramsMatch(u.Params, v.Params, true)
	default:
		return u.Opaque == v.Opaque
	}
	return unescape(u.User) == unescape(v.User) && unescape(u.Password) == unescape(v.Password) &&
		hostsEqual(u.Host, v.Host) && paramsMatch(u.Params, v.Params, false) && headersEqual(u.Headers, v.Headers)
}

func hostsEqual(a, b string) bool {
	if equalFold(a, b) {
		return true
	}
	x, err := netip.ParseAddr(a)
	if err != nil {
		return false
	}
	y, err := netip.ParseAddr(b)
	return err == nil && x == y
}

// paramsMatch: strict demands every parameter on both sides (RFC 3966 §4).
func paramsMatch(a, b Params, strict bool) bool {
	one := func(a, b Params) bool {
		for _, p := range a {
			v, both := b.Get(p.Key)
			switch {
			case both && !equalFold(unescape(p.Value), unescape(v)):
				return false
			case !both && (strict || mustBeInBoth(p.Key)):
				return false
			}
		}
		return true
	}
	return one(a, b) && one(b, a)
}

// mustBeInBoth: transport is in the list because the RFC's examples say so
// ("can resolve to different transports").
func mustBeInBoth(key string) bool {
	switch key {
	case "user", "ttl", "method", "maddr", "transport":
		return true
	}
	return false
}

func headersEqual(a, b string) bool {
	if a == b {
		return true
	}
	return slices.Equal(headerSet(a), headerSet(b))
}

func headerSet(s string) []string {
	set := strings.Split(s, "&")
	for i, h := range set {
		k, v, _ := strings.Cut(h, "=")
		set[i] = toLower(unescape(k)) + "=" + unescape(v)
	}
	slices.Sort(set)
	return set
}

// telDigits drops visual separators (RFC 3966 §5.1.1).
func telDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.()", r) {
			return -1
		}
		return r
	}, toLower(s))
}
