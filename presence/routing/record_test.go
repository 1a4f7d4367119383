package routing

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"lamplight/presence"
)

// Whatever the agent's state, policy and call: what was kept of a decision gives
// the same decision again.
func TestRecordedDecisionIsReplayedIdentically(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := draw(t)
		f.Settings.Ringing = rapid.SampledFrom([]presence.Ringing{{}, {InOrder: true, Devices: []presence.DeviceRing{{Device: mobile}, {Device: desk, After: 1, Ring: 2}}}}).Draw(t, "ringing")
		snap := snapshot(f, p)
		snap.Team.Label, snap.Own.Label = snap.Evaluation.Team, snap.Evaluation.Own
		r := Record{Inputs: Inputs{Snapshot: snap, Policy: p}, Outcome: Outcome{ID: "id", Status: 302, Contacts: []string{"<sip:a@b>"}}}
		if rapid.Bool().Draw(t, "outbound") {
			r.Outbound = &OutboundCall{
				Number: rapid.SampledFrom([]string{"112", "0301234"}).Draw(t, "number"), At: t0,
				Device: rapid.SampledFrom([]presence.DeviceID{{}, webphone, dev(2)}).Draw(t, "from"), Colleague: rapid.Bool().Draw(t, "colleague"),
			}
		} else {
			c := drawCall(t)
			r.Call = &c
			r.Only = rapid.SampledFrom([][]string{nil, {"b0"}, {"fallback"}}).Draw(t, "only")
		}
		made, err := r.Decide()
		if err != nil {
			t.Fatal(err)
		}
		r.Decision = made
		before, after, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		kept, err := ReadRecord(before, after)
		if err != nil {
			t.Fatal(err)
		}
		again, same, err := kept.Replay()
		if err != nil || !same || !reflect.DeepEqual(again, made) {
			t.Fatalf("same is %v, %v\nmade  %+v\nagain %+v", same, err, made, again)
		}
		if !reflect.DeepEqual(kept.Outcome, r.Outcome) || kept.Snapshot.Evaluation.Team != r.Snapshot.Evaluation.Team {
			t.Fatalf("outcome %+v is read back as %+v", r.Outcome, kept.Outcome)
		}
	})
}

func TestReplayTellsADifference(t *testing.T) {
	snap := snapshot(presence.Facts{Settings: presence.DefaultSettings()}, presence.Policy{})
	r := Record{Inputs: Inputs{Snapshot: snap, Call: &Call{Kind: presence.CallRegular, At: t0}}}
	r.Decision, _ = r.Decide()
	for name, c := range map[string]struct {
		change func(*Record)
		same   bool
		err    error
	}{
		"nothing changed":    {func(*Record) {}, true, nil},
		"another code":       {func(r *Record) { r.Decision.Code = 486 }, false, nil},
		"another input":      {func(r *Record) { r.Policy.Fallback = "sip:x@y" }, false, nil},
		"other rules":        {func(r *Record) { r.Decision.Rules++ }, false, ErrRules},
		"no call":            {func(r *Record) { r.Call = nil }, false, ErrNoCall},
		"two calls":          {func(r *Record) { r.Outbound = &OutboundCall{} }, false, ErrNoCall},
		"nothing of it kept": {func(r *Record) { *r = Record{} }, false, ErrRules},
	} {
		t.Run(name, func(t *testing.T) {
			changed := r
			c.change(&changed)
			if _, same, err := changed.Replay(); same != c.same || !errors.Is(err, c.err) {
				t.Errorf("same is %v, %v", same, err)
			}
		})
	}
	if _, err := ReadRecord([]byte("{}"), []byte("[")); err == nil {
		t.Error("half a record is read")
	}
}
