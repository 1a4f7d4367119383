// Package pidf writes application/pidf+xml (RFC 3863) with the activity of RPID
// (RFC 4480) on the person of the data model (RFC 4479).
//
// Several phones search the text instead of parsing it: the prefixes are
// literally dm and rpid, activities are empty elements, and an agent who is
// simply available has no activity at all.
package pidf

import (
	"lamplight/presence"
	"lamplight/sip/events/xmltext"
)

// The MIME types a document may be sent as. The second is what some desk phones
// ask for; it names the same format.
const (
	ContentType     = "application/pidf+xml"
	ContentTypeCPIM = "application/cpim-pidf+xml"
)

// Append appends the presence document of the snapshot for a watcher that
// subscribed to entity.
func Append(dst []byte, s *presence.Snapshot, entity string) []byte {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="`...)
	dst = xmltext.Append(dst, entity)
	dst = append(dst, "\">\n"+`<tuple id="t1"><status><basic>`...)
	if s.Watch.Open {
		dst = append(dst, "open</basic>"...)
	} else {
		dst = append(dst, "closed</basic>"...)
	}
	activity := validActivity(s.Watch.Activity)
	if s.Watch.Open && activity == "" {
		// Without it one widespread softphone family shows an open tuple as busy.
		dst = append(dst, `<online xmlns="http://www.linphone.org/xsds/pidfonline.xsd"/>`...)
	}
	dst = append(dst, "</status><contact>"...)
	dst = xmltext.Append(dst, entity)
	dst = append(dst, "</contact>"...)
	dst = appendNote(dst, "<note>", s.Watch.Note, "</note>")
	dst = append(dst, "</tuple>\n"...)
	if activity != "" {
		dst = append(dst, `<dm:person id="p1"><rpid:activities><rpid:`...)
		dst = append(dst, activity...)
		dst = append(dst, "/></rpid:activities>"...)
		dst = appendNote(dst, "<dm:note>", s.Watch.Note, "</dm:note>")
		dst = append(dst, "</dm:person>\n"...)
	}
	return append(dst, "</presence>\n"...)
}

func appendNote(dst []byte, open, note, end string) []byte {
	if note == "" {
		return dst
	}
	dst = append(dst, open...)
	dst = xmltext.Append(dst, note)
	return append(dst, end...)
}

// validActivity is the activity as an element name: the registered ones consist
// of lower-case letters and hyphens (RFC 4480 §3.2). Anything else a
// configuration may hold becomes "other" rather than a broken document.
func validActivity(a string) string {
	for i := range len(a) {
		if c := a[i]; (c < 'a' || c > 'z') && (c != '-' || i == 0) {
			return "other"
		}
	}
	return a
}
