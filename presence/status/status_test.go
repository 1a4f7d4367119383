package status

import (
	"testing"
	"time"

	"lamplight/presence"
)

// t0 is the time of all tests.
var t0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func TestEvaluateNothingKnown(t *testing.T) {
	ev := Evaluate(presence.Facts{}, presence.Policy{}, t0)
	if ev.Team.Status != presence.StatusOffline || ev.Own.Status != presence.StatusOffline {
		t.Fatalf("team %v own %v, want Offline", ev.Team, ev.Own)
	}
	if ev.OfflineWhy != noWebphone || !ev.Next.IsZero() || ev.Regular || ev.Campaign {
		t.Fatalf("%+v", ev)
	}
}
