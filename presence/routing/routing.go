// Package routing says which of an agent's devices a call rings, and why. It is
// pure, and reads the predicates of an Evaluation, never the label. The rules are
// those of presence/RULES.md.
//
// The same snapshot, policy and call give the same Decision down to the bytes of
// its JSON, so a stored one can be replayed and compared.
package routing

import (
	"time"

	"lamplight/presence"
	"lamplight/presence/schedule"
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
	// Hours are those of that group, if it has any.
	Hours *schedule.Schedule `json:"hours,omitempty"`
	// Redirect: the asker will be answered with contacts and must reach them by
	// itself, so targets that only our own flow reaches are left out.
	Redirect bool `json:"redirect,omitempty"`
	// Replaces is the Call-ID of a dialog of the agent's whose place it takes: the
	// other party of that one has so decided.
	Replaces string    `json:"replaces,omitempty"`
	At       time.Time `json:"at"`
	// Wakings are what came of waking devices for this call, once it has waited.
	Wakings []Waking `json:"wakings,omitempty"`
}

// Decision is the answer.
type Decision struct {
	Allow bool `json:"allow"`
	// Code and Text are the refusal: a SIP status and the text of its Reason
	// header (RFC 3326). With Fallback they are the refusal that was averted. Of
	// an outbound call that is let out, Text says by which rule.
	Code int    `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	// Fallback: none of the agent's devices rings; the only target is the
	// fallback that agent or domain configured.
	Fallback bool `json:"fallback,omitempty"`
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

// KindFallback is the kind of a target that is no device of the agent's.
const KindFallback presence.DeviceKind = "fallback"

// Target is one device to ring.
type Target struct {
	ID     string              `json:"id"` // presence.DeviceState.ID
	Device presence.DeviceID   `json:"device"`
	Kind   presence.DeviceKind `json:"kind"`
	// URI to send the call to; empty for a webphone, which has none: its
	// session is ID.
	URI string `json:"uri,omitempty"`
	// Q in thousandths (RFC 3261 §20.10): lower for later steps, so that who is
	// redirected rings in the same order.
	Q int `json:"q"`
	// Push: wake it first (RFC 8599).
	Push    bool `json:"push,omitempty"`
	Confirm bool `json:"confirm,omitempty"`
	// Ring is how long it rings; zero: as long as the domain says.
	Ring time.Duration `json:"ring,omitempty"`
}

// Considered is one device and what became of it.
type Considered struct {
	ID     string              `json:"id"`
	Kind   presence.DeviceKind `json:"kind"`
	Taken  bool                `json:"taken"`
	Reason string              `json:"reason"`
}
