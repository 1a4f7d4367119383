package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ContentType is the MIME type of a summary (RFC 3842 §5).
const ContentType = "application/simple-message-summary"

// Class is a kind of messages (RFC 3842 §5.2, RFC 3458 §6.2).
type Class uint8

// The classes, in the order they are written.
const (
	Voice Class = iota
	Fax
	Pager
	Multimedia
	Text
	None
	classes
)

//nolint:gochecknoglobals // never changed
var (
	// headers are the classes as a summary names them, names as the API does.
	headers = [classes]string{"Voice-Message", "Fax-Message", "Pager-Message", "Multimedia-Message", "Text-Message", "None"}
	names   = [classes]string{"voice", "fax", "pager", "multimedia", "text", "none"}
)

func (c Class) String() string { return names[c] }

// ParseClass reads a class by its short name.
func ParseClass(s string) (Class, bool) {
	for c, name := range names {
		if s == name {
			return Class(c), true
		}
	}
	return 0, false
}

// Counts are of one class of messages.
type Counts struct {
	New       uint32 `json:"new"`
	Old       uint32 `json:"old"`
	UrgentNew uint32 `json:"urgent_new,omitempty"`
	UrgentOld uint32 `json:"urgent_old,omitempty"`
}

// Summary is what is told of a mailbox.
type Summary struct {
	Waiting bool
	Account string           // URI of the mailbox, as its server wrote it
	Counts  [classes]*Counts // nil: nothing is said of the class; never changed
}

// counted reports whether the summary has counts of any class.
func (s *Summary) counted() bool {
	for _, c := range s.Counts {
		if c != nil {
			return true
		}
	}
	return false
}

// Bounds of what is read, in bytes.
const (
	maxBody    = 8 << 10
	maxAccount = 256
)

// Errors of Parse.
var (
	ErrTooLarge = errors.New("mailbox: message summary too large")
	ErrBad      = errors.New("mailbox: bad message summary")
)

// Parse reads a summary. It takes the lines in any order and either kind of line
// end, because servers differ; Messages-Waiting must be there (RFC 3842 §5.2).
// The headers of messages after an empty line are not read.
func Parse(body []byte) (Summary, error) {
	var s Summary
	if len(body) > maxBody {
		return s, ErrTooLarge
	}
	said := false
	for line := range bytes.Lines(body) {
		text := strings.TrimSpace(string(line))
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return s, fmt.Errorf("%w: line %q", ErrBad, text)
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "Messages-Waiting"):
			if said = strings.EqualFold(value, "yes") || strings.EqualFold(value, "no"); !said {
				return s, fmt.Errorf("%w: Messages-Waiting: %q", ErrBad, value)
			}
			s.Waiting = strings.EqualFold(value, "yes")
		case strings.EqualFold(name, "Message-Account"):
			if CleanAccount(value) {
				s.Account = value
			}
		default:
			if err := s.class(name, value); err != nil {
				return s, err
			}
		}
	}
	if !said {
		return s, fmt.Errorf("%w: no Messages-Waiting", ErrBad)
	}
	return s, nil
}

// CleanAccount reports whether an account can be written as it is.
func CleanAccount(s string) bool {
	return len(s) <= maxAccount && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
}

// class reads the counts of a class; a header that is none is passed over.
func (s *Summary) class(name, value string) error {
	for c, header := range headers {
		if !strings.EqualFold(name, header) {
			continue
		}
		counts, ok := parseCounts(value)
		if !ok {
			return fmt.Errorf("%w: %s: %q", ErrBad, name, value)
		}
		s.Counts[c] = &counts
	}
	return nil
}

// parseCounts reads "new/old" and, in brackets, the same of urgent ones.
func parseCounts(v string) (c Counts, ok bool) {
	all, urgent, bracket := strings.Cut(v, "(")
	if c.New, c.Old, ok = parsePair(all); !ok || !bracket {
		return c, ok
	}
	urgent, rest, closed := strings.Cut(urgent, ")")
	if !closed || strings.TrimSpace(rest) != "" {
		return c, false
	}
	c.UrgentNew, c.UrgentOld, ok = parsePair(urgent)
	return c, ok
}

func parsePair(v string) (a, b uint32, ok bool) {
	x, y, found := strings.Cut(v, "/")
	n, err := strconv.ParseUint(strings.TrimSpace(x), 10, 32)
	m, err2 := strconv.ParseUint(strings.TrimSpace(y), 10, 32)
	return uint32(n), uint32(m), found && err == nil && err2 == nil
}

// Append appends the summary. It allocates nothing beyond growing dst.
func (s *Summary) Append(dst []byte) []byte {
	if s.Waiting {
		dst = append(dst, "Messages-Waiting: yes\r\n"...)
	} else {
		dst = append(dst, "Messages-Waiting: no\r\n"...)
	}
	if s.Account != "" {
		dst = append(append(append(dst, "Message-Account: "...), s.Account...), "\r\n"...)
	}
	for c, counts := range s.Counts {
		if counts == nil {
			continue
		}
		dst = append(append(dst, headers[c]...), ": "...)
		dst = appendPair(dst, counts.New, counts.Old)
		dst = append(dst, " ("...)
		dst = appendPair(dst, counts.UrgentNew, counts.UrgentOld)
		dst = append(dst, ")\r\n"...)
	}
	return dst
}

func appendPair(dst []byte, a, b uint32) []byte {
	dst = strconv.AppendUint(dst, uint64(a), 10)
	dst = append(dst, '/')
	return strconv.AppendUint(dst, uint64(b), 10)
}
