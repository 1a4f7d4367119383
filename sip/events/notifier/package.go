package notifier

import (
	"slices"
	"strings"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
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

// A Stater is a Package whose documents are made of more than the snapshot, such
// as the bindings of a registrar. Notifier.Changed tells that it knows news.
type Stater interface {
	// State numbers what the package knows of the presentity by itself: as long
	// as it and the snapshot's version are the same, so is the document, and only
	// another number is a change. It is called with locks held: it must be quick
	// and must not call the Notifier.
	State(presence.AgentID) uint64
}

// A Guard is a Package that not everybody may watch who may watch the domain.
type Guard interface {
	// Admit reports whether this watcher may watch the presentity.
	Admit(w Watcher, of presence.AgentID) bool
}

// An Own package is for an agent's own devices alone: a peer that passes on their
// SUBSCRIBEs is no watcher itself, the device is, by its credential.
type Own interface{ Own() }

// A Commander is a Package whose SUBSCRIBEs may carry a body that changes
// something, such as a phone's Do Not Disturb key.
type Commander interface {
	// Command carries the body out and then calls done once, on any goroutine:
	// with nil, and the SUBSCRIBE is granted, or with why not. It must not block.
	Command(c Command, done func(*Refusal))
}

// A Lister is a Package whose presentities can be watched by lists too (RFC
// 4662).
type Lister interface{ Listable() }

// Watcher is who subscribes.
type Watcher struct {
	Peer   string            // name of a trusted peer; empty: a device
	Device presence.DeviceID // that authenticated
	Holder presence.AgentID  // whose device it is
}

// Command is a SUBSCRIBE with a body.
type Command struct {
	By   Watcher
	Of   presence.AgentID // the presentity
	Type string           // Content-Type
	Body []byte
	// CallID and CSeq name the request, for the log.
	CallID string
	CSeq   uint32
}

// Refusal is a final answer that grants nothing.
type Refusal struct {
	Status int
	Phrase string
}

// A Chooser is a Package that sends some phones another type than the first that
// they accept.
type Chooser interface {
	// Prefer is the type such phones get if they accept it; empty: as anybody.
	Prefer(quirks.Set) string
}

// A Typer is a Package whose Content-Type says more than the type that was
// agreed on, such as a boundary. It returns the same for the same type.
type Typer interface{ ContentType(typ string) string }

// View is what may differ between the documents for two watchers.
type View struct {
	Agent  presence.AgentID // the presentity; zero: the watcher may not know yet
	Type   string           // one of the package's types
	Entity string           // the URI subscribed to, without parameters
	Quirks quirks.Set       // of the watcher's phone
	// Limit is how many bytes the document should have at most, so that it fits a
	// packet; 0: as many as it takes.
	Limit int
	// Brief: the document is one of several in a packet, and says nothing that the
	// watcher knows without it.
	Brief bool
	// Hidden: the watcher is shown that there are calls, not with whom, nor what
	// would let it take them over.
	Hidden bool
}

// datagramBody is how large a document may be that has to fit a datagram
// together with the headers of its NOTIFY (RFC 3261 §18.1.1: 1300 bytes).
const datagramBody = 820

// contentTypes are the values of Content-Type for the package's types.
func contentTypes(p Package) []string {
	typer, ok := p.(Typer)
	if !ok {
		return p.Types()
	}
	var out []string
	for _, t := range p.Types() {
		out = append(out, typer.ContentType(t))
	}
	return out
}

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
func chooseType(p Package, accept []string, phone quirks.Set) (index uint8, ok bool) {
	types := p.Types()
	if c, choosy := p.(Chooser); choosy {
		prefer := c.Prefer(phone)
		if i := slices.Index(types, prefer); i >= 0 && (len(accept) == 0 || takes(accept, prefer)) {
			return uint8(i), true
		}
	}
	if len(accept) == 0 {
		return 0, true
	}
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

// takes reports whether an Accept header names the type itself.
func takes(accept []string, typ string) bool {
	return slices.ContainsFunc(accept, func(a string) bool {
		a, _, _ = strings.Cut(a, ";")
		return strings.EqualFold(strings.TrimSpace(a), typ)
	})
}
