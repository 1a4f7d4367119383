package transport

import "lamplight/sip/message"

// refuse lets a request whose frame is broken be told 400, as far as it can be
// read; the stream ends afterwards.
func (l *Layer) refuse(f *Flow, raw []byte, cause error) {
	if l.onBad == nil || len(raw) == 0 {
		return
	}
	if m := message.Salvage(raw); m != nil {
		l.onBad(f, m, cause)
	}
}
