package message

import (
	"slices"
	"strconv"
	"strings"
)

// IsRequest reports whether m is a request.
func (m *Message) IsRequest() bool { return m.Method != "" }

// Get returns the value of the first header of that name, or "".
func (m *Message) Get(n Name) string {
	for i := range m.Headers {
		if m.Headers[i].Name == n {
			return m.Headers[i].Value
		}
	}
	return ""
}

// Has reports whether there is a header of that name.
func (m *Message) Has(n Name) bool {
	for i := range m.Headers {
		if m.Headers[i].Name == n {
			return true
		}
	}
	return false
}

// Values returns every value of the headers of that name, comma lists split
// where the header is a list (RFC 3261 §7.3.1). Empty values are left out.
func (m *Message) Values(n Name) []string {
	var out []string
	for i := range m.Headers {
		h := &m.Headers[i]
		switch {
		case h.Name != n || h.Value == "":
		case isList(n):
			out = appendList(out, h.Value)
		default:
			out = append(out, h.Value)
		}
	}
	return out
}

// UnsupportedExtensions returns the option tags that Require and Proxy-Require
// demand and that are not among supported; the answer to any is 420 with an
// Unsupported header naming them (RFC 3261 §8.2.2.3, §20.29). Who demands
// something of a proxy on the way means us as well: we stand where it would.
func (m *Message) UnsupportedExtensions(supported ...string) []string {
	return m.demanded(supported, Require, ProxyRequire)
}

// UnsupportedByProxy returns the option tags that a proxy must understand, none
// of which we do: what Require demands is between the two ends (RFC 3261 §16.3
// step 5).
func (m *Message) UnsupportedByProxy() []string { return m.demanded(nil, ProxyRequire) }

// demanded are the option tags of these headers that are not supported.
func (m *Message) demanded(supported []string, headers ...Name) []string {
	var out []string
	for i := range m.Headers {
		h := &m.Headers[i]
		if !slices.Contains(headers, h.Name) {
			continue
		}
		for _, tag := range appendList(nil, h.Value) {
			if !slices.ContainsFunc(supported, func(s string) bool { return equalFold(s, tag) }) {
				out = append(out, tag)
			}
		}
	}
	return out
}

// Supports reports whether Supported names the option tag (RFC 3261 §20.37).
func (m *Message) Supports(tag string) bool {
	for i := range m.Headers {
		if m.Headers[i].Name != Supported {
			continue
		}
		for one := range strings.SplitSeq(m.Headers[i].Value, ",") {
			if equalFold(strings.Trim(one, " \t"), tag) {
				return true
			}
		}
	}
	return false
}

// Direct reports whether the request has a single Via: no proxy is between its
// sender and us.
func (m *Message) Direct() bool {
	n := 0
	for i := range m.Headers {
		if m.Headers[i].Name != Via {
			continue
		}
		if n++; n > 1 || indexOutside(m.Headers[i].Value, ',') >= 0 {
			return false
		}
	}
	return n == 1
}

// CallID returns the Call-ID, "" if there is none.
func (m *Message) CallID() string { return m.Get(CallID) }

// CSeq returns number and method of the CSeq, 0 and "" if it is missing or no
// CSeq (RFC 3261 §20.16: below 2³¹).
func (m *Message) CSeq() (seq uint32, method string) {
	v := m.Get(CSeq)
	i := 0
	for i < len(v) && '0' <= v[i] && v[i] <= '9' {
		i++
	}
	n, err := strconv.ParseUint(v[:i], 10, 31)
	method = strings.Trim(v[i:], " \t")
	if err != nil || len(method) == len(v)-i || !isToken(method) {
		return 0, ""
	}
	return uint32(n), method
}

// FromTag returns the tag of the From header, "" if there is none.
func (m *Message) FromTag() string { return headerParam(m.Get(From), "tag") }

// ToTag returns the tag of the To header, "" if there is none.
func (m *Message) ToTag() string { return headerParam(m.Get(To), "tag") }

// From returns the From header, zero if it is missing or unreadable.
func (m *Message) From() NameAddr {
	a, _ := ParseNameAddr(m.Get(From))
	return a
}

// To returns the To header, zero if it is missing or unreadable.
func (m *Message) To() NameAddr {
	a, _ := ParseNameAddr(m.Get(To))
	return a
}

// Contacts returns every contact in order. "*" gives a NameAddr with Star set
// (RFC 3261 §10.2.2).
func (m *Message) Contacts() ([]NameAddr, error) {
	return m.addresses(Contact)
}

// Addresses returns every value of a header of name-addrs, such as Route,
// Record-Route or Path, in order.
func (m *Message) Addresses(n Name) ([]NameAddr, error) {
	return m.addresses(n)
}

func (m *Message) addresses(n Name) ([]NameAddr, error) {
	var out []NameAddr
	for _, v := range m.Values(n) {
		a, err := ParseNameAddr(v)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// ExpiresHeader returns the Expires header in seconds. A value past 2³²-1 is
// taken as 2³²-1 (RFC 3261 §20.19), one that is no number as missing.
func (m *Message) ExpiresHeader() (seconds int, ok bool) {
	return ParseSeconds(m.Get(Expires))
}

// ParseSeconds reads delta-seconds (RFC 3261 §25.1), from a header or a
// parameter, held to 2³²-1.
func ParseSeconds(s string) (seconds int, ok bool) {
	const most = 1<<32 - 1
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if seconds < most {
			seconds = seconds*10 + int(s[i]-'0')
		}
	}
	return min(seconds, most), true
}
