package routing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lamplight/presence"
)

// Errors of records, matched by errors.Is.
var (
	// ErrRules: the decision was made by other rules than this version's.
	ErrRules = errors.New("routing: the decision was made by another version of the rules")
	// ErrNoCall: the inputs name no call, or two.
	ErrNoCall = errors.New("routing: not the inputs of one decision")
)

// Inputs are all that a decision is made from: exactly one of Call, Outbound and
// Group is set.
type Inputs struct {
	Snapshot *presence.Snapshot `json:"snapshot"`
	Policy   presence.Policy    `json:"policy"`
	Call     *Call              `json:"call,omitempty"`
	Outbound *OutboundCall      `json:"outbound,omitempty"`
	Group    *GroupCall         `json:"group,omitempty"`
	// Only are the targets that the call asked for, nil if none in particular.
	Only []string `json:"only,omitempty"`
}

// Decide makes the decision.
func (in *Inputs) Decide() (Decision, error) {
	switch {
	case in.Group != nil && in.Call == nil && in.Outbound == nil:
		return DecideGroup(*in.Group), nil
	case in.Call != nil && in.Outbound == nil:
		return Decide(in.Snapshot, in.Policy, *in.Call).Only(in.Only), nil
	case in.Call == nil && in.Outbound != nil:
		return DecideOutbound(in.Snapshot, in.Policy, *in.Outbound), nil
	}
	return Decision{}, ErrNoCall
}

// Outcome is what came of the inputs.
type Outcome struct {
	ID       string   `json:"id"`
	Decision Decision `json:"decision"`
	// Status was answered where the asker was redirected, with Contacts, after
	// LeftOut were left out for what a redirect cannot do.
	Status   int      `json:"status,omitempty"`
	Contacts []string `json:"contacts,omitempty"`
	LeftOut  []string `json:"left_out,omitempty"`
	// Tries are what happened to a call that passed through us, in order; Status
	// is then its final response.
	Tries []Try `json:"tries,omitempty"`
}

// Try is one thing that happened to one target.
type Try struct {
	Target string    `json:"target"`
	What   string    `json:"what"` // called, rings, answered, failed, not needed any more
	Status int       `json:"status,omitempty"`
	At     time.Time `json:"at"`
}

// Record is a decision as the change log keeps it: the inputs are the entry's
// value before, the outcome the one after.
type Record struct {
	Inputs
	Outcome
}

// Asked is the SIP Call-ID, empty where there is none, and when it was asked.
func (in *Inputs) Asked() (id string, at time.Time) {
	switch {
	case in.Call != nil:
		return in.Call.ID, in.Call.At
	case in.Outbound != nil:
		return in.Outbound.ID, in.Outbound.At
	case in.Group != nil:
		return in.Group.ID, in.Group.At
	}
	return "", time.Time{}
}

// KindDecision is the kind of the log entries that hold a record.
const KindDecision = "decision"

// Encode gives the two values of the log entry.
func (r *Record) Encode() (before, after []byte, err error) {
	in := r.Inputs
	in.Policy.Watch = nil // decides nothing about calls, and may be long
	in.Policy.AgentKeys = presence.AgentKeys{}
	if in.Outbound == nil {
		in.Policy.Codes = presence.FeatureCodes{}
	}
	// By pointers: both are large, and would be copied to the heap first.
	if before, err = json.Marshal(&in); err == nil {
		after, err = json.Marshal(&r.Outcome)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("routing: encode decision %s: %w", r.ID, err)
	}
	return before, after, nil
}

// ReadRecord reads the values of a log entry back.
func ReadRecord(before, after []byte) (r Record, err error) {
	if err = json.Unmarshal(before, &r.Inputs); err == nil {
		err = json.Unmarshal(after, &r.Outcome)
	}
	if err != nil {
		return Record{}, fmt.Errorf("routing: read decision: %w", err)
	}
	if s := r.Snapshot; s != nil { // in JSON the views hide the evaluation's labels
		s.Evaluation.Team, s.Evaluation.Own = s.Team.Label, s.Own.Label
	}
	return r, nil
}

// Replay makes the decision again and says whether it is the same to the byte.
// ErrRules means that this version cannot tell.
func (r *Record) Replay() (again Decision, same bool, err error) {
	if r.Decision.Rules != RulesVersion {
		return Decision{}, false, fmt.Errorf("%w: %d, not %d", ErrRules, r.Decision.Rules, RulesVersion)
	}
	if again, err = r.Decide(); err != nil {
		return Decision{}, false, err
	}
	a, err := json.Marshal(again)
	if err != nil {
		return Decision{}, false, fmt.Errorf("routing: replay decision %s: %w", r.ID, err)
	}
	b, err := json.Marshal(r.Decision)
	if err != nil {
		return Decision{}, false, fmt.Errorf("routing: replay decision %s: %w", r.ID, err)
	}
	return again, bytes.Equal(a, b), nil
}
