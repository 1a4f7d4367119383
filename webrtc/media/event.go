package media

import "time"

// Side of a bridge.
type Side uint8

// The sides.
const (
	Browser Side = iota
	Phone
)

func (s Side) String() string { return [...]string{"browser", "phone"}[s&1] }

// Kind of an event.
type Kind string

// The events of a bridge.
const (
	// Connected: ICE and DTLS stand, also again after an interruption.
	Connected Kind = "connected"
	// Interrupted: nothing comes from the browser; it may yet.
	Interrupted Kind = "interrupted"
	// Failed: it will not without an ICE restart.
	Failed Kind = "failed"
	// Hearing, Silent and Stopped say what comes of the browser's microphone: sound,
	// digital silence (muted, or dead), or no packets at all.
	Hearing Kind = "hearing"
	Silent  Kind = "silent"
	Stopped Kind = "stopped"
	// PhoneHeard: the first audio of the phone.
	PhoneHeard Kind = "phone-heard"
	// Key: a key was pressed on Side, Digit, and held for Held.
	Key Kind = "key"
	// TimedOut: nothing came of the phone for too long. It is for the call's owner
	// to end it.
	TimedOut Kind = "timed-out"
)

// Event of a bridge.
type Event struct {
	Kind  Kind
	Side  Side // of a Key
	Digit byte
	Held  time.Duration
}

// backlog of events nobody has read yet.
const backlog = 32

// tell queues an event; the oldest goes where there is no room.
func (b *Bridge) tell(e Event) {
	b.eventMu.Lock()
	defer b.eventMu.Unlock()
	if b.eventsClosed {
		return
	}
	for {
		select {
		case b.events <- e:
			return
		default:
		}
		select {
		case <-b.events:
			b.g.m.eventsLost.Inc()
		default:
		}
	}
}

// Events of the call, closed by Close.
func (b *Bridge) Events() <-chan Event { return b.events }
