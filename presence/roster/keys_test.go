package roster

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/status"
	"lamplight/store/sim"
)

// selected is what a phone's keys do to the selected status.
func (b *bench) selected(want presence.Selectable) {
	b.t.Helper()
	if got := b.snapshot().Selected.Status; got != want {
		b.t.Errorf("%q is selected, want %q", got, want)
	}
}

func TestDoNotDisturbOffEndsNoBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{Statuses: []presence.Custom{{Name: "Break"}}}, 1, sim.Options{})
		defer b.close()
		off := Unselect{Status: presence.SelectDND}
		b.do(presence.CausePhoneSync, Select{Status: presence.SelectCustom("Break")})
		before := b.snapshot().Version
		b.do(presence.CausePhoneSync, off)
		if b.snapshot().Version != before {
			t.Error("a new snapshot, though nothing changed")
		}
		b.selected(presence.SelectCustom("Break"))
		b.do(presence.CausePhoneSync, Select{Status: presence.SelectDND})
		b.do(presence.CausePhoneSync, off)
		b.selected(presence.SelectAvailable)
		if got := b.snapshot().Selected.Cause; got != presence.CausePhoneSync {
			t.Errorf("cause %s", got)
		}
	})
}

func TestDoNotDisturbOffEndsAStatusThatIsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{Statuses: []presence.Custom{{Name: "Break"}}}, 1, sim.Options{})
		defer b.close()
		b.do(presence.CauseAgent, Select{Status: presence.SelectCustom("Break")})
		dom, _ := b.dir.Domain(b.domain)
		next := *dom
		next.Policy.Statuses = nil
		b.ok(b.dir.Apply(t.Context(), directory.Edit{Domains: []presence.Domain{next}}))
		synctest.Wait()
		if got := b.snapshot().Chosen.Status; got != presence.StatusDND {
			t.Fatalf("a status that is no more counts as %s", got)
		}
		b.do(presence.CausePhoneSync, Unselect{Status: presence.SelectDND})
		b.selected(presence.SelectAvailable)
	})
}

func TestToggle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		for _, want := range []presence.Selectable{presence.SelectDND, presence.SelectAvailable, presence.SelectDND} {
			b.do(presence.CauseFeatureCode, Toggle{Status: presence.SelectDND})
			b.selected(want)
		}
		_, err := b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{Toggle{Status: presence.SelectCustom("Break")}}})
		if !errors.Is(err, ErrRefused) || !errors.Is(err, status.ErrUnknown) {
			t.Errorf("a status the domain does not have: %v", err)
		}
	})
}

func TestForwardingOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer func() { b.close() }()
		always := presence.Forwarding{Kind: presence.ForwardAlways, On: true, To: "700"}
		later := presence.Forwarding{Kind: presence.ForwardNoAnswer, On: true, To: "500", After: 15 * time.Second}
		b.do(presence.CausePhoneSync, Forward{later})
		b.do(presence.CausePhoneSync, Forward{always})
		b.restart(true)
		s := b.snapshot()
		for _, want := range []presence.Forwarding{always, later} {
			if got := status.Forwarded(&s.Settings, want.Kind); got != want {
				t.Errorf("after the restart %+v, want %+v", got, want)
			}
		}
		b.do(presence.CausePhoneSync, Forward{presence.Forwarding{Kind: presence.ForwardAlways}})
		if o := b.snapshot().Settings.Options; !o.Webphone || !o.SIPPhone || !o.Mobile {
			t.Errorf("options %+v", o)
		}
		if _, err := b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{Forward{presence.Forwarding{Kind: presence.ForwardBusy, On: true, To: "1"}}}}); !errors.Is(err, ErrRefused) {
			t.Errorf("busy: %v", err)
		}
	})
}

// TestTwoKeysAtOnce: each changes its own half, whatever the order.
func TestTwoKeysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{Latency: time.Millisecond})
		defer b.close()
		var keys sync.WaitGroup
		for _, f := range []presence.Forwarding{
			{Kind: presence.ForwardAlways, On: true, To: "700"},
			{Kind: presence.ForwardNoAnswer, On: true, To: "500", After: 15 * time.Second},
		} {
			keys.Go(func() { b.do(presence.CausePhoneSync, Forward{f}) })
		}
		keys.Wait()
		s := b.snapshot()
		for _, k := range []presence.ForwardKind{presence.ForwardAlways, presence.ForwardNoAnswer} {
			if !status.Forwarded(&s.Settings, k).On {
				t.Errorf("%s was undone: %+v", k, s.Settings)
			}
		}
	})
}
