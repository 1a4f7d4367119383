// Package sip is the SIP side of Lamplight, put together: one pipeline from the
// socket to the one handler of a method.
//
//	transport → gate → message (lean or full) → transaction → Endpoint → registrar, events, proxy
//
// Each step is a package below this one; this root only tells methods apart and
// answers what no package owns.
package sip

import (
	"strings"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// Endpoint sends each request to the package that owns its method.
type Endpoint struct {
	Registrar transaction.Handler // REGISTER
	Events    transaction.Handler // SUBSCRIBE, PUBLISH, NOTIFY
	Proxy     transaction.Handler // INVITE, ACK, CANCEL, BYE, MESSAGE, PRACK; OPTIONS of a phone
	// Relay passes on what belongs to the dialog of a call that went through us;
	// false: it does not. nil: there are none.
	Relay func(*transaction.Request) bool
	// Asked answers an OPTIONS about an agent; false: it is about us. nil: all are.
	Asked func(*transaction.Request) bool
	// AllowEvents is the header's value, for the answer to OPTIONS.
	AllowEvents string
}

// Methods are those the endpoint takes, as in an Allow header.
const Methods = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE, PUBLISH, MESSAGE"

// ServeSIP answers one request (RFC 3261 §8.2). The transaction layer has
// validated it.
func (e *Endpoint) ServeSIP(r *transaction.Request) {
	if e.Relay != nil && r.Has(message.Route) && e.Relay(r) {
		return
	}
	switch r.Method {
	case "REGISTER":
		e.Registrar.ServeSIP(r)
	case "SUBSCRIBE", "PUBLISH", "NOTIFY":
		e.Events.ServeSIP(r)
	case "INVITE", "ACK", "CANCEL", "BYE", "MESSAGE", "PRACK":
		e.Proxy.ServeSIP(r)
	case "OPTIONS":
		if strings.Contains(r.URI, ";gr") { // for one phone (RFC 5627), not for us
			e.Proxy.ServeSIP(r)
			return
		}
		if e.Asked == nil || !e.Asked(r) {
			e.options(r)
		}
	default:
		// RFC 3261 §8.2.1
		r.Reply(405, message.Header{Name: message.Allow, Value: Methods})
	}
}

// options says what this server can do (RFC 3261 §11.2).
func (e *Endpoint) options(r *transaction.Request) {
	if bad := r.UnsupportedExtensions(); len(bad) > 0 { // §8.2.2.3
		r.Reply(420, message.Header{Name: message.Unsupported, Value: strings.Join(bad, ", ")})
		return
	}
	r.Reply(200,
		message.Header{Name: message.Allow, Value: Methods},
		message.Header{Name: message.AllowEvents, Value: e.AllowEvents},
		message.Header{Name: message.Accept, Value: "application/sdp, application/dialog-info+xml"},
		message.Header{Name: message.Supported, Value: "path, eventlist, recipient-list-subscribe"},
	)
}
