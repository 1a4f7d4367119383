package registrar

import (
	"time"

	"lamplight/presence"
	"lamplight/sip/transport"
)

// Life tells one life of a phone from the next: its REGISTERs bear the same Call-ID
// until it starts anew (RFC 3261 §10.2), and what it knew of calls is gone then. The
// zero value is of no phone.
type Life struct {
	callID, instance string
	device           presence.DeviceID
	at               time.Time
}

// Known reports whether it is some phone's.
func (l *Life) Known() bool { return l.callID != "" }

// LifeOver is the life of the agent's phone that is registered over that stream.
func (r *Registrar) LifeOver(agent presence.AgentID, f *transport.Flow) (l Life) {
	r.Visit(agent, func(b *Binding) {
		if b.flow == f {
			l = Life{callID: b.CallID, instance: b.Instance, device: b.Device, at: time.Now()}
		}
	})
	return l
}

// FlowOf is the stream by which the phone is reached that is still in that life; nil:
// it has none. Of several flows (RFC 5626) each may bear a Call-ID of its own: those of
// the same instance are its as well, if they were there when the life was asked for.
func (r *Registrar) FlowOf(agent presence.AgentID, l Life) (out *transport.Flow) {
	if !l.Known() {
		return nil
	}
	r.Visit(agent, func(b *Binding) {
		same := b.CallID == l.callID || l.instance != "" && b.Instance == l.instance && b.Since.Before(l.at)
		if b.Device != l.device || !same || b.flow == nil {
			return
		}
		select {
		case <-b.flow.Done():
		default:
			out = b.flow
		}
	})
	return out
}
