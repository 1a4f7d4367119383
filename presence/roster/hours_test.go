package roster

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/schedule"
	"lamplight/store/sim"
)

func week(t *testing.T, line string) *schedule.Schedule {
	t.Helper()
	var w schedule.Weekly
	if err := w.UnmarshalText([]byte(line)); err != nil {
		t.Fatal(err)
	}
	return &schedule.Schedule{Week: []schedule.Weekly{w}}
}

// synctest's clock begins on Saturday, 1 January 2000, at midnight.
func TestNumberOpensAndClosesByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		b.do("", SetOptions{Options: presence.Options{Numbers: []presence.Number{{Number: "0301", Enabled: true, Hours: week(t, "sat 08:00-12:00")}}}})
		look := func(reachable bool, why string) {
			t.Helper()
			synctest.Wait()
			if s := b.snapshot(); len(s.Devices) != 1 || s.Reachable != reachable || s.Devices[0].Why != why {
				t.Errorf("at %s: %+v", time.Now(), s.Devices)
			}
		}
		look(false, "outside working hours until Sat 1 Jan 08:00")
		time.Sleep(8*time.Hour + time.Millisecond)
		look(true, "")
		time.Sleep(4 * time.Hour)
		look(false, "outside working hours until Sat 8 Jan 08:00")
	})
}

func TestWorkingHoursOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		h := week(t, "mon-fri 09:00-17:00")
		first := b.do("", SetHours{Hours: h, AfterHours: "sip:night@demo.test"})
		if again := b.do("", SetHours{Hours: week(t, "mon-fri 09:00-17:00"), AfterHours: "sip:night@demo.test"}); again.Version != first.Version {
			t.Error("the same hours again are a change")
		}
		b.do("", SetOptions{Options: presence.Options{Mobile: true}})
		b.restart(true)
		defer b.close()
		if s := b.snapshot().Settings; !s.Hours.Equal(h) || s.AfterHours != "sip:night@demo.test" || !s.Options.Mobile {
			t.Errorf("after the restart %+v", s)
		}
		for _, op := range []SetHours{{Hours: &schedule.Schedule{}}, {AfterHours: "http://x"}} {
			if _, err := b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{op}}); !errors.Is(err, ErrRefused) {
				t.Errorf("%+v: %v", op, err)
			}
		}
	})
}
