package presence

import "time"

// Forwarding is one of the ways the keys of a phone forward calls. It is no
// fact of its own: what the forwarding options are says it too (see package
// status).
type Forwarding struct {
	Kind ForwardKind
	On   bool
	To   string // a number; of one that is off empty
	// After is how long the agent's own devices ring first, for ForwardNoAnswer.
	After time.Duration
}

// ForwardKind is when a call is forwarded.
type ForwardKind string

// The kinds of forwarding.
const (
	ForwardAlways   ForwardKind = "always"
	ForwardNoAnswer ForwardKind = "no_answer"
	ForwardBusy     ForwardKind = "busy"
)

// ForwardRing is how long one ring is where a phone counts rings.
const ForwardRing = 5 * time.Second
