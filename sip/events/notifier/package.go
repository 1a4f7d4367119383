package notifier

import (
	"strings"

	"lamplight/presence"
	"lamplight/sip/message"
)

// Package is an event package (RFC 6665 §5). The engine knows nothing else of
// it, so a further one is a further value in Options.Packages.
type Package interface {
	// Name is the event type, such as "dialog".
	Name() string
	// Types are the MIME types of its documents. The first is sent to watchers
	// that accept anything.
	Types() []string
	// Bare says whether an address without an agent can be watched.
	Bare() bool
	// Append appends the document of s, nil for an address nothing is known of,
	// and returns where in it the document's version belongs, negative if the
	// format has none. It is called often and must not allocate.
	Append(dst []byte, s *presence.Snapshot, v View) (doc []byte, version int)
}

// View is what may differ between the documents for two watchers.
type View struct {
	Type   string // one of the package's types
	Entity string // the URI subscribed to, without parameters
	// Busy: show a status that takes no calls as a busy lamp.
	Busy bool
	// Datagram: the document should fit a UDP packet with room for headers.
	Datagram bool
}

// DatagramBody is how large a document may be that has to fit a datagram
// together with the headers of its NOTIFY (RFC 3261 §18.1.1: 1300 bytes).
const DatagramBody = 850

// event reads an Event header (RFC 6665 §8.2.1): type and id. An id that is no
// token is no event.
func event(v string) (name, id string, ok bool) {
	name, rest, _ := strings.Cut(v, ";")
	params, err := message.ParseParams(rest)
	if err != nil {
		return "", "", false
	}
	id, _ = params.Get("id")
	return strings.TrimSpace(name), id, id == "" || clean(id) && !strings.ContainsAny(id, " ;,\"")
}

// clean reports whether s can stand in a header line of ours as it is.
func clean(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// chooseType finds the type to send: the first in the watcher's order that the
// package has (RFC 6665 §4.2.1.1: 406 if there is none). Many phones send no
// Accept and mean the default.
func chooseType(p Package, accept []string) (index uint8, ok bool) {
	if len(accept) == 0 {
		return 0, true
	}
	types := p.Types()
	for _, a := range accept {
		a, _, _ = strings.Cut(a, ";")
		a = strings.ToLower(strings.TrimSpace(a))
		if a == "*/*" || a == "application/*" {
			return 0, true
		}
		for i, t := range types {
			if a == t {
				return uint8(i), true
			}
		}
	}
	return 0, false
}
