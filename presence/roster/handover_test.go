package roster

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store/sim"
)

// A shared phone goes to the next shift by time alone: at that moment, and not
// before, it stops ringing for the agent who had it, and makes nobody online.
func TestAssignmentThatEndsByTimeAloneTakesItsRegistrationsAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{OnlineBy: presence.OnlineByAnyDevice}, 2, sim.Options{})
		defer b.close()
		shared, own := presence.DeviceID{ID: presence.NewID()}, presence.DeviceID{ID: presence.NewID()}
		shift := time.Now().Add(2 * time.Hour)
		b.ok(b.dir.Apply(t.Context(), directory.Edit{
			Devices: []presence.Device{{ID: shared, Domain: b.domain, Kind: presence.KindDesk}, {ID: own, Domain: b.domain, Kind: presence.KindMobile}},
			Assignments: []presence.Assignment{
				{Device: own, Agent: b.agents[0]},
				{Device: shared, Agent: b.agents[0], To: shift},
				{Device: shared, Agent: b.agents[1], From: shift},
			},
		}))
		for id, dev := range map[string]presence.DeviceID{"desk": shared, "mobile": own} {
			reg := desk(id, 24*time.Hour)
			reg.Device = dev
			if _, err := b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{reg}}); err != nil {
				t.Fatal(err)
			}
		}
		devices := func(agent int) int {
			s, _ := b.roster.Snapshot(b.agents[agent])
			return len(s.Devices)
		}
		time.Sleep(2*time.Hour - time.Nanosecond)
		synctest.Wait()
		if n := devices(0); n != 2 {
			t.Fatalf("a moment before the end: %d devices, want 2", n)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := devices(0); n != 1 {
			t.Errorf("after the end: %d devices, want the mobile alone", n)
		}
		if n := devices(1); n != 0 {
			t.Errorf("the next shift has %d devices before the phone registered again", n)
		}
	})
}

// The timer follows edits: an end that is put off does not come at the old time,
// one that is moved forward comes at the new one.
func TestEndOfAnAssignmentCanBeMoved(t *testing.T) {
	for name, to := range map[string]time.Duration{"put off": 3 * time.Hour, "brought forward": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, presence.Policy{}, 1, sim.Options{})
				defer b.close()
				dev, now := presence.DeviceID{ID: presence.NewID()}, time.Now()
				until := func(to time.Time) {
					b.ok(b.dir.Apply(t.Context(), directory.Edit{
						Devices:     []presence.Device{{ID: dev, Domain: b.domain, Kind: presence.KindDesk}},
						Assignments: []presence.Assignment{{Device: dev, Agent: b.agents[0], To: to}},
					}))
				}
				until(now.Add(2 * time.Hour))
				reg := desk("r", 24*time.Hour)
				reg.Device = dev
				if _, err := b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{reg}}); err != nil {
					t.Fatal(err)
				}
				until(now.Add(to))
				time.Sleep(to - time.Second)
				synctest.Wait()
				if n := len(b.snapshot().Devices); n != 1 {
					t.Fatalf("a second before the end: %d devices", n)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if n := len(b.snapshot().Devices); n != 0 {
					t.Fatalf("at the end: %d devices", n)
				}
			})
		})
	}
}
