// Package routing says which of an agent's devices a call rings, and why. It is
// pure, and reads the predicates of an Evaluation, never the label.
package routing

import (
	"time"

	"lamplight/presence"
)

// RulesVersion changes with every change of meaning of this package, so that a
// stored decision is replayed with the rules that made it.
const RulesVersion = 1

// Call is what is asked about.
type Call struct {
	ID     string            `json:"id,omitempty"` // the SIP Call-ID where there is one
	Kind   presence.CallKind `json:"kind"`
	Caller string            `json:"caller,omitempty"`
	// Group is set when the call comes by way of a group: numbers then need
	// their group option, and an agent who is being rung is not offered it.
	Group string `json:"group,omitempty"`
	// Redirect: the asker will be answered with contacts and must reach them by
	// itself, so targets that only our own flow reaches are left out.
	Redirect bool      `json:"redirect,omitempty"`
	At       time.Time `json:"at"`
}

// Decision is the answer.
type Decision struct {
	Allow bool `json:"allow"`
	// Code and Text are the refusal: a SIP status and the text of its Reason
	// header (RFC 3326).
	Code int    `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	// Steps ring one after another, the targets of one step together.
	Steps []Step `json:"steps,omitempty"`
	// Devices has one reason for every device considered.
	Devices []Considered `json:"devices"`
	// Rules and Snapshot are what it was made with.
	Rules    int    `json:"rules"`
	Snapshot uint64 `json:"snapshot"`
}

// Step is a set of targets that ring together, After the call began.
type Step struct {
	After   time.Duration `json:"after"`
	Targets []Target      `json:"targets"`
}

// Target is one device to ring.
type Target struct {
	ID      string              `json:"id"` // presence.DeviceState.ID
	Device  presence.DeviceID   `json:"device"`
	Kind    presence.DeviceKind `json:"kind"`
	URI     string              `json:"uri,omitempty"`
	Q       int                 `json:"q"` // thousandths
	Push    bool                `json:"push,omitempty"`
	Confirm bool                `json:"confirm,omitempty"`
}

// Considered is one device and what became of it.
type Considered struct {
	ID     string              `json:"id"`
	Kind   presence.DeviceKind `json:"kind"`
	Taken  bool                `json:"taken"`
	Reason string              `json:"reason"`
}

// Decide answers an inbound call to one agent.
func Decide(s *presence.Snapshot, p presence.Policy, c Call) Decision { panic("not built yet") }

// OutboundCall is an agent's own call asking to be let out.
type OutboundCall struct {
	Number string            `json:"number"`
	Device presence.DeviceID `json:"device"`
	// Colleague: the callee is an agent of the same domain.
	Colleague bool      `json:"colleague,omitempty"`
	At        time.Time `json:"at"`
}

// DecideOutbound answers an agent's own call: Allow or a refusal.
func DecideOutbound(s *presence.Snapshot, p presence.Policy, c OutboundCall) Decision {
	panic("not built yet")
}
