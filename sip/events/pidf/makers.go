package pidf

import (
	"lamplight/presence"
	"lamplight/sip/events/xmltext"
)

// AppendCisco appends the document for phones that show presence by activities of
// their maker's namespace, ringing and Do Not Disturb among them. Basic is closed
// for who is Offline only: such a phone shows no activity of a closed tuple.
func AppendCisco(dst []byte, s *presence.Snapshot, entity string) []byte {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:e="urn:ietf:params:xml:ns:pidf:status:rpid" xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" entity="`...)
	dst = xmltext.Append(dst, entity)
	dst = append(dst, "\">\n"+`<dm:person id="p1"><e:activities>`...)
	dst = append(dst, ciscoActivity(s)...)
	dst = append(dst, "</e:activities>"...)
	dst = appendNote(dst, "<dm:note>", s.Watch.Note, "</dm:note>")
	dst = append(dst, "</dm:person>\n"+`<tuple id="t1"><status><basic>`...)
	if s.Watch.Open || s.Watch.Busy {
		dst = append(dst, "open"...)
	} else {
		dst = append(dst, "closed"...)
	}
	dst = append(dst, "</basic></status><contact>"...)
	dst = xmltext.Append(dst, entity)
	return append(dst, "</contact></tuple>\n</presence>\n"...)
}

func ciscoActivity(s *presence.Snapshot) string {
	switch {
	case s.Watch.Activity == onThePhone:
		return "<e:on-the-phone/>"
	case rings(s):
		return "<ce:alerting/>"
	case s.Team.Status == presence.StatusDND:
		return "<ce:dnd/>"
	case s.Watch.Busy:
		return "<e:busy/>"
	case s.Watch.Activity == "away" || s.Watch.Activity == "meal":
		return "<e:away/>"
	}
	return ""
}

const onThePhone = "on-the-phone"

// rings reports whether somebody calls who has not been answered.
func rings(s *presence.Snapshot) bool {
	for i := range s.Watch.Dialogs {
		if d := &s.Watch.Dialogs[i]; d.State == "early" && d.Direction == "recipient" {
			return true
		}
	}
	return false
}

// ContentTypeXPIDF is an older format that some phones' buddy lists want.
const ContentTypeXPIDF = "application/xpidf+xml"

// AppendXPIDF appends the presence document in that format: an atom with one
// address, its status, and a finer one beside it.
func AppendXPIDF(dst []byte, s *presence.Snapshot, entity string) []byte {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<!DOCTYPE presence PUBLIC "-//IETF//DTD RFCxxxx XPIDF 1.0//EN" "xpidf.dtd">`+"\n"+
		"<presence>\n"+`<presentity uri="`...)
	dst = xmltext.Append(dst, entity)
	dst = append(dst, `;method=SUBSCRIBE"/>`+"\n"+`<atom id="a1">`+"\n"+`<address uri="`...)
	dst = xmltext.Append(dst, entity)
	dst = append(dst, `;user=ip" priority="0.800000">`+"\n"+`<status status="`...)
	status, sub := "open", "online"
	switch {
	case s.Watch.Activity == onThePhone:
		status, sub = "inuse", "onthephone"
	case s.Watch.Busy:
		status, sub = "inuse", "busy"
	case s.Watch.Open && s.Watch.Activity != "":
		sub = "away"
	case !s.Watch.Open:
		status, sub = "closed", "offline"
	}
	dst = append(append(dst, status...), `"/>`+"\n"+`<msnsubstatus substatus="`...)
	return append(append(dst, sub...), "\"/>\n</address>\n</atom>\n</presence>\n"...)
}
