package events

import (
	"net/netip"
	"testing"
	"time"
)

// The milestone's promise: over a network that loses, doubles and shuffles a
// fifth of everything, with two restarts in the middle and some phones cut off for
// a while, 32 seconds after the last change no lamp differs from the truth, and no
// number of the server ever went backward.
func TestTenThousandLampsTellTheTruthOverALossyNetwork(t *testing.T) {
	agents, lamps := 200, 50
	if testing.Short() {
		agents, lamps = 50, 20
	}
	inEstate(t, agents, lamps, func(t *testing.T, e *estate) {
		cutOff := func(a netip.AddrPort) bool {
			b := a.Addr().As4()
			return b[0] == 10 && b[1] == 1
		}
		e.faults(0.2, nil)
		begun := time.Now()
		at := func(d time.Duration) { time.Sleep(time.Until(begun.Add(d))) }
		for i, w := range e.watchers {
			w.start(20 * time.Second * time.Duration(i) / time.Duration(len(e.watchers)))
		}
		for _, a := range e.agents {
			a.live(begun.Add(130 * time.Second))
		}
		at(40 * time.Second)
		e.restart() // a crash, with what was not committed lost
		e.online()
		at(50 * time.Second)
		e.faults(0.2, cutOff)
		at(85 * time.Second)
		e.faults(0.2, nil)
		at(95 * time.Second)
		e.outage(3 * time.Second) // a stop in good order, and nobody there for a while
		e.online()
		at(131 * time.Second)
		e.everybody()
		last := e.settled()
		time.Sleep(time.Until(last.Add(32 * time.Second)))
		e.check(t, begun.Add(131*time.Second), last)

		// A line that is dead for longer than a NOTIFY is sent again: what was
		// lost for good is told anew once it is back.
		then := time.Now()
		e.faults(0.2, cutOff)
		e.everybody()
		e.settled()
		time.Sleep(time.Until(then.Add(50 * time.Second)))
		e.faults(0.2, nil)
		back := time.Now()
		time.Sleep(32 * time.Second)
		e.check(t, then, back)
	})
}

// online is the pages, which find the server again.
func (e *estate) online() {
	e.serving.Store(e.roster)
	for _, a := range e.agents {
		a.comeOnline()
	}
}

// everybody has a last change at the same moment, whatever NOTIFYs of the one
// before are still under way.
func (e *estate) everybody() {
	for _, a := range e.agents {
		a.mu.Lock()
		if !a.busy {
			a.callLocked()
		}
		a.mu.Unlock()
	}
}

// outage is a stop in good order, and a start some time later.
func (r *rig) outage(d time.Duration) {
	r.t.Helper()
	r.shut()
	time.Sleep(d)
	r.start()
}

// check holds every lamp against the truth. Everybody had a change after then,
// and since last there was no reason not to show it.
func (e *estate) check(t *testing.T, then, last time.Time) {
	t.Helper()
	changes, dark, ignored, dialogs, spared, partly := 0, 0, 0, 0, 0, 0
	for _, a := range e.agents {
		changes += a.changes
		for _, w := range a.wrong {
			t.Errorf("%s: %s", a.number, w)
		}
		if a.busy {
			t.Errorf("%s: the change to %q, Do Not Disturb from %v, was never told", a.number, a.state, a.dnd)
		}
	}
	moved, slowest := 0, time.Duration(0)
	for i, w := range e.watchers {
		want := e.agents[i%len(e.agents)].lamp(w.event)
		w.mu.Lock()
		if w.lamp != want {
			if dark++; dark <= 10 {
				t.Errorf("the %s lamp at %s shows %q, the truth is %q; CSeq %d, version %d, dialog %d", w.event, w.port.Addr(), w.lamp, want, w.cseq, w.version, w.dialogs)
			}
		}
		ignored += w.ignored
		dialogs += w.dialogs
		spared += w.spared
		partly += w.changes
		if w.at.After(then) {
			moved++
		}
		slowest = max(slowest, w.at.Sub(last))
		w.mu.Unlock()
	}
	if dark > 0 || ignored > 0 {
		t.Errorf("%d of %d lamps are wrong; %d documents were not taken", dark, len(e.watchers), ignored)
	}
	e.wire.mu.Lock()
	defer e.wire.mu.Unlock()
	for _, w := range e.wire.wrong {
		t.Error("a number went backward:", w)
	}
	if spared == 0 || partly == 0 || changes < 4*len(e.agents) || e.wire.notifies < 4*len(e.watchers) || len(e.wire.tags) < len(e.agents) {
		t.Errorf("too little happened: %d refreshes without NOTIFY, %d partial documents, %d changes, %d NOTIFYs, %d publications", spared, partly, changes, e.wire.notifies, len(e.wire.tags))
	}
	if moved < len(e.watchers)/2 {
		t.Errorf("only %d lamps had to change after the last change", moved)
	}
	t.Logf("%d lamps in %d dialogs, %d changes, %d NOTIFYs sent, %d of them of partial state, %d refreshes without one, network %+v", len(e.watchers), dialogs, changes, e.wire.notifies, partly, spared, e.net.Stats())
	t.Logf("%d lamps had a last change to show; the slowest was right %v after the last was told", moved, slowest.Round(time.Millisecond))
}
