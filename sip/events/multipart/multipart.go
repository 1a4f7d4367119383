// Package multipart writes and reads multipart/related bodies (RFC 2387): a root
// document and the documents it names by Content-ID.
//
// What is written is built by appending and allocates nothing beyond growing.
// What is read is bounded in parts and in the length of their headers.
package multipart

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Form is how a body of ours is written down.
type Form struct {
	// Boundary separates the parts. It must not begin a line of any of them.
	Boundary string
	// Terse leaves Content-Transfer-Encoding away: SIP carries any bytes (RFC 3261
	// §7.4), and packets are small.
	Terse bool
	// Bare leaves the quotes of the boundary away and the angle brackets of the
	// content ids: one widespread softphone family takes nothing else.
	Bare bool
}

// AppendType appends the Content-Type of the whole body (RFC 2387 §3): type is
// that of the root, start its content id without brackets.
func (f Form) AppendType(dst []byte, typ, start string) []byte {
	dst = append(append(append(dst, `multipart/related;type="`...), typ...), `";start="`...)
	if f.Bare {
		dst = append(append(dst, start...), `";boundary=`...)
		return append(dst, f.Boundary...)
	}
	dst = append(append(append(dst, '<'), start...), `>";boundary="`...)
	return append(append(dst, f.Boundary...), '"')
}

// AppendHead appends what stands before the document of a part (RFC 2046 §5.1).
// first is true for the first part of a body.
func (f Form) AppendHead(dst []byte, first bool, id []byte, typ string) []byte {
	if !first {
		dst = append(dst, "\r\n"...)
	}
	dst = append(append(dst, "--"...), f.Boundary...)
	if f.Bare {
		dst = append(append(dst, "\r\nContent-Id: "...), id...)
	} else {
		dst = append(append(append(dst, "\r\nContent-ID: <"...), id...), '>')
	}
	if !f.Terse {
		dst = append(dst, "\r\nContent-Transfer-Encoding: binary"...)
	}
	dst = append(append(dst, "\r\nContent-Type: "...), typ...)
	return append(dst, "\r\n\r\n"...)
}

// AppendEnd ends the body.
func (f Form) AppendEnd(dst []byte) []byte {
	return append(append(append(dst, "\r\n--"...), f.Boundary...), "--\r\n"...)
}

// Bounds on what is read.
const (
	maxParts = 1024
	maxHead  = 1024 // bytes of the headers of one part
)

// ErrMalformed says that a body is not what its Content-Type says.
var ErrMalformed = errors.New("multipart: malformed")

// Part is a part as read.
type Part struct {
	ID   string // content id without brackets
	Type string // Content-Type without parameters, lower case
	Body []byte // shares the memory of the whole
}

// Parse takes a body apart. contentType is the value of the header.
func Parse(contentType string, body []byte) ([]Part, error) {
	boundary, ok := boundaryOf(contentType)
	if !ok {
		return nil, fmt.Errorf("%w: no boundary in %q", ErrMalformed, contentType)
	}
	delim := []byte("\r\n--" + boundary)
	rest, ok := bytes.CutPrefix(body, delim[2:])
	if !ok {
		_, rest, ok = bytes.Cut(body, delim) // a preamble is to be ignored
	}
	var parts []Part
	for ok {
		if bytes.HasPrefix(rest, []byte("--")) {
			return parts, nil
		}
		var one []byte
		one, rest, ok = bytes.Cut(rest, delim)
		if !ok {
			break
		}
		if len(parts) == maxParts {
			return nil, fmt.Errorf("%w: more than %d parts", ErrMalformed, maxParts)
		}
		p, err := part(one)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return nil, fmt.Errorf("%w: no end", ErrMalformed)
}

// part reads one, from behind the boundary of its beginning.
func part(b []byte) (Part, error) {
	_, b, ok := bytes.Cut(b, []byte("\r\n")) // white space may pad the boundary
	if !ok {
		return Part{}, fmt.Errorf("%w: part without a line", ErrMalformed)
	}
	var head []byte
	body, bare := bytes.CutPrefix(b, []byte("\r\n")) // no headers
	if !bare {
		if head, body, ok = bytes.Cut(b, []byte("\r\n\r\n")); !ok {
			return Part{}, fmt.Errorf("%w: part without an empty line", ErrMalformed)
		}
	}
	if len(head) > maxHead {
		return Part{}, fmt.Errorf("%w: headers of %d bytes", ErrMalformed, len(head))
	}
	p := Part{Body: body}
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "Content-ID"):
			p.ID = strings.TrimSuffix(strings.TrimPrefix(value, "<"), ">")
		case strings.EqualFold(name, "Content-Type"):
			value, _, _ = strings.Cut(value, ";")
			p.Type = strings.ToLower(strings.TrimSpace(value))
		}
	}
	return p, nil
}

// boundaryOf finds the parameter (RFC 2046 §5.1.1: 1 to 70 characters).
func boundaryOf(contentType string) (string, bool) {
	for _, p := range strings.Split(contentType, ";")[1:] {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "boundary") {
			value = strings.Trim(strings.TrimSpace(value), `"`)
			return value, value != "" && len(value) <= 70
		}
	}
	return "", false
}
