package notifier

import (
	"net/netip"
	"strconv"
	"time"

	"lamplight/sip/quirks"
)

// stamp is a time in whole seconds since 1970, good until 2106.
type stamp uint32

func stampOf(t time.Time) stamp { return stamp(t.Unix()) }
func (s stamp) time() time.Time { return time.Unix(int64(s), 0) }

// The states of a subscription.
const (
	active  uint8 = iota
	ending        // a last NOTIFY is owed
	retired       // forgotten; events that still name it do nothing
)

// The reasons of Subscription-State: terminated (RFC 6665 §4.1.3) that we give.
const (
	timedOut   uint8 = iota // expired, or un-subscribed (§4.2.1.4)
	noResource              // the agent is no more
	deactivate              // numbers ran out, or what may be seen changed: subscribe anew
	rejected                // it may not, or no more, be watched
)

func reasonText(r uint8) string {
	switch r {
	case noResource:
		return "noresource"
	case deactivate:
		return "deactivated"
	case rejected:
		return "rejected"
	}
	return "timeout"
}

// span is a part of a subscription's head.
type span struct{ from, to uint16 }

// subscription is one dialog created by a SUBSCRIBE. There are hundreds of
// thousands, so it is small: all texts of the dialog lie once, in head, which
// is also what each NOTIFY is copied from.
//
// The mutex of pres guards every field but those marked as constant.
type subscription struct {
	pres *presentity // constant
	// head is a NOTIFY's request line and those of its headers that are the
	// dialog's: Max-Forwards, Route, From, To, Call-ID, Event. It is replaced,
	// never changed.
	head   []byte
	entity string // constant; interned
	// telling is what the watcher of a list was told; nil: it watches no list.
	telling *telling // constant
	// way leads to the watcher. Of a datagram flow remote is enough to find it
	// again.
	way    way
	remote netip.AddrPort
	tag    uint64    // constant; our tag, by which a request finds the dialog
	owner  watcherID // constant
	// hash is of the document last sent; 0: none.
	hash uint64

	until  stamp // the watcher knows it until then
	stored stamp // the row's expiry
	retry  stamp // no NOTIFY before then; 0: none forbidden
	wake   stamp // the second of the clock that will look at it; 0: none
	far    stamp // the last second at which the clock has an entry for it
	period uint32
	since  stamp // constant; when it began, 0: before that was noted
	// quirks and largest are of the watcher's phone: constant.
	quirks  quirks.Set
	largest uint16
	// rates are the watcher's wishes; nil: none. condition is of the SUBSCRIBE
	// that awaits its NOTIFY.
	rates     *rates
	condition *condition
	// progress is of a watcher that is told changes; nil: it gets whole states.
	progress *progress

	// next numbers NOTIFYs: the version of a document is the number, the CSeq
	// one more. It must stay below limit. base and boot are as stored: the
	// number and the start of the server at which it was current.
	next, limit, base, boot uint32
	// inflight is the CSeq of the NOTIFY that awaits its answer; 0: none.
	inflight uint32
	// remoteCSeq is of the newest SUBSCRIBE, grantCSeq of the one whose grant
	// stands: their rows may be taken note of in another order.
	remoteCSeq, grantCSeq uint32
	index                 int32 // in pres.subs

	line                       uint16 // length of head's request line
	callID, remoteTag, eventID span

	transport uint8 // constant but for the flow that replaces it; see transports
	pkg       uint8 // constant
	typ       uint8 // constant
	state     uint8
	reason    uint8
	failures  uint8
	bare      bool  // constant
	pending   bool  // the watched has not decided yet; the document says nothing
	hidden    bool  // the document does not say who calls
	peer      bool  // constant: owner is a peer, not a device
	owed      bool  // a NOTIFY is owed whatever the document
	late      bool  // something changed while one was in flight
	queued    bool  // it waits for a worker on its own
	rebasing  bool  // a row with new base is on its way
	commands  uint8 // bodies being carried out: their answers go before the NOTIFY
	writing   uint8 // rows of refreshes, and of the end, on their way
	strict    bool  // the request line is the first route, not the contact
}

// epoch is how many numbers each start of the server has (1<<14).
const epoch = 1 << 14

// lastNumber is where a subscription must begin anew: CSeq stays below 2³¹
// (RFC 3261 §8.1.1.5).
const lastNumber = 1<<31 - 2*epoch

// startNumbers sets next and limit for this start of the server.
func (s *subscription) startNumbers(boot uint32) (ok bool) {
	since := uint64(boot - s.boot)
	n := uint64(s.base) + since*epoch
	if n >= lastNumber {
		return false
	}
	s.next, s.limit = uint32(n), uint32(n)+epoch
	return true
}

func (s *subscription) part(p span) string { return string(s.head[p.from:p.to]) }

