// Package winfo writes application/watcherinfo+xml (RFC 3858): who watches
// somebody, and who waits for leave to. Documents are full state.
package winfo

import (
	"strconv"
	"time"

	"lamplight/sip/events/notifier"
	"lamplight/sip/events/xmltext"
)

// ContentType is the MIME type of the documents (RFC 3858 §6).
const ContentType = "application/watcherinfo+xml"

// Append appends the document of the watchers of resource by means of an event
// package, and returns where in it the version belongs. With a limit it has as
// many watchers, in their order, as keep it within so many bytes.
func Append(dst []byte, resource, event string, all []notifier.Watching, limit int) (doc []byte, version int) {
	start := len(dst)
	dst = append(dst, `<?xml version="1.0"?>`+"\n"+`<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="`...)
	version = len(dst) - start
	dst = append(dst, "\" state=\"full\">\n"+`<watcher-list resource="`...)
	dst = xmltext.Append(dst, resource)
	dst = append(dst, `" package="`...)
	dst = xmltext.Append(dst, event)
	dst = append(dst, "\">\n"...)
	const end = "</watcher-list>\n</watcherinfo>\n"
	for i := range all {
		before := len(dst)
		dst = appendWatcher(dst, &all[i])
		if limit > 0 && len(dst)-start+len(end) > limit {
			dst = dst[:before]
			break
		}
	}
	return append(dst, end...), version
}

func appendWatcher(dst []byte, w *notifier.Watching) []byte {
	dst = append(dst, `<watcher id="`...)
	dst = xmltext.Append(dst, w.ID)
	dst = append(dst, `" status="`...)
	switch {
	case w.Ended:
		dst = append(dst, "terminated"...)
	case w.Pending:
		dst = append(dst, "pending"...)
	default:
		dst = append(dst, "active"...)
	}
	dst = append(dst, `" event="`...)
	dst = xmltext.Append(dst, w.Event)
	dst = append(dst, '"')
	if w.Display != "" {
		dst = append(dst, ` display-name="`...)
		dst = xmltext.Append(dst, w.Display)
		dst = append(dst, '"')
	}
	dst = appendSeconds(dst, ` expiration="`, w.Expires)
	dst = appendSeconds(dst, ` duration-subscribed="`, w.Since)
	dst = append(dst, '>')
	dst = xmltext.Append(dst, w.URI)
	return append(dst, "</watcher>\n"...)
}

// appendSeconds writes an attribute, given its name with =", in whole seconds; no
// time at all is left out.
func appendSeconds(dst []byte, name string, d time.Duration) []byte {
	if d < time.Second {
		return dst
	}
	dst = strconv.AppendInt(append(dst, name...), int64(d/time.Second), 10)
	return append(dst, '"')
}
