package notifier

import (
	"weak"

	"lamplight/sip/transport"
)

// way is how a watcher is reached. A datagram flow is small and stays usable, so
// it is held; of a stream only the transport layer decides how long it lives,
// and a subscription that outlives it must not keep its buffers.
type way struct {
	packets *transport.Flow
	stream  weak.Pointer[transport.Flow]
}

func wayOf(f *transport.Flow) way {
	if f.Reliable() {
		return way{stream: weak.Make(f)}
	}
	return way{packets: f}
}

// flow is the flow if it is still open, else nil.
func (w way) flow() *transport.Flow {
	f := w.packets
	if f == nil {
		if f = w.stream.Value(); f == nil {
			return nil
		}
	}
	select {
	case <-f.Done():
		return nil
	default:
		return f
	}
}
