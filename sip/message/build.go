package message

import (
	"slices"
	"strconv"
	"strings"
)

// Builder appends a message byte by byte, without structures in between. CR, LF
// and NUL in anything it is given become spaces: no value can start a header of
// its own. A Builder is used once and by one goroutine.
type Builder struct {
	buf         []byte
	start       int // length of the start line
	status      int // 0: a request
	method      string
	uri         string // of a request
	tagAt       int    // where ";tag=" of the To stands, 0: the request had one
	tagEnd      int
	contentType string
	body        []byte
	done        bool
}

// NewResponse starts a response: every Via, From, To, Call-ID and CSeq of the
// request, and Record-Route where a dialog may begin (RFC 3261 §8.2.6, §12.1.1).
// A To without tag gets one unless the status is 100; it is the same for every
// response to this request until ToTag says otherwise. "" gives the default
// phrase.
func NewResponse(req *Message, status int, phrase string) *Builder {
	if phrase == "" {
		phrase = Phrase(status)
	}
	b := &Builder{buf: make([]byte, 0, 768), status: status}
	b.buf = strconv.AppendInt(append(b.buf, "SIP/2.0 "...), int64(status), 10)
	b.buf = append(appendClean(append(b.buf, ' '), phrase), '\r', '\n')
	b.start = len(b.buf)
	for i := range req.Headers {
		switch h := &req.Headers[i]; h.Name {
		case From, CallID, Via:
			b.copy(h)
		case CSeq:
			b.copy(h)
			_, b.method = req.CSeq()
		case To:
			b.copy(h)
			if status > 100 && headerParam(h.Value, "tag") == "" {
				b.tagAt = len(b.buf) - 2
				b.buf = append(appendDerivedTag(append(b.buf[:b.tagAt], ";tag="...), req), '\r', '\n')
				b.tagEnd = len(b.buf) - 2
			}
		case RecordRoute:
			if status > 100 && status < 300 && makesDialog(req.Method) {
				b.copy(h)
			}
		case "Timestamp":
			if status == 100 {
				b.copy(h)
			}
		}
	}
	return b
}

func makesDialog(method string) bool {
	switch method {
	case "INVITE", "SUBSCRIBE", "REFER", "NOTIFY":
		return true
	}
	return false
}

// copy appends a header of a message that was read; it may hold an escaped NUL,
// which goes back as it came.
func (b *Builder) copy(h *Header) {
	b.buf = append(append(b.buf, h.Name...), ": "...)
	from := len(b.buf)
	b.buf = append(b.buf, h.Value...)
	noBreaks(b.buf[from:])
	b.buf = append(b.buf, '\r', '\n')
}

// NewRequest starts a request. The caller adds every header but Via, which the
// transaction layer adds, and Content-Length, which Bytes adds.
func NewRequest(method, uri string) *Builder {
	b := &Builder{buf: make([]byte, 0, 1024), method: method, uri: uri}
	b.buf = appendClean(b.buf, strings.ReplaceAll(method, " ", ""))
	b.buf = appendClean(append(b.buf, ' '), strings.ReplaceAll(uri, " ", "%20"))
	b.buf = append(b.buf, " SIP/2.0\r\n"...)
	b.start = len(b.buf)
	return b
}

// appendClean appends s, what could break a line or end a C string replaced by
// a space.
func appendClean(b []byte, s string) []byte {
	from := len(b)
	b = append(b, s...)
	for i := from; i < len(b); i++ {
		if b[i] == 0 {
			b[i] = ' '
		}
	}
	noBreaks(b[from:])
	return b
}

func noBreaks(b []byte) {
	for i, c := range b {
		if c == '\r' || c == '\n' {
			b[i] = ' '
		}
	}
}

// Add appends a header.
func (b *Builder) Add(n Name, v string) *Builder {
	for i := range len(n) {
		if c := n[i]; isTokenByte(c) {
			b.buf = append(b.buf, c)
		}
	}
	b.buf = append(appendClean(append(b.buf, ": "...), v), '\r', '\n')
	return b
}

// AddInt appends a header with a number for value.
func (b *Builder) AddInt(n Name, v int) *Builder {
	var room [20]byte
	return b.Add(n, string(strconv.AppendInt(room[:0], int64(v), 10)))
}

// Set replaces the first header of that name, drops further ones, and appends
// it if there is none.
func (b *Builder) Set(n Name, v string) *Builder {
	at := b.find(n, b.start)
	if at < 0 {
		return b.Add(n, v)
	}
	lineEnd := func(at int) int { return at + strings.Index(text(b.buf[at:]), "\r\n") + 2 }
	for more := b.find(n, lineEnd(at)); more >= 0; more = b.find(n, lineEnd(at)) {
		b.splice(more, lineEnd(more), "")
	}
	value := at + len(n) + 2
	b.splice(value, lineEnd(at)-2, string(appendClean(nil, v)))
	return b
}

// find returns the offset of the next header line of that name from offset on.
func (b *Builder) find(n Name, from int) int {
	for from < len(b.buf) {
		line, _, _ := strings.Cut(text(b.buf[from:]), "\r\n")
		if strings.HasPrefix(line, string(n)) && strings.HasPrefix(line[len(n):], ": ") {
			return from
		}
		from += len(line) + 2
	}
	return -1
}

func (b *Builder) splice(from, to int, with string) {
	b.buf = slices.Replace(b.buf, from, to, []byte(with)...)
	switch grown := len(with) - (to - from); {
	case b.tagAt >= to:
		b.tagAt += grown
		b.tagEnd += grown
	case b.tagAt > from:
		b.tagAt = 0 // the To header itself was replaced
	}
}

// Via inserts a Via above all others.
func (b *Builder) Via(value string) *Builder {
	line := append(appendClean(append(make([]byte, 0, len(value)+7), "Via: "...), value), '\r', '\n')
	b.splice(b.start, b.start, text(line))
	return b
}

// ToTag sets the tag of the To header of a response whose request had none.
func (b *Builder) ToTag(tag string) *Builder {
	if b.tagAt > 0 {
		tag = ";tag=" + strings.Map(tokenOnly, tag)
		b.buf = slices.Replace(b.buf, b.tagAt, b.tagEnd, []byte(tag)...)
		b.tagEnd = b.tagAt + len(tag)
	}
	return b
}

func tokenOnly(r rune) rune {
	if r < 0x80 && isTokenByte(byte(r)) {
		return r
	}
	return -1
}

// Body sets the body; Bytes adds Content-Type and Content-Length.
func (b *Builder) Body(contentType string, body []byte) *Builder {
	b.contentType, b.body = contentType, body
	return b
}

// Status returns the status of a response, 0 for a request.
func (b *Builder) Status() int { return b.status }

// Method returns the method of a request, for a response that of its CSeq.
func (b *Builder) Method() string { return b.method }

// URI returns the Request-URI of a request.
func (b *Builder) URI() string { return b.uri }

// Bytes ends the message and returns it. The slice is the Builder's own; adding
// more afterwards has no effect on it.
func (b *Builder) Bytes() []byte {
	if b.done {
		return b.buf
	}
	b.done = true
	if len(b.body) > 0 {
		b.Add(ContentType, b.contentType)
	}
	b.buf = append(append(b.buf, ContentLength...), ": "...)
	b.buf = strconv.AppendInt(b.buf, int64(len(b.body)), 10)
	b.buf = append(append(b.buf, "\r\n\r\n"...), b.body...)
	return b.buf
}
