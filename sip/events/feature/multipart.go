package feature

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// maxParts bounds a body of several documents; there are five features.
const maxParts = 16

// ErrType says that the body is of a type that is not read here; answered 415.
var ErrType = errors.New("as-feature-event: unknown type of body")

// ParseAll reads a body of one document or, as multipart/mixed, of several, in
// their order. What is not known here is left out.
func ParseAll(contentType string, body []byte) ([]Set, error) {
	typ, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return nil, fmt.Errorf("%w: %q", ErrType, contentType)
	}
	switch {
	case typ == ContentType:
		return one(nil, body)
	case typ != "multipart/mixed" || params["boundary"] == "":
		return nil, fmt.Errorf("%w: %q", ErrType, contentType)
	case len(body) > maxBytes:
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	var all []Set
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err == nil && n == maxParts {
			return nil, fmt.Errorf("%w: more than %d parts", ErrTooLarge, maxParts)
		}
		var text []byte
		if err == nil {
			text, err = io.ReadAll(part) // bounded by the body
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if typ, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(typ), ContentType) {
			continue
		}
		if all, err = one(all, text); err != nil {
			return nil, err
		}
	}
}

func one(all []Set, text []byte) ([]Set, error) {
	s, err := Parse(text)
	if err != nil || s == (Set{}) {
		return all, err
	}
	return append(all, s), nil
}
