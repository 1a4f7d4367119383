// Package dialoginfo writes and reads application/dialog-info+xml (RFC 4235),
// the documents behind busy lamps.
//
// What is written has at least one dialog, because many phones keep the old lamp
// when the dialog element is missing, and is full state, but for phones that are
// known to apply changes (AppendChanges). What is read is
// tolerant in names and states and strict in size.
package dialoginfo

import (
	"strconv"

	"lamplight/presence"
	"lamplight/sip/events/xmltext"
)

// ContentType is the MIME type of the documents (RFC 4235 §8.1).
const ContentType = "application/dialog-info+xml"

// View is what differs between two watchers of one presentity.
type View struct {
	// Entity is the URI that was subscribed to, as it was written: some phones
	// compare it as a string.
	Entity string
	// Busy shows a status that takes no calls (Do Not Disturb, Wrap Up…) as a
	// confirmed dialog without a remote party.
	Busy bool
	// Limit is the size in bytes that further dialogs may not exceed; the first
	// is always written. Zero means no limit.
	Limit int
	// Brief leaves the local party away where it says nothing but the entity.
	Brief bool
	// Single: one dialog at most, the one a lamp should show.
	Single bool
	// Hidden: who is at the other end is not said, nor the call-id and tags with
	// which the call could be taken over (RFC 3891).
	Hidden bool
	// NoPval and NoPvalue leave out one spelling of a parameter's value.
	NoPval, NoPvalue bool
	// Ended are dialogs that the reader was told of and that are over: each is
	// said to be terminated, for readers that go by ids even in full state.
	Ended []presence.DialogState
}

// The ids of dialogs that stand for no call. They are stable, so that a phone
// that goes by ids sees one dialog change.
const (
	idleID = "idle"
	busyID = "status"
)

// Append appends the document and returns the position, counted from the start
// of dst, at which the decimal version belongs: bodies are shared by many
// subscriptions, versions are not (RFC 4235 §4.1: a version is a
// subscription's). A nil snapshot is an address of record without calls.
func Append(dst []byte, s *presence.Snapshot, v View) (doc []byte, version int) {
	start := len(dst)
	dst, version = appendRoot(dst, "full", v.Entity)
	name := nameOf(s)
	live := 0
	if s != nil {
		live = len(s.Watch.Dialogs)
	}
	switch {
	case live+len(v.Ended) > 0:
		for i := range live + len(v.Ended) {
			before := len(dst)
			if i < live {
				dst = appendDialog(dst, &s.Watch.Dialogs[i], &v, name)
			} else {
				dst = append(appendOpen(dst, &v.Ended[i-live], &v), "<state>terminated</state></dialog>\n"...)
			}
			if i > 0 && v.Limit > 0 && len(dst)-start > v.Limit {
				dst = dst[:before]
				break
			}
			if v.Single {
				break
			}
		}
	case s != nil && s.Watch.Busy && v.Busy:
		dst = append(dst, `<dialog id="`+busyID+`"><state>confirmed</state>`...)
		dst = appendLocal(dst, &v, name, false)
		dst = append(dst, "</dialog>\n"...)
	default:
		dst = appendEnded(dst, idleID, &v)
	}
	return append(dst, "</dialog-info>\n"...), version
}

// appendOpen writes the start of a dialog: what names it.
func appendOpen(dst []byte, d *presence.DialogState, v *View) []byte {
	dst = appendID(append(dst, `<dialog id="`...), d.ID, v)
	dst = append(dst, '"')
	if !v.Hidden {
		dst = appendAttr(dst, ` call-id="`, d.CallID)
		dst = appendAttr(dst, ` local-tag="`, d.LocalTag)
		dst = appendAttr(dst, ` remote-tag="`, d.RemoteTag)
	}
	dst = appendAttr(dst, ` direction="`, d.Direction)
	return append(dst, '>')
}

// appendID writes the id of a dialog. It may be made of the call-id, so who may
// not know that is given a digest of it.
func appendID(dst []byte, id string, v *View) []byte {
	if !v.Hidden || id == idleID || id == busyID {
		return xmltext.Append(dst, id)
	}
	h := uint64(14695981039346656037) // FNV-1a, 64 bits
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return strconv.AppendUint(append(dst, 'h'), h, 16)
}

// appendDialog writes one leg in the element order of the schema (RFC 4235
// §4.4): state, then local, then remote.
func appendDialog(dst []byte, d *presence.DialogState, v *View, name string) []byte {
	dst = append(appendOpen(dst, d, v), "<state>"...)
	dst = xmltext.Append(dst, d.State)
	dst = append(dst, "</state>"...)
	if !v.Brief || d.Held {
		dst = appendLocal(dst, v, name, d.Held)
	}
	if d.Remote != "" && !v.Hidden {
		dst = append(dst, "<remote>"...)
		dst = appendIdentity(dst, d.Name, d.Remote)
		dst = append(dst, `<target uri="`...)
		dst = xmltext.Append(dst, d.Remote)
		dst = append(dst, `"/></remote>`...)
	}
	return append(dst, "</dialog>\n"...)
}

// appendLocal writes the watched party. Held is told by the rendering parameter
// (RFC 4235 §5.2 with RFC 3840's syntax); the RFC's attribute is pval, most
// phones were taught pvalue, so both are there.
func appendLocal(dst []byte, v *View, name string, held bool) []byte {
	dst = append(dst, "<local>"...)
	dst = appendIdentity(dst, name, v.Entity)
	dst = append(dst, `<target uri="`...)
	dst = xmltext.Append(dst, v.Entity)
	if !held {
		return append(dst, `"/></local>`...)
	}
	dst = append(dst, `"><param pname="+sip.rendering"`...)
	if !v.NoPval {
		dst = append(dst, ` pval="no"`...)
	}
	if !v.NoPvalue {
		dst = append(dst, ` pvalue="no"`...)
	}
	return append(dst, `/></target></local>`...)
}

func appendIdentity(dst []byte, display, uri string) []byte {
	dst = append(dst, "<identity"...)
	dst = appendAttr(dst, ` display="`, display)
	dst = append(dst, '>')
	dst = xmltext.Append(dst, uri)
	return append(dst, "</identity>"...)
}

// appendAttr writes an attribute, given its name with ="; an empty one is left
// out.
func appendAttr(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, name...)
	dst = xmltext.Append(dst, value)
	return append(dst, '"')
}
