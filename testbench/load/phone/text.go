package phone

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"strconv"
	"strings"
)

// Response is a final answer.
type Response struct {
	Status int
	Raw    []byte
}

// Get is the first value of a header, by its full name.
func (r Response) Get(name string) string { return field(r.Raw, name) }

// All are the values of a header, one a line.
func (r Response) All(name string) []string {
	var out []string
	for line := range strings.SplitSeq(string(r.Raw), "\r\n") {
		if line == "" {
			break
		}
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

func status(b []byte) int {
	if len(b) < 12 {
		return 0
	}
	n, _ := strconv.Atoi(string(b[8:11]))
	return n
}

// field is the first value of a header.
func field(b []byte, name string) string {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return ""
		}
		b = b[i+1:]
		if len(b) < 2 || b[0] == '\r' {
			return ""
		}
		if len(b) > len(name) && b[len(name)] == ':' && strings.EqualFold(string(b[:len(name)]), name) {
			v := b[len(name)+1:]
			if e := bytes.IndexByte(v, '\r'); e >= 0 {
				v = v[:e]
			}
			return string(bytes.TrimSpace(v))
		}
	}
}

// branchOf is the branch of the top Via.
func branchOf(b []byte) string {
	v := field(b, "Via")
	if _, rest, ok := strings.Cut(v, ";branch="); ok {
		if i := strings.IndexAny(rest, ";, "); i >= 0 {
			return rest[:i]
		}
		return rest
	}
	return ""
}

// answer makes a response of the headers that RFC 3261 §8.2.6.2 copies.
func answer(req []byte, status string) []byte {
	out := make([]byte, 0, 512)
	out = append(append(append(out, "SIP/2.0 "...), status...), "\r\n"...)
	rest := req
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[i+1:]
	}
	for len(rest) > 2 && rest[0] != '\r' {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		line := rest[:i+1]
		rest = rest[i+1:]
		switch line[0] {
		case 'V', 'F', 'T', 'C':
			for _, h := range [...]string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
				if len(line) > len(h) && string(line[:len(h)]) == h {
					out = append(out, line...)
					break
				}
			}
		}
	}
	return append(out, "Content-Length: 0\r\n\r\n"...)
}

// body is what follows the empty line.
func body(b []byte) []byte {
	_, after, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	return after
}

// param is a quoted or plain parameter of a challenge.
func param(v, name string) string {
	_, rest, ok := strings.Cut(v, name+"=")
	if !ok {
		return ""
	}
	if strings.HasPrefix(rest, `"`) {
		s, _, _ := strings.Cut(rest[1:], `"`)
		return s
	}
	s, _, _ := strings.Cut(rest, ",")
	return strings.TrimSpace(s)
}

func md5hex(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // RFC 7616: what phones speak
	return hex.EncodeToString(sum[:])
}

// after is the text between two marks, "" without the first.
func after(b []byte, from, to string) string {
	_, rest, ok := bytes.Cut(b, []byte(from))
	if !ok {
		return ""
	}
	v, _, _ := bytes.Cut(rest, []byte(to))
	return string(v)
}
