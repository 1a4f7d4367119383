package dialoginfo

import (
	"lamplight/presence"
	"lamplight/sip/events/xmltext"
)

// AppendChanges appends a document of partial state (RFC 4235 §4.3): the dialogs
// that are not what they were in the state before. It is for a watcher who has
// that state and applies changes to it. False: there is more than the limit
// allows, or the watcher was not told of all of the state before, and the full
// state has to be sent.
func AppendChanges(dst []byte, before, after *presence.Snapshot, v View) (doc []byte, version int, ok bool) {
	start := len(dst)
	was, is := shown(before, &v), shown(after, &v)
	if v.Limit > 0 && len(was) > 1 {
		all := v
		all.Limit = 0
		if dst, _ = Append(dst, before, all); len(dst)-start > v.Limit {
			return dst[:start], 0, false // of the last dialogs it may never have heard
		}
		dst = dst[:start]
	}
	dst, version = appendRoot(dst, "partial", v.Entity)
	begun := len(dst)
	renamed := nameOf(before) != nameOf(after)
	for i := range is {
		if old := find(was, is[i].ID); old == nil || renamed || !same(old, &is[i]) {
			dst = appendDialog(dst, &is[i], &v, nameOf(after))
		}
	}
	for i := range was {
		if find(is, was[i].ID) == nil {
			dst = appendEnded(dst, was[i].ID, &v)
		}
	}
	if len(dst) == begun {
		dst = appendEnded(dst, idleID, &v) // what changed is not shown
	}
	ok = v.Limit == 0 || len(dst)-start <= v.Limit
	return append(dst, "</dialog-info>\n"...), version, ok
}

// shown are the dialogs that a document of the state has, but for the one that
// stands for none.
func shown(s *presence.Snapshot, v *View) []presence.DialogState {
	switch {
	case s == nil:
		return nil
	case len(s.Watch.Dialogs) > 1 && v.Single:
		return s.Watch.Dialogs[:1]
	case len(s.Watch.Dialogs) > 0:
		return s.Watch.Dialogs
	case s.Watch.Busy && v.Busy:
		return []presence.DialogState{{ID: busyID, State: "confirmed"}}
	}
	return nil
}

func find(list []presence.DialogState, id string) *presence.DialogState {
	for i := range list {
		if list[i].ID == id {
			return &list[i]
		}
	}
	return nil
}

// same reports whether two states of a dialog are written alike.
func same(a, b *presence.DialogState) bool {
	x, y := *a, *b
	x.Since, y.Since = b.Since, b.Since
	return x == y
}

func nameOf(s *presence.Snapshot) string {
	if s == nil {
		return ""
	}
	return s.Name
}

// appendEnded writes a dialog that is over, or that never was.
func appendEnded(dst []byte, id string, v *View) []byte {
	dst = appendID(append(dst, `<dialog id="`...), id, v)
	return append(dst, `"><state>terminated</state></dialog>`+"\n"...)
}

// appendRoot writes the document's beginning and returns where in dst its version
// belongs.
func appendRoot(dst []byte, state, entity string) (doc []byte, version int) {
	dst = append(dst, `<?xml version="1.0"?>`+"\n"+`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="`...)
	version = len(dst)
	dst = append(append(dst, `" state="`...), state...)
	dst = append(dst, `" entity="`...)
	dst = xmltext.Append(dst, entity)
	return append(dst, "\">\n"...), version
}
