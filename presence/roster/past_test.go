package roster

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
	"lamplight/store/sim"
)

func (b *bench) past(at time.Time) (Labels, error) {
	return b.roster.Past(b.t.Context(), b.domain, b.agents[0], at)
}

// What was shown at any moment of a day, with a restart in it, is told afterwards
// as it was.
func TestPastIsWhatWasShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer func() { b.close() }()
		type moment struct {
			at time.Time
			Labels
		}
		var day []moment
		look := func() {
			t.Helper()
			synctest.Wait()
			s := b.snapshot()
			day = append(day, moment{time.Now(), Labels{s.Team.Label, s.Own.Label}})
			time.Sleep(time.Minute)
			synctest.Wait()
			s = b.snapshot() // and just before the next change
			day = append(day, moment{time.Now().Add(-time.Nanosecond), Labels{s.Team.Label, s.Own.Label}})
		}
		look()
		for _, op := range []Op{
			webphone("tab"), campaignLeg("l", "c", presence.LegTalking), EndLeg{"l"}, Select{presence.SelectDND}, desk("r", time.Hour),
			Logout{}, webphone("tab"), AllOptionsOff{}, Select{presence.SelectAvailable}, RestoreOptions{},
		} {
			b.do("", op)
			if _, ended := op.(EndLeg); ended { // the wrap-up runs out before the minute does
				s := b.snapshot()
				day = append(day, moment{time.Now(), Labels{s.Team.Label, s.Own.Label}})
				time.Sleep(30 * time.Second)
			}
			look()
		}
		b.restart(true)
		time.Sleep(10 * time.Second) // no webphone came back
		look()
		different := map[Labels]bool{}
		for _, m := range day {
			different[m.Labels] = true
			if got, err := b.past(m.at); err != nil || got != m.Labels {
				t.Errorf("at %v: %v, %v; it was %v", m.at, got, err, m.Labels)
			}
		}
		if len(different) < 6 {
			t.Errorf("%d different labels only: the day shows too little", len(different))
		}
	})
}

func TestPastOfAnAgentNothingWasHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		offline := Labels{presence.Label{Status: presence.StatusOffline}, presence.Label{Status: presence.StatusOffline}}
		if got, err := b.past(time.Now()); err != nil || got != offline {
			t.Errorf("%v, %v; want Offline", got, err)
		}
		if _, err := b.past(time.Now().Add(-time.Hour)); !errors.Is(err, ErrBeforeAgent) {
			t.Errorf("before the agent was made: %v", err)
		}
		if _, err := b.roster.Past(t.Context(), b.domain, presence.AgentID{ID: presence.NewID()}, time.Now()); !errors.Is(err, ErrUnknown) {
			t.Errorf("an agent nobody knows: %v", err)
		}
	})
}

func TestPastOfADeletedAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		b.do(presence.CauseLogin, webphone("tab"))
		alive := time.Now()
		time.Sleep(time.Second)
		b.ok(b.dir.Apply(t.Context(), directory.Edit{DeleteAgents: b.agents}))
		synctest.Wait()
		for at, want := range map[time.Time]presence.Status{alive: presence.StatusAvailable, time.Now(): presence.StatusOffline} {
			if got, err := b.past(at); err != nil || got.Team.Status != want {
				t.Errorf("at %v: %v, %v; want %s", at, got, err, want)
			}
		}
	})
}

// Beyond what the log keeps there is no answer, rather than one that may be
// wrong; from there on there is one also where the nearest entry is a later one.
func TestPastBeyondTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{KeepLog: 24 * time.Hour})
		defer b.close()
		b.do(presence.CauseLogin, webphone("tab"))
		b.do(presence.CauseAgent, Select{presence.SelectDND})
		first := time.Now()
		time.Sleep(20 * time.Hour)
		b.ok(b.store.Commit(t.Context(), store.Batch{Log: []store.Entry{{Kind: "other"}}}))
		other := time.Now()
		time.Sleep(10 * time.Hour)
		b.do(presence.CauseLogout, Logout{}) // of which this commit removes the first
		if _, err := b.past(first); !errors.Is(err, ErrForgotten) {
			t.Errorf("beyond the log: %v", err)
		}
		if got, err := b.past(other); err != nil || got.Team.Status != presence.StatusDND {
			t.Errorf("within the log: %v, %v", got, err)
		}
	})
}
