package proxy

import (
	"slices"
	"strings"

	"lamplight/presence"
	"lamplight/sip/message"
)

// The headers of RFC 3325 §9, and that of RFC 3323 §4.2.
const (
	assertedIdentity  message.Name = "P-Asserted-Identity"
	preferredIdentity message.Name = "P-Preferred-Identity"
	privacy           message.Name = "Privacy"
)

// identity is what is said of the caller on a branch to a host outside, or, where
// that is empty, to a phone of ours (RFC 3325 §5): a peer's word if it is trusted, for
// a device what it is configured to show. What the caller keeps private goes only to
// whom we trust.
func (x *passage) identity(host string) []message.Header {
	c := &x.c
	if c.peer == nil {
		if host == "" {
			return nil // a colleague sees who calls in From
		}
		return x.shown(host)
	}
	if c.peer.Untrusted || private(x.req.Values(privacy)) && !x.trusted(host) {
		return nil
	}
	var out []message.Header
	for _, v := range x.req.Values(assertedIdentity) {
		out = append(out, message.Header{Name: assertedIdentity, Value: v})
	}
	return out
}

// shown is the identity of one of our own devices. A call for help bears the
// device's own, whatever is hidden otherwise: it says where help is needed.
func (x *passage) shown(host string) []message.Header {
	c := &x.c
	if c.sos != "" {
		return []message.Header{{Name: assertedIdentity, Value: "<sip:" + message.UserURI(c.user) + "@" + c.domain.Name() + ">"}}
	}
	id, _ := x.callerID()
	uri := c.uri
	if id.Number != "" {
		uri = "sip:" + message.UserURI(id.Number) + "@" + c.domain.Name() + ";user=phone"
	}
	value := "<" + uri + ">"
	if id.Name != "" {
		value = message.Quote(id.Name) + " " + value
	}
	out := []message.Header{{Name: assertedIdentity, Value: value}}
	wish := x.req.Values(privacy)
	if (id.Hide || private(wish)) && !x.trusted(host) {
		out = nil
	}
	if id.Hide {
		out = append(out, message.Header{Name: privacy, Value: withID(wish)})
	}
	return out
}

// callerID is what the agent's calls to the outside show, and whose it is.
func (x *passage) callerID() (presence.CallerID, string) {
	c := &x.c
	a, ok := x.p.o.Directory.Agent(c.agent)
	if !ok {
		return presence.CallerID{}, "device"
	}
	preferred := ""
	if v, err := message.ParseNameAddr(x.req.Get(preferredIdentity)); err == nil { // RFC 3325 §6
		if u, err := message.ParseURI(v.URI); err == nil {
			preferred = u.UserDecoded()
		}
	}
	return c.domain.Policy.CallerOf(a, preferred)
}

// hides reports whether we say ourselves that the caller is to be kept private.
func (x *passage) hides() bool {
	if x.c.peer != nil || x.c.sos != "" {
		return false
	}
	id, _ := x.callerID()
	return id.Hide
}

// says is what a call shows and whose that is, for the record.
func (x *passage) says(host string) string {
	var out []string
	for _, h := range x.shown(host) {
		out = append(out, string(h.Name)+": "+h.Value)
	}
	of := "device"
	if x.c.sos == "" {
		_, of = x.callerID()
	}
	return strings.Join(out, "; ") + " (" + of + ")"
}

// trusted reports whether what is private may be told there: a peer's trunk that is
// trusted, or our own phones if the domain says so.
func (x *passage) trusted(host string) bool {
	if host == "" {
		return x.c.domain.Policy.ShowHidden
	}
	for i := range *x.p.peers.Load() {
		if t := &(*x.p.peers.Load())[i]; t.Trunk == host {
			return !t.Untrusted
		}
	}
	return false
}

// private reports whether the identity is asked to be kept private (RFC 3325 §9.3).
func private(values []string) bool { return slices.Contains(tokens(values), "id") }

// tokens are the values of Privacy headers; a semicolon separates them.
func tokens(values []string) []string {
	return strings.FieldsFunc(strings.ToLower(strings.Join(values, ";")), func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
}

// withID asks for the identity to be kept private, beside what was asked already.
func withID(values []string) string {
	out := []string{"id"}
	for _, t := range tokens(values) {
		if t != "none" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return strings.Join(out, ";")
}
