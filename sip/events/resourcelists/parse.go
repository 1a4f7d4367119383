// Package resourcelists reads application/resource-lists+xml (RFC 4826 §3): the
// list that a SUBSCRIBE brings along (RFC 5367).
//
// It is tolerant in namespaces and unknown elements and strict in size: what a
// stranger sends is bounded in bytes, depth and entries.
package resourcelists

import (
	"encoding/xml"
	"fmt"
	"strings"

	"lamplight/sip/events/xmldoc"
)

// ContentType is the MIME type of the documents (RFC 4826 §8.1).
const ContentType = "application/resource-lists+xml"

// MaxBytes bounds a document.
const MaxBytes = 256 << 10

const (
	maxDepth = 16
	maxText  = 512 // bytes of one URI or name
)

// Errors of Parse, matched by errors.Is. ErrTooLarge is answered 413, the
// others 400.
var (
	ErrTooLarge  = xmldoc.ErrTooLarge
	ErrMalformed = xmldoc.ErrMalformed
)

// Entry is one resource.
type Entry struct {
	URI  string
	Name string // display name, often empty
}

// Parse reads the entries of all lists of a document, those of nested lists too,
// in their order; an address that is there twice counts once. More than most of
// them are ErrTooLarge. References to other documents (external, entry-ref) are
// passed over: RFC 5367 §4.1 forbids them here.
func Parse(body []byte, most int) ([]Entry, error) {
	r := reader{most: most, seen: make(map[string]bool)}
	if err := xmldoc.Walk(body, xmldoc.Limits{Bytes: MaxBytes, Depth: maxDepth}, r.token); err != nil {
		return nil, fmt.Errorf("resource-lists: %w", err)
	}
	if !r.root {
		return nil, fmt.Errorf("%w: no resource-lists element", ErrMalformed)
	}
	return r.entries, nil
}

type reader struct {
	most    int
	entries []Entry
	seen    map[string]bool
	root    bool
	depth   int
	open    int // depth of the entry that is open; 0: none
	named   int // depth of its display-name
	counted bool
	text    []byte
}

func (r *reader) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		r.depth++
		return r.start(t)
	case xml.EndElement:
		r.end()
		r.depth--
	case xml.CharData:
		if r.named != 0 && len(r.text)+len(t) <= maxText {
			r.text = append(r.text, t...)
		}
	}
	return nil
}

func (r *reader) start(t xml.StartElement) error {
	switch {
	case r.depth == 1:
		if r.root || t.Name.Local != "resource-lists" {
			return fmt.Errorf("%w: root element %q", ErrMalformed, t.Name.Local)
		}
		r.root = true
	case r.open == 0 && t.Name.Local == "entry":
		r.open = r.depth
		return r.entry(attr(t, "uri"))
	case r.open != 0 && r.depth == r.open+1 && t.Name.Local == "display-name":
		r.named, r.text = r.depth, r.text[:0]
	}
	return nil
}

func (r *reader) entry(uri string) error {
	uri = strings.TrimSpace(uri)
	switch {
	case uri == "":
		return fmt.Errorf("%w: entry without a URI", ErrMalformed)
	case len(uri) > maxText:
		return fmt.Errorf("%w: URI of %d bytes", ErrTooLarge, len(uri))
	}
	if r.counted = !r.seen[uri]; !r.counted {
		return nil
	}
	if len(r.entries) == r.most {
		return fmt.Errorf("%w: more than %d entries", ErrTooLarge, r.most)
	}
	r.seen[uri] = true
	r.entries = append(r.entries, Entry{URI: uri})
	return nil
}

func (r *reader) end() {
	switch r.depth {
	case r.named:
		if r.counted {
			r.entries[len(r.entries)-1].Name = strings.TrimSpace(string(r.text))
		}
		r.named = 0
	case r.open:
		r.open = 0
	}
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
