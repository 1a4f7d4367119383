package message

import (
	"errors"
	"strconv"
	"strings"
)

// Problem is what is wrong with a message: what to answer to a request; a
// response is dropped instead.
type Problem struct {
	Status int
	Phrase string
	Extra  []Header
}

func bad(phrase string) *Problem { return &Problem{Status: 400, Phrase: phrase} }

// Validate checks what every method needs (RFC 3261 §8.1.1, §8.2, with the
// verdicts of RFC 4475): nil, or what to answer. What only the owner of a method
// can judge (Require, bodies, dates, the To of a REGISTER) is left to it.
func Validate(m *Message) *Problem {
	if m.version != "" {
		return &Problem{Status: 505, Phrase: Phrase(505)}
	}
	if p := once(m); p != nil {
		return p
	}
	if p := validVia(m); p != nil {
		return p
	}
	_, method := m.CSeq()
	switch {
	case method == "":
		return bad("Bad CSeq header")
	case m.IsRequest() && method != m.Method:
		return bad("CSeq method does not match request method")
	case !m.IsRequest():
		// A response is known by its branch (§17.1.3); nobody reads its addresses.
		return nil
	}
	if p := validAddress(m, From); p != nil {
		return p
	}
	if p := validAddress(m, To); p != nil {
		return p
	}
	if p := validURI(m.URI); p != nil && !callsForHelp(m) {
		return p
	}
	return validHops(m)
}

// once checks the headers that must or may be there but once (RFC 3261 §8.1.1,
// RFC 4475 §3.3.8 and §3.3.9). A repeated Content-Length of equal value is
// harmless.
func once(m *Message) *Problem {
	var from, to, callID, cseq, hops, via int
	length := ""
	for i := range m.Headers {
		switch h := &m.Headers[i]; h.Name {
		case From:
			from++
		case To:
			to++
		case CallID:
			callID++
			if h.Value == "" {
				return bad("Empty Call-ID header")
			}
		case CSeq:
			cseq++
		case MaxForwards:
			hops++
		case Via:
			via++
		case ContentLength:
			if length != "" && length != h.Value {
				return bad("Conflicting Content-Length headers")
			}
			length = h.Value
		}
	}
	switch {
	case via == 0:
		return bad("Missing Via header")
	case from != 1:
		return bad("Need one From header")
	case to != 1:
		return bad("Need one To header")
	case callID != 1:
		return bad("Need one Call-ID header")
	case cseq != 1:
		return bad("Need one CSeq header")
	case hops > 1:
		return bad("More than one Max-Forwards header")
	}
	return nil
}

// validVia: each one must be readable, and the top one's branch more than the
// cookie alone (RFC 4475 §3.2.1: better refused without state).
func validVia(m *Message) *Problem {
	top, ok := m.TopVia()
	switch {
	case !ok:
		return bad("Bad Via header")
	case top.Branch == Cookie:
		return bad("Empty branch in Via header")
	}
	first := true
	for i := range m.Headers {
		if m.Headers[i].Name != Via {
			continue
		}
		for rest := m.Headers[i].Value; rest != ""; first = false {
			var one string
			one, rest = cutList(rest)
			if first { // that is the top one
				continue
			}
			if _, ok := parseVia(one); !ok {
				return bad("Bad Via header")
			}
		}
	}
	return nil
}

func validAddress(m *Message, n Name) *Problem {
	a, err := ParseNameAddr(m.Get(n))
	if err != nil || a.Star {
		return bad("Bad " + string(n) + " header")
	}
	if _, err := ParseURI(a.URI); err != nil {
		return bad("Bad URI in " + string(n) + " header")
	}
	return nil
}

// sos is how a phone calls for help by a service's name (RFC 5031 §4.2).
const sos = "urn:service:sos"

// callsForHelp reports whether it is a call, or belongs to one, by such a name.
func callsForHelp(m *Message) bool {
	switch m.Method {
	case "INVITE", "ACK", "CANCEL":
		return len(m.URI) >= len(sos) && equalFold(m.URI[:len(sos)], sos)
	}
	return false
}

// validURI checks the Request-URI: a scheme we know (§8.2.2.1), and no header
// components (RFC 4475 §3.3.6: escruri).
func validURI(s string) *Problem {
	scheme, _, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) {
		return bad("Bad Request-URI")
	}
	switch toLower(scheme) {
	case "sip", "sips", "tel":
	default:
		return &Problem{Status: 416, Phrase: Phrase(416)}
	}
	u, err := ParseURI(s)
	if err != nil {
		return bad("Bad Request-URI")
	}
	if u.Headers != "" {
		return bad("Request-URI with header components")
	}
	return nil
}

// validHops checks Max-Forwards (RFC 3261 §16.3, §20.22). Zero hops left is only
// wrong for what would have to be passed on: what this server itself is the end
// of is processed as if the value were positive (RFC 4475 §3.3.11).
func validHops(m *Message) *Problem {
	v := m.Get(MaxForwards)
	if v == "" {
		if m.Has(MaxForwards) {
			return bad("Bad Max-Forwards header")
		}
		return nil
	}
	n, err := strconv.ParseUint(v, 10, 8)
	if err != nil {
		return bad("Bad Max-Forwards header")
	}
	if n > 0 {
		return nil
	}
	switch m.Method {
	case "REGISTER", "SUBSCRIBE", "PUBLISH", "NOTIFY", "OPTIONS", "ACK", "CANCEL":
		return nil
	}
	return &Problem{Status: 483, Phrase: Phrase(483)}
}

// Verdict is what to answer to a request that Parse could only salvage.
func Verdict(m *Message, err error) *Problem {
	first, _, _ := strings.Cut(text(m.Raw), "\r\n")
	version := first[strings.LastIndexByte(first, ' ')+1:]
	if errors.Is(err, ErrTooLarge) {
		return &Problem{Status: 513, Phrase: Phrase(513)}
	}
	if !equalFold(version, "SIP/2.0") && version != "" {
		return &Problem{Status: 505, Phrase: Phrase(505)}
	}
	if errors.Is(err, ErrMalformed) {
		if p := validURI(m.URI); p != nil && p.Status == 416 {
			return p
		}
	}
	return bad("Malformed Message")
}
