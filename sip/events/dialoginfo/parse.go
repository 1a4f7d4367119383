package dialoginfo

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"lamplight/sip/events/xmldoc"
)

// Bounds on what a peer may send.
const (
	maxBytes   = 64 << 10
	maxDepth   = 32
	maxDialogs = 256
	maxText    = 1024 // bytes of one attribute, identity or state
)

// Errors of Parse, matched by errors.Is. ErrTooLarge is answered 413, the
// others 400.
var (
	ErrTooLarge  = xmldoc.ErrTooLarge
	ErrMalformed = xmldoc.ErrMalformed
)

// Document is a dialog-info document as read.
type Document struct {
	Entity string
	// Version orders the documents of one publication.
	Version uint32
	// Partial: dialogs that are not named keep their state (RFC 4235 §4.3).
	Partial bool
	Dialogs []Dialog
}

// State is a dialog's state in the terms of RFC 4235 §3.7.1.
type State uint8

// The states. A missing or unknown one is read as Trying: a call is rather shown
// than missed, and its end is never guessed.
const (
	Trying State = iota
	Proceeding
	Early
	Confirmed
	Terminated
)

// Dialog is one dialog as read.
type Dialog struct {
	ID                          string
	CallID, LocalTag, RemoteTag string
	// Initiator is true for a call the entity makes; HasDirection tells whether
	// the document said so.
	Initiator    bool
	HasDirection bool
	State        State
	// Held: the local party does not render media (RFC 4235 §5.2).
	Held                  bool
	Remote, RemoteDisplay string
	// Duration in seconds since the dialog began, 0 if unknown.
	Duration uint32
}

// Parse reads a document. Namespaces and prefixes do not matter, names and
// states may be capitalised, unknown elements are skipped; a document type
// definition, a depth beyond 32, more than 64 KB or 256 dialogs are refused, and
// so is an attribute over 1 KB: what is published is told to every watcher, and
// must fit in a datagram.
func Parse(body []byte) (*Document, error) {
	var r reader
	if err := xmldoc.Walk(body, xmldoc.Limits{Bytes: maxBytes, Depth: maxDepth}, r.token); err != nil {
		return nil, fmt.Errorf("dialog-info: %w", err)
	}
	if r.doc == nil {
		return nil, fmt.Errorf("%w: no dialog-info element", ErrMalformed)
	}
	return r.doc, nil
}

// reader walks the tokens, keeping the path of lower-case local names.
type reader struct {
	doc    *Document
	dialog *Dialog
	path   [maxDepth]string
	depth  int
	text   []byte
}

func (r *reader) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		for _, a := range t.Attr {
			if len(a.Value) > maxText {
				return fmt.Errorf("%w: attribute %s of %d bytes", ErrTooLarge, a.Name.Local, len(a.Value))
			}
		}
		r.path[r.depth] = strings.ToLower(t.Name.Local)
		r.depth++
		r.text = r.text[:0]
		return r.start(t)
	case xml.EndElement:
		r.end()
		r.depth--
		r.text = r.text[:0]
	case xml.CharData:
		if len(r.text)+len(t) <= maxText {
			r.text = append(r.text, t...)
		}
	}
	return nil
}

// at reports whether the path below the root is the one given.
func (r *reader) at(names ...string) bool {
	if r.depth != len(names)+1 {
		return false
	}
	for i, n := range names {
		if r.path[i+1] != n {
			return false
		}
	}
	return true
}

func (r *reader) start(t xml.StartElement) error {
	switch {
	case r.depth == 1:
		return r.root(t)
	case r.at("dialog"):
		if len(r.doc.Dialogs) == maxDialogs {
			return fmt.Errorf("%w: more than %d dialogs", ErrTooLarge, maxDialogs)
		}
		r.doc.Dialogs = append(r.doc.Dialogs, Dialog{})
		r.dialog = &r.doc.Dialogs[len(r.doc.Dialogs)-1]
		r.dialogAttrs(t)
		if r.dialog.ID == "" && r.dialog.CallID == "" {
			return fmt.Errorf("%w: dialog without id", ErrMalformed)
		}
	case r.at("dialog", "remote", "identity"):
		r.dialog.RemoteDisplay = attr(t, "display")
	case r.at("dialog", "remote", "target"):
		if r.dialog.Remote == "" {
			r.dialog.Remote = attr(t, "uri")
		}
	case r.at("dialog", "local", "target", "param"):
		r.param(t)
	}
	return nil
}

func (r *reader) root(t xml.StartElement) error {
	if r.path[0] != "dialog-info" || r.doc != nil {
		return fmt.Errorf("%w: root element %q", ErrMalformed, t.Name.Local)
	}
	r.doc = &Document{Entity: attr(t, "entity"), Partial: strings.EqualFold(attr(t, "state"), "partial")}
	if v := attr(t, "version"); v != "" {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return fmt.Errorf("%w: version %q", ErrMalformed, v)
		}
		r.doc.Version = uint32(n)
	}
	return nil
}

func (r *reader) dialogAttrs(t xml.StartElement) {
	d := r.dialog
	d.ID, d.CallID = attr(t, "id"), attr(t, "call-id")
	d.LocalTag, d.RemoteTag = attr(t, "local-tag"), attr(t, "remote-tag")
	switch dir := attr(t, "direction"); {
	case strings.EqualFold(dir, "initiator"):
		d.Initiator, d.HasDirection = true, true
	case strings.EqualFold(dir, "recipient"):
		d.HasDirection = true
	}
}

// param reads the rendering parameter, in either spelling of its value's
// attribute.
func (r *reader) param(t xml.StartElement) {
	name := strings.TrimPrefix(strings.ToLower(attr(t, "pname")), "+")
	if name != "sip.rendering" && name != "sip-rendering" {
		return
	}
	value := attr(t, "pval")
	if value == "" {
		value = attr(t, "pvalue")
	}
	r.dialog.Held = strings.EqualFold(strings.Trim(value, `"`), "no")
}

func (r *reader) end() {
	switch {
	case r.at("dialog"):
		r.dialog = nil
	case r.at("dialog", "state"):
		r.dialog.State = stateOf(r.value())
	case r.at("dialog", "duration"):
		if n, err := strconv.ParseUint(r.value(), 10, 31); err == nil {
			r.dialog.Duration = uint32(n)
		}
	case r.at("dialog", "remote", "identity"):
		if v := r.value(); v != "" {
			r.dialog.Remote = v
		}
	}
}

func (r *reader) value() string { return strings.TrimSpace(string(r.text)) }

func stateOf(s string) State {
	switch strings.ToLower(s) {
	case "terminated":
		return Terminated
	case "confirmed":
		return Confirmed
	case "early":
		return Early
	case "proceeding":
		return Proceeding
	}
	return Trying
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Space != "xmlns" && strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}
