package ua

import "lamplight/sip/message"

// Warning says what of a description could not be used (RFC 3261 §20.43).
type Warning struct {
	Code int
	Text string
}

// warnAgent stands for us in a Warning: which host this is is nobody's business.
const warnAgent = "lamplight"

func warned(b *message.Builder, list []Warning) *message.Builder {
	for _, w := range list {
		b.Add(message.Warning, message.WarningOf(w.Code, warnAgent, w.Text))
	}
	return b
}
