package ua

import (
	"mime"
	"strings"

	"lamplight/sip/message"
)

// KeyHandler is a Handler that wants the keys the other side presses by INFO, as
// phones do that send no telephone events (RFC 4733).
type KeyHandler interface {
	Pressed(key byte)
}

const keypad = "0123456789*#ABCD"

// keyOf is the key of an INFO: "Signal=5" of application/dtmf-relay, or the key
// alone of application/dtmf. Neither is in an RFC; this is what is sent.
func keyOf(m *message.Message) (byte, bool) {
	kind, _, err := mime.ParseMediaType(m.Get(message.ContentType))
	if err != nil {
		return 0, false
	}
	text := ""
	switch kind {
	case "application/dtmf":
		text = string(m.Body)
	case "application/dtmf-relay":
		for line := range strings.Lines(string(m.Body)) {
			if name, value, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(name), "signal") {
				text = value
				break
			}
		}
	}
	text = strings.ToUpper(strings.TrimSpace(text))
	switch text { // some send the number of the event
	case "10":
		text = "*"
	case "11":
		text = "#"
	}
	if len(text) != 1 || strings.IndexByte(keypad, text[0]) < 0 {
		return 0, false
	}
	return text[0], true
}
