package message

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"
)

// Parse reads one whole message: a datagram, or a frame cut out of a stream.
// raw is copied and may be reused by the caller. Empty lines before the start
// line are skipped (RFC 3261 §7.5).
//
// On an error the message may still be non-nil: then so much of a request was
// readable that it can be answered 400. It must not be used for anything else.
func Parse(raw []byte) (*Message, error) {
	for len(raw) >= 2 && raw[0] == '\r' && raw[1] == '\n' {
		raw = raw[2:]
	}
	if len(raw) > MaxHead+MaxBody {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(raw))
	}
	own := bytes.Clone(raw)
	if m := parseLean(own); m != nil {
		m.readVia(&m.viaRoom)
		return &m.Message, nil
	}
	m, err := parseFull(own)
	if err != nil {
		return Salvage(own), err
	}
	m.readVia(new(ViaValue))
	return m, nil
}

// text views bytes that never change again as a string.
func text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// checkHead enforces the limits on the header section and refuses what would
// let one header smuggle in another: bare CR, bare LF, NUL. It returns the
// length of the section with its empty line.
func checkHead(own []byte) (int, error) {
	lines, start := 0, 0
	for {
		i := bytes.IndexByte(own[start:min(len(own), start+MaxLine+1)], '\n')
		switch {
		case i < 0 && len(own)-start > MaxLine:
			return 0, fmt.Errorf("%w: header line over %d bytes", ErrTooLarge, MaxLine)
		case i < 0:
			return 0, fmt.Errorf("%w: header section does not end", ErrMalformed)
		case i == 0 || own[start+i-1] != '\r':
			return 0, fmt.Errorf("%w: bare LF in header section", ErrMalformed)
		}
		line := own[start : start+i-1]
		if bytes.IndexByte(line, '\r') >= 0 || hasBareNUL(line) {
			return 0, fmt.Errorf("%w: bare CR or NUL in header section", ErrMalformed)
		}
		start += i + 1
		if len(line) == 0 {
			return start, nil
		}
		if lines++; lines > MaxHeaders {
			return 0, fmt.Errorf("%w: more than %d header lines", ErrTooLarge, MaxHeaders)
		}
		if start > MaxHead {
			return 0, fmt.Errorf("%w: header section over %d bytes", ErrTooLarge, MaxHead)
		}
	}
}

// hasBareNUL finds a NUL that is no quoted pair (RFC 3261 §25.1 allows those).
func hasBareNUL(line []byte) bool {
	for i := bytes.IndexByte(line, 0); i >= 0; {
		if i == 0 || line[i-1] != '\\' {
			return true
		}
		line = line[i+1:]
		i = bytes.IndexByte(line, 0)
	}
	return false
}

// Salvage reads what it can of a request that does not parse, so that its
// sender can be told 400 (RFC 4475 §3.1.2). nil if it is not worth an answer.
func Salvage(own []byte) *Message {
	head := own[:min(len(own), MaxHead)]
	if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
		head = head[:i]
	}
	first, rest, _ := strings.Cut(text(head), "\r\n")
	f := strings.Fields(first)
	if len(f) < 3 || !isToken(f[0]) || !hasPrefixFold(f[len(f)-1], "SIP/") {
		return nil
	}
	m := &Message{Method: f[0], URI: f[1], Raw: own}
	for rest != "" && len(m.Headers) < MaxHeaders {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		name = strings.Trim(name, " \t")
		if !ok || !isToken(name) {
			continue
		}
		m.Headers = append(m.Headers, Header{canonical(name), strings.Trim(value, " \t")})
	}
	if !m.Has(Via) || !m.Has(From) || !m.Has(To) || !m.Has(CallID) || !m.Has(CSeq) {
		return nil
	}
	return m
}

// isToken reports whether s is a token (RFC 3261 §25.1).
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '-', '.', '!', '%', '*', '_', '+', '`', '\'', '~':
		return true
	}
	return false
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && equalFold(s[:len(prefix)], prefix)
}