// is reports whether the part equals v, without allocating.
func (s *subscription) is(p span, v string) bool { return string(s.head[p.from:p.to]) == v }

// The transports by the number that rows and subscriptions hold.
const (
	overUDP uint8 = iota
	overTCP
	overTLS
	overWS
	overWSS
)

func transportNumber(name string) uint8 {
	switch name {
	case "TCP":
		return overTCP
	case "TLS":
		return overTLS
	case "WS":
		return overWS
	case "WSS":
		return overWSS
	}
	return overUDP
}

func transportName(n uint8) string {
	switch n {
	case overTCP:
		return "TCP"
	case overTLS:
		return "TLS"
	case overWS:
		return "WS"
	case overWSS:
		return "WSS"
	}
	return "UDP"
}

// dialog is what a NOTIFY's head is made of.
type dialog struct {
	target    string   // Contact of the watcher
	routes    []string // route set (RFC 3261 §12.1.1), as Route values
	strict    string   // the first route's URI if it is no loose router
	local     string   // To of the SUBSCRIBE with our tag: From of the NOTIFY
	remote    string   // From of the SUBSCRIBE: To of the NOTIFY
	remoteTag string
	callID    string
	event     string // with id
	id        string
}

// maxHead bounds what a dialog may hold in memory.
const maxHead = 4096

// setHead builds the head; false if the dialog's texts are too long.
func (s *subscription) setHead(d *dialog) bool {
	uri, routes := d.target, d.routes
	if d.strict != "" { // RFC 3261 §12.2.1.1
		uri = d.strict
		routes = append(append([]string(nil), d.routes[1:]...), "<"+d.target+">")
	}
	b := make([]byte, 0, 512)
	b = append(append(append(b, "NOTIFY "...), uri...), " SIP/2.0\r\n"...)
	s.line, s.strict = uint16(min(len(b), maxHead)), d.strict != ""
	b = append(b, "Max-Forwards: 70\r\n"...)
	for _, r := range routes {
		b = appendLine(b, "Route: ", r)
	}
	b = appendLine(b, "From: ", d.local)
	b = append(b, "To: "...)
	to := len(b)
	b = append(append(b, d.remote...), "\r\nCall-ID: "...)
	at := len(b)
	b = append(b, d.callID...)
	call := [2]int{at, len(b)}
	b = append(append(b, "\r\nEvent: "...), d.event...)
	if d.id != "" {
		b = append(b, ";id="...)
	}
	at = len(b)
	b = append(b, d.id...)
	id := [2]int{at, len(b)}
	b = append(b, "\r\n"...)
	if len(b) > maxHead {
		return false
	}
	tag := tagIn(d.remote, d.remoteTag)
	s.head = append(make([]byte, 0, len(b)), b...)
	s.callID = span{uint16(call[0]), uint16(call[1])}
	s.eventID = span{uint16(id[0]), uint16(id[1])}
	s.remoteTag = span{uint16(to + tag), uint16(to + tag + len(d.remoteTag))}
	return true
}

// retarget gives the head another request line: a SUBSCRIBE of the dialog may
// bring a new contact (RFC 6665 §4.4.1, RFC 3261 §12.2.2). With a strict route
// the request line is not the contact's, and the contact stays.
func (s *subscription) retarget(target string) bool {
	old := s.head[len("NOTIFY ") : int(s.line)-len(" SIP/2.0\r\n")]
	if s.strict || string(old) == target {
		return true
	}
	grown := len(target) - len(old)
	if len(s.head)+grown > maxHead {
		return false
	}
	b := make([]byte, 0, len(s.head)+grown)
	b = append(append(append(b, "NOTIFY "...), target...), " SIP/2.0\r\n"...)
	b = append(b, s.head[s.line:]...)
	s.head, s.line = b, uint16(int(s.line)+grown)
	for _, p := range []*span{&s.callID, &s.eventID, &s.remoteTag} {
		p.from, p.to = uint16(int(p.from)+grown), uint16(int(p.to)+grown)
	}
	return true
}

func (s *subscription) target() string {
	return string(s.head[len("NOTIFY ") : int(s.line)-len(" SIP/2.0\r\n")])
}

func appendLine(b []byte, name, value string) []byte {
	return append(append(append(b, name...), value...), "\r\n"...)
}

// tagIn finds where in a To or From value the tag stands.
func tagIn(value, tag string) int {
	for i := len(value) - len(tag); i > 0; i-- {
		if value[i:i+len(tag)] == tag && value[i-1] == '=' {
			return i
		}
	}
	return 0
}

func tagText(n uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[n>>(60-4*i)&15]
	}
	return string(b[:])
}

func parseTag(s string) (uint64, bool) {
	if len(s) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 64)
	return n, err == nil
}
