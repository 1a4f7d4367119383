// Package resourcelists reads application/resource-lists+xml (RFC 4826 §3): the
// list that a SUBSCRIBE brings along (RFC 5367).
//
// It is tolerant in namespaces and unknown elements and strict in size: what a
// stranger sends is bounded in bytes, depth and entries.
package resourcelists

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
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
	ErrTooLarge  = errors.New("resource-lists: too large")
	ErrMalformed = errors.New("resource-lists: malformed")
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
	if len(body) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	r := reader{dec: xml.NewDecoder(bytes.NewReader(body)), most: most, seen: make(map[string]bool)}
	r.dec.CharsetReader = charset
	for {
		tok, err := r.dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if err := r.token(tok); err != nil {
			return nil, err
		}
	}
	if !r.root {
		return nil, fmt.Errorf("%w: no resource-lists element", ErrMalformed)
	}
	return r.entries, nil
}

// charset takes ASCII for the part of UTF-8 that it is and refuses encodings a
// SIP body has no business in (RFC 3261 §7.4.1).
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	}
	return nil, fmt.Errorf("encoding %q", label)
}

type reader struct {
	dec     *xml.Decoder
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
	case xml.Directive:
		return fmt.Errorf("%w: document type definition", ErrMalformed)
	case xml.StartElement:
		if r.depth++; r.depth > maxDepth {
			return fmt.Errorf("%w: deeper than %d", ErrTooLarge, maxDepth)
		}
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
