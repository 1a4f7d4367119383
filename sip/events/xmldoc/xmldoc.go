// Package xmldoc reads the small XML documents that phones and peers send. It is
// strict where a stranger could hurt (bytes, depth, document type definitions,
// encodings) and leaves what the document means to its caller.
package xmldoc

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Errors of Walk, matched by errors.Is. ErrTooLarge is answered 413, ErrMalformed
// 400.
var (
	ErrTooLarge  = errors.New("document too large")
	ErrMalformed = errors.New("malformed document")
)

// Limits bound a document; both must be set.
type Limits struct {
	Bytes, Depth int
	// Latin takes the encodings of Western Europe too, which some phones declare
	// whatever they then send.
	Latin bool
}

// Walk hands the start, end and text tokens of a document to f, in order, until f
// returns an error, which Walk returns. White space around the document does not
// matter.
func Walk(body []byte, l Limits, f func(xml.Token) error) error {
	if len(body) > l.Bytes {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	dec := xml.NewDecoder(bytes.NewReader(bytes.TrimSpace(body)))
	dec.CharsetReader = l.charset
	for depth := 0; ; {
		tok, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		switch tok.(type) {
		case xml.Directive:
			return fmt.Errorf("%w: document type definition", ErrMalformed)
		case xml.StartElement:
			if depth++; depth > l.Depth {
				return fmt.Errorf("%w: deeper than %d", ErrTooLarge, l.Depth)
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
		default:
			continue // comments and processing instructions
		}
		if err := f(tok); err != nil {
			return err
		}
	}
}

// charset takes ASCII for the part of UTF-8 that it is and refuses encodings a
// SIP body has no business in (RFC 3261 §7.4.1).
func (l Limits) charset(label string, in io.Reader) (io.Reader, error) {
	switch label = strings.ToLower(label); label {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1", "windows-1252":
		if !l.Latin {
			break
		}
		b, err := io.ReadAll(in) // bounded by the body
		var out []byte
		for _, c := range b {
			out = utf8.AppendRune(out, rune(c))
		}
		return bytes.NewReader(out), err
	}
	return nil, fmt.Errorf("encoding %q", label)
}
