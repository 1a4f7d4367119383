// Package status says which status follows from an agent's facts. It is pure:
// the same facts, settings, policy and time give the same Evaluation, and the
// order in which facts arrived does not matter.
package status

import (
	"time"

	"lamplight/presence"
)

// Evaluate applies the rules of the house to one agent.
func Evaluate(f presence.Facts, p presence.Policy, now time.Time) presence.Evaluation {
	panic("not built yet")
}
