package proxy

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
)

// Trunks is what it asks of trunk.Trunks.
type Trunks interface {
	// For is the host of the first trunk of a domain with these names.
	For(domain []string) (host string, ok bool)
	// Ways begins a call to a URI outside: it finds one way there after another.
	Ways(uri string) func(context.Context) (fork.Way, error)
}

// redirect is where a contact leads that one of the call's places gave in a
// redirection (RFC 3261 §16.5), if we go there:
//
//   - A phone of an agent, a, may have his calls go to a number outside, by the
//     trunk, where the agent himself might call it from that phone (rule 10 of
//     presence/RULES.md).
//   - A trunk, or what a URI of the configuration leads to, is believed whatever
//     SIP or telephone URI it gives.
//
// Anything else is the caller's to follow: he gets the redirection.
func (x *passage) redirect(a *presence.Agent, from *fork.Target, contact message.NameAddr) (fork.Target, bool) {
	if x.offers != nil && x.offers(from.ID) { // the call is for the members, and the next is asked
		return fork.Target{}, false
	}
	number, tel := strings.CutPrefix(contact.URI, "tel:")
	number, _, _ = strings.Cut(number, ";")
	u, err := message.ParseURI(contact.URI)
	if !tel {
		if err != nil || contact.Star || u.Scheme != "sip" && u.Scheme != "sips" || u.Headers != "" {
			return fork.Target{}, false
		}
		number = u.UserDecoded()
	}
	inside := !tel && ours(x.c.domain, u.Host)
	switch {
	case inside && x.p.isInner(&x.c, contact.URI): // status and rules of who is there would have to be asked
		return fork.Target{}, false
	case !from.Outside && (!tel && !inside || number == "" || !x.mayForward(a, from.ID, number)):
		return fork.Target{}, false
	}
	out := fork.Target{ID: cmp.Or(redirectedID(from.ID), "redirected"), URI: contact.URI, Ring: from.Ring}
	host := hostPort(u)
	if tel || inside {
		if host = x.p.trunk(&x.c); host == "" || number == "" {
			return fork.Target{}, false
		}
		out.URI = x164(number, host).URI
	}
	out.Headers = x.identity(host)
	return x.p.outside(out, host), true
}

// redirectedID names what a place redirected to, after it.
func redirectedID(from string) string {
	base, n, ok := strings.Cut(from, redirectedMark)
	depth := 1
	if ok {
		if d, err := strconv.Atoi(n); err == nil {
			depth = d + 1
		}
	}
	return base + redirectedMark + strconv.Itoa(depth)
}

const redirectedMark = "→"

// mayForward reports whether the agent might call that number from this phone.
func (x *passage) mayForward(a *presence.Agent, phone, number string) bool {
	d, known := x.start.Devices[phone]
	if a == nil || !known {
		return false
	}
	s, _ := x.p.o.Roster.Snapshot(a.ID)
	return routing.DecideOutbound(s, x.c.domain.Policy, routing.OutboundCall{ID: x.req.CallID(), Number: number, Device: d, At: time.Now().UTC()}).Allow
}
