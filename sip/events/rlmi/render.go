// Package rlmi writes application/rlmi+xml (RFC 4662 §5): which resources a list
// has, in what state the subscription to each is, and which part of the body
// holds its document.
package rlmi

import (
	"strconv"

	"lamplight/sip/events/xmltext"
)

// ContentType is the MIME type of the documents (RFC 4662 §10.2).
const ContentType = "application/rlmi+xml"

// State is the state of the subscription to one resource (RFC 4662 §5.5).
type State uint8

// The states.
const (
	Active State = iota
	Pending
	Terminated
)

// Resource is one member of the list.
type Resource struct {
	URI  string
	Name string // shown to people; empty: none
	// State of the subscription to it; Reason says why a terminated one is
	// (RFC 6665 §4.1.3).
	State  State
	Reason string
	// CID is the content id of its document, without brackets; nil: none.
	CID []byte
}

// Prolog may stand before a document.
const Prolog = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// AppendHead appends what stands before the resources, without the prolog. A list
// that is not full names only what changed (RFC 4662 §5.2).
func AppendHead(dst []byte, uri string, version uint32, full bool) []byte {
	dst = append(dst, `<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="`...)
	dst = xmltext.Append(dst, uri)
	dst = append(dst, `" version="`...)
	dst = strconv.AppendUint(dst, uint64(version), 10)
	if full {
		return append(dst, "\" fullState=\"true\">\n"...)
	}
	return append(dst, "\" fullState=\"false\">\n"...)
}

// AppendResource appends a resource with the one instance it has here
// (RFC 4662 §5.4, §5.5).
func AppendResource(dst []byte, r *Resource) []byte {
	dst = append(dst, `<resource uri="`...)
	dst = xmltext.Append(dst, r.URI)
	dst = append(dst, "\">"...)
	if r.Name != "" {
		dst = append(dst, "<name>"...)
		dst = xmltext.Append(dst, r.Name)
		dst = append(dst, "</name>"...)
	}
	dst = append(dst, `<instance id="1" state="`...)
	switch r.State {
	case Pending:
		dst = append(dst, "pending"...)
	case Terminated:
		dst = append(dst, "terminated"...)
	default:
		dst = append(dst, "active"...)
	}
	dst = append(dst, '"')
	if r.Reason != "" {
		dst = append(dst, ` reason="`...)
		dst = xmltext.Append(dst, r.Reason)
		dst = append(dst, '"')
	}
	if r.CID != nil {
		dst = append(dst, ` cid="`...)
		dst = append(dst, r.CID...)
		dst = append(dst, '"')
	}
	return append(dst, "/></resource>\n"...)
}

// AppendEnd ends the document.
func AppendEnd(dst []byte) []byte { return append(dst, "</list>\n"...) }
