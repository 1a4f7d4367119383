package message

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// parseFull reads any message through sipgo's parser: start line, URI grammar,
// folded lines. All headers but Content-Length are generic to it, so that their
// values come out as they were sent.
func parseFull(own []byte) (*Message, error) {
	head, err := checkHead(own)
	if err != nil {
		return nil, err
	}
	msg, n, err := fullParser().ParseHeaders(own[:head], false)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	m := &Message{Raw: own}
	startLine, _, _ := strings.Cut(text(own), "\r\n")
	if err := m.setStartLine(startLine, msg); err != nil {
		return nil, err
	}
	return m, m.setHeadersAndBody(msg, own[n:])
}

// fullParser is sipgo's parser with the part of its header table that frames
// messages. The table is a copy, sipgo's being shared by the whole process.
//
//nolint:gochecknoglobals // made once, never changes
var fullParser = sync.OnceValue(func() *sip.Parser {
	t := maps.Clone(sip.HeadersParser(sip.DefaultHeadersParser()))
	maps.DeleteFunc(t, func(k string, _ sip.HeaderParser) bool { return k != "content-length" && k != "l" })
	return sip.NewParser(sip.WithHeadersParsers(t))
})

// setStartLine takes method, URI and phrase as sent; sipgo has accepted the line.
func (m *Message) setStartLine(line string, msg sip.Message) error {
	first, rest, _ := strings.Cut(line, " ")
	second, third, _ := strings.Cut(rest, " ")
	switch msg := msg.(type) {
	case *sip.Request:
		if !isToken(first) {
			return fmt.Errorf("%w: method is no token", ErrMalformed)
		}
		m.Method, m.URI, m.version = first, second, third
	case *sip.Response:
		m.Status, m.Phrase, m.version = msg.StatusCode, strings.Trim(third, " \t"), first
		if m.Status < 100 || m.Status > 699 || len(second) != 3 {
			return fmt.Errorf("%w: status %q", ErrMalformed, second)
		}
	}
	if equalFold(m.version, "SIP/2.0") {
		m.version = ""
	}
	return nil
}

// setHeadersAndBody copies the header list and cuts the body. Without a
// Content-Length the body is all that follows (RFC 3261 §18.3, datagrams).
func (m *Message) setHeadersAndBody(msg sip.Message, body []byte) error {
	list := msg.(interface{ Headers() []sip.Header }).Headers()
	m.Headers = make([]Header, 0, len(list))
	length := len(body)
	for _, h := range list {
		name := h.Name()
		if !isToken(name) {
			return fmt.Errorf("%w: header name %q", ErrMalformed, name)
		}
		m.Headers = append(m.Headers, Header{canonical(name), h.Value()})
		if _, ok := h.(*sip.ContentLengthHeader); ok {
			n, err := strconv.Atoi(h.Value())
			if err != nil || n > len(body) {
				return fmt.Errorf("%w: %s of %d", ErrBody, h.Value(), len(body))
			}
			length = n
		}
	}
	if length > MaxBody {
		return fmt.Errorf("%w: body of %d bytes", ErrTooLarge, length)
	}
	if length > 0 {
		m.Body = body[:length:length]
	}
	return nil
}
