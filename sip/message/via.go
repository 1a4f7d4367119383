package message

import (
	"net/netip"
	"strconv"
	"strings"
)

// ViaValue is one Via (RFC 3261 §20.42) with the parameters that matter to
// routing a response (RFC 3581).
type ViaValue struct {
	Transport string // upper case
	Host      string // sent-by host, an IPv6 address without brackets
	Port      int    // sent-by port, 0: none given
	Branch    string
	RPort     int  // value of rport, 0: none
	HasRPort  bool // rport is present, with or without value
	Received  string
	Alias     bool // the sender takes requests on the stream this came by (RFC 5923)
}

// TopVia returns the first Via; ok is false if it is missing or unreadable.
func (m *Message) TopVia() (v ViaValue, ok bool) {
	if m.via != nil {
		return *m.via, m.via.Transport != ""
	}
	return m.topVia()
}

// readVia keeps the top Via in v; a Via that cannot be read leaves it zero.
func (m *Message) readVia(v *ViaValue) {
	*v, _ = m.topVia()
	m.via = v
}

func (m *Message) topVia() (v ViaValue, ok bool) {
	first := m.Get(Via)
	if i := indexOutside(first, ','); i >= 0 {
		first = first[:i]
	}
	return parseVia(first)
}

func parseVia(s string) (v ViaValue, ok bool) {
	proto, rest, ok := cutWord(s, '/')
	version, rest, ok2 := cutWord(rest, '/')
	if !ok || !ok2 || !equalFold(proto, "SIP") || version != "2.0" {
		return ViaValue{}, false
	}
	i := 0
	for i < len(rest) && isTokenByte(rest[i]) {
		i++
	}
	if i == 0 || i == len(rest) || rest[i] != ' ' && rest[i] != '\t' {
		return ViaValue{}, false
	}
	v.Transport = upperTransport(rest[:i])
	sentBy, params, _ := strings.Cut(rest[i:], ";")
	if v.Host, v.Port, ok = splitHostPort(trimColon(sentBy)); !ok {
		return ViaValue{}, false
	}
	for params != "" {
		var one string
		one, params, _ = strings.Cut(params, ";")
		v.setParam(one)
	}
	return v, true
}

// ViaBranch reports whether the branch of one Via value ends like that.
func ViaBranch(value, end string) bool {
	v, ok := parseVia(value)
	return ok && strings.HasSuffix(v.Branch, end)
}

func (v *ViaValue) setParam(s string) {
	key, value, _ := strings.Cut(s, "=")
	key, value = strings.Trim(key, " \t"), strings.Trim(value, " \t")
	switch {
	case equalFold(key, "branch"):
		v.Branch = value
	case equalFold(key, "rport"):
		v.HasRPort = true
		if n, ok := ParseSeconds(value); ok && n <= 65535 {
			v.RPort = n
		}
	case equalFold(key, "alias"):
		v.Alias = true
	case equalFold(key, "received"):
		v.Received = strings.Trim(value, "[]")
	}
}

// cutWord cuts at sep, white space around the word allowed.
func cutWord(s string, sep byte) (word, rest string, ok bool) {
	i := strings.IndexByte(s, sep)
	if i < 0 {
		return "", "", false
	}
	return strings.Trim(s[:i], " \t"), strings.TrimLeft(s[i+1:], " \t"), true
}

// trimColon drops white space at the ends and around the port's colon.
func trimColon(s string) string {
	s = strings.Trim(s, " \t")
	if strings.IndexByte(s, ' ') < 0 && strings.IndexByte(s, '\t') < 0 {
		return s
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s
	}
	return strings.Trim(s[:i], " \t") + ":" + strings.Trim(s[i+1:], " \t")
}

// upperTransport folds case without allocating for the usual ones.
func upperTransport(s string) string {
	switch s {
	case "UDP", "TCP", "TLS", "WS", "WSS":
		return s
	}
	return strings.ToUpper(s)
}

// StampVia notes in the first Via where a request really came from: received
// when it differs from the sent-by host, rport's value when rport was asked for
// (RFC 3261 §18.2.1, RFC 3581 §4). For the reader of the socket, before the
// message is shared.
func (m *Message) StampVia(src netip.AddrPort) {
	v, ok := m.TopVia()
	if !ok {
		return
	}
	for i := range m.Headers {
		if m.Headers[i].Name == Via {
			m.Headers[i].Value = v.stamp(m.Headers[i].Value, src)
			break
		}
	}
	if m.via != nil {
		*m.via = v
	}
}

// stamp returns the header value whose first Via is v with the sender's address,
// and notes it in v.
func (v *ViaValue) stamp(value string, src netip.AddrPort) string {
	host, err := netip.ParseAddr(v.Host)
	same := err == nil && host.Unmap() == src.Addr().Unmap()
	if same && !v.HasRPort && v.Received == "" {
		return value
	}
	end := indexOutside(value, ',')
	if end < 0 {
		end = len(value)
	}
	b := make([]byte, 0, len(value)+64)
	// What the sender claims about itself is replaced.
	head, params, _ := strings.Cut(value[:end], ";")
	b = append(b, strings.TrimRight(head, " \t")...)
	for params != "" {
		var one string
		one, params, _ = strings.Cut(params, ";")
		key, _, _ := strings.Cut(one, "=")
		switch key = strings.Trim(key, " \t"); {
		case equalFold(key, "received"):
		case equalFold(key, "rport"):
			b = strconv.AppendUint(append(b, ";rport="...), uint64(src.Port()), 10)
			v.RPort = int(src.Port())
		default:
			b = append(append(b, ';'), strings.Trim(one, " \t")...)
		}
	}
	from := len(b)
	if !same || v.HasRPort {
		b = append(b, ";received="...)
		from = len(b)
		b = src.Addr().Unmap().AppendTo(b)
	}
	to := len(b)
	stamped := string(append(b, value[end:]...))
	v.Received = stamped[from:to]
	return stamped
}
