package phones

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// rlmi is application/rlmi+xml (RFC 4662 §5).
type rlmi struct {
	XMLName   xml.Name `xml:"urn:ietf:params:xml:ns:rlmi list"`
	URI       string   `xml:"uri,attr"`
	Version   *uint32  `xml:"version,attr"`
	Full      *bool    `xml:"fullState,attr"`
	Resources []struct {
		URI       string   `xml:"uri,attr"`
		Names     []string `xml:"urn:ietf:params:xml:ns:rlmi name"`
		Instances []struct {
			ID    string `xml:"id,attr"`
			State string `xml:"state,attr"`
			CID   string `xml:"cid,attr"`
		} `xml:"urn:ietf:params:xml:ns:rlmi instance"`
	} `xml:"urn:ietf:params:xml:ns:rlmi resource"`
}

// board is a phone with one subscription to a list: it keeps every member's lamp
// from one NOTIFY to the next.
type board struct {
	read func(body []byte, entity string) (Lamp, error)
	// bare: Content-IDs are written without brackets, the boundary without
	// quotes, as one family needs them. It dies of a quoted boundary.
	bare bool

	begun   bool
	version uint32
	lamps   map[string]Lamp // by URI
}

// take makes the lamps of a NOTIFY.
func (b *board) take(contentType string, body []byte) error {
	typ, params, err := mime.ParseMediaType(contentType)
	if err != nil || typ != "multipart/related" || params["type"] != "application/rlmi+xml" {
		return fmt.Errorf("Content-Type %q is no list's (RFC 4662 §5.4): %w", contentType, err)
	}
	if b.bare && strings.Contains(contentType, `boundary="`) {
		return errors.New("a quoted boundary: the phone dies of it")
	}
	parts, first, err := b.parts(body, params["boundary"])
	if err != nil {
		return err
	}
	start := params["start"]
	if !b.bare {
		start = strings.Trim(start, "<>")
	}
	if start == "" {
		start = first
	}
	root, ok := parts[start]
	if !ok {
		return fmt.Errorf("start %q names no part", params["start"])
	}
	var list rlmi
	if err := xml.Unmarshal(root, &list); err != nil {
		return fmt.Errorf("no rlmi: %w", err)
	}
	return b.apply(&list, parts)
}

// parts are the bodies by their Content-ID.
func (b *board) parts(body []byte, boundary string) (parts map[string][]byte, first string, err error) {
	parts = map[string][]byte{}
	for r := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts, first, nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("multipart body: %w", err)
		}
		text, err := io.ReadAll(p)
		if err != nil {
			return nil, "", fmt.Errorf("multipart body: %w", err)
		}
		id := p.Header.Get("Content-Id")
		if bracketed := strings.HasPrefix(id, "<") && strings.HasSuffix(id, ">"); id == "" || bracketed == b.bare {
			return nil, "", fmt.Errorf("Content-ID %q", id)
		}
		id = strings.Trim(id, "<>")
		if first == "" {
			first = id
		}
		if _, twice := parts[id]; twice {
			return nil, "", fmt.Errorf("two parts are called %q", id)
		}
		parts[id] = text
	}
}

func (b *board) apply(list *rlmi, parts map[string][]byte) error {
	switch {
	case list.Version == nil || list.Full == nil:
		return errors.New("a list without version or fullState")
	case !b.begun && !*list.Full:
		return errors.New("the first NOTIFY is not full state (RFC 4662 §5.2)")
	case b.begun && *list.Version <= b.version:
		return fmt.Errorf("version %d after %d", *list.Version, b.version)
	}
	if *list.Full || b.lamps == nil {
		b.lamps = map[string]Lamp{}
	}
	b.begun, b.version = true, *list.Version
	for _, r := range list.Resources {
		if len(r.Names) == 0 && !b.bare { // who brings a list has names of its own
			return fmt.Errorf("%s has no name to write beside its key", r.URI)
		}
		if len(r.Instances) == 0 { // told later, in a part of its own
			continue
		}
		i := r.Instances[0]
		if i.State != "active" {
			return fmt.Errorf("%s is %s", r.URI, i.State)
		}
		body, ok := parts[i.CID]
		if !ok {
			return fmt.Errorf("%s: no part is called %q", r.URI, i.CID)
		}
		l, err := b.read(body, r.URI)
		if err != nil {
			return fmt.Errorf("%s: %w", r.URI, err)
		}
		b.lamps[r.URI] = l
	}
	return nil
}
