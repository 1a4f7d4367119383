package pidf

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"lamplight/sip/events/xmldoc"
)

// Bounds on what a phone may send.
const (
	maxBytes      = 64 << 10
	maxDepth      = 32
	maxTuples     = 32
	maxActivities = 16
	maxNote       = 256 // bytes kept of a note
)

// Errors of Parse, matched by errors.Is.
var (
	// ErrTooLarge is answered 413.
	ErrTooLarge = xmldoc.ErrTooLarge
	// ErrMalformed is answered 400.
	ErrMalformed = xmldoc.ErrMalformed
)

// Document is a presence document as read.
type Document struct {
	Entity string
	// Open: some tuple is. Closed: there are tuples, none of them open. Neither:
	// the document does not say.
	Open, Closed bool
	// Activities are the names of RPID's, and of those of other makers, in lower
	// case, sorted, without "unknown".
	Activities []string
	// Note is the first one that says something.
	Note string
}

// Parse reads a document (RFC 3863, RFC 4479, RFC 4480). Namespaces and prefixes
// do not matter, names and values may be capitalised, unknown elements are
// skipped. A document type definition, a depth beyond 32, more than 64 KB or 32
// tuples are refused.
func Parse(body []byte) (*Document, error) {
	var r reader
	if err := xmldoc.Walk(body, xmldoc.Limits{Bytes: maxBytes, Depth: maxDepth}, r.token); err != nil {
		return nil, fmt.Errorf("pidf: %w", err)
	}
	if r.doc == nil {
		return nil, fmt.Errorf("%w: no presence element", ErrMalformed)
	}
	r.doc.Closed = r.doc.Closed && !r.doc.Open
	slices.Sort(r.doc.Activities)
	r.doc.Activities = slices.Compact(r.doc.Activities)
	return r.doc, nil
}

// reader walks the tokens, keeping the path of lower-case local names.
type reader struct {
	doc    *Document
	path   [maxDepth]string
	depth  int
	tuples int
	text   []byte
}

func (r *reader) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		r.path[r.depth] = strings.ToLower(t.Name.Local)
		r.depth++
		r.text = r.text[:0]
		return r.start(t)
	case xml.EndElement:
		r.end()
		r.depth--
		r.text = r.text[:0]
	case xml.CharData:
		if room := maxNote - len(r.text); room > 0 {
			r.text = append(r.text, t[:min(room, len(t))]...)
		}
	}
	return nil
}

// name is the element n levels above the one in hand; "" above the root.
func (r *reader) name(n int) string {
	if at := r.depth - 1 - n; at >= 0 {
		return r.path[at]
	}
	return ""
}

func (r *reader) start(t xml.StartElement) error {
	switch {
	case r.depth == 1:
		if r.path[0] != "presence" || r.doc != nil {
			return fmt.Errorf("%w: root element %q", ErrMalformed, t.Name.Local)
		}
		r.doc = &Document{}
		for _, a := range t.Attr {
			if a.Name.Local == "entity" && len(a.Value) <= maxNote {
				r.doc.Entity = strings.TrimSpace(a.Value)
			}
		}
	case r.depth == 2 && r.name(0) == "tuple":
		if r.tuples++; r.tuples > maxTuples {
			return fmt.Errorf("%w: more than %d tuples", ErrTooLarge, maxTuples)
		}
	case r.name(1) == "activities" && r.name(0) != "note" && r.name(0) != "unknown":
		if len(r.doc.Activities) == maxActivities {
			return fmt.Errorf("%w: more than %d activities", ErrTooLarge, maxActivities)
		}
		if len(r.name(0)) <= maxNote {
			r.doc.Activities = append(r.doc.Activities, strings.Clone(r.name(0)))
		}
	}
	return nil
}

func (r *reader) end() {
	switch {
	case r.name(0) == "basic" && r.name(1) == "status" && r.name(2) == "tuple":
		switch strings.ToLower(r.value()) {
		case "open":
			r.doc.Open = true
		case "closed":
			r.doc.Closed = true
		}
	case r.name(0) == "note" && r.doc.Note == "":
		r.doc.Note = strings.ToValidUTF8(r.value(), "")
	}
}

func (r *reader) value() string { return strings.TrimSpace(string(r.text)) }
