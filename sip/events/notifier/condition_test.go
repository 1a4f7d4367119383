package notifier

import (
	"sync/atomic"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// having is the header of a watcher that has a document already.
func having(tag string) []message.Header {
	return []message.Header{{Name: message.SuppressIfMatch, Value: tag}}
}

func TestEntityTagIsOfTheState(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.set("101", "idle")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		idle := p.live().Get(message.SIPETag)
		r.set("101", "talking")
		talking := p.notified(200).Get(message.SIPETag)
		if idle == "" || idle == talking {
			t.Fatalf("tags %q and %q", idle, talking)
		}
		r.set("101", "idle")
		if got := p.notified(200).Get(message.SIPETag); got != idle {
			t.Errorf("tag %q, the same state had %q", got, idle)
		}
		r.restart()
		if got := p.notified(200).Get(message.SIPETag); got != idle {
			t.Errorf("tag %q after the restart, before %q", got, idle)
		}
		q := r.phone("192.0.2.11:5060", "102", "sip:101@ex.test")
		if got := q.live().Get(message.SIPETag); got != idle {
			t.Errorf("tag %q in another subscription, want %q", got, idle)
		}
	})
}

func TestRefreshOfWhoKnowsTheStateIs204(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.set("101", "idle")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		tag := p.live().Get(message.SIPETag)
		for range 3 {
			p.extra = having(tag)
			m := p.subscribe()
			p.wantStatus(m, 204)
			if m.Get(message.Expires) != "600" {
				t.Errorf("204 without the time granted:\n%s", m.Raw)
			}
			p.quiet(5 * time.Second)
			time.Sleep(8 * time.Minute) // it is a refresh all the same
		}
		r.set("101", "talking")
		p.wantState(p.notified(200), "talking")
		p.wantStatus(p.subscribe(), 200) // the tag is of another state now
		p.wantState(p.notified(200), "talking")
		p.extra = having("*")
		p.wantStatus(p.subscribe(), 204)
		p.quiet(5 * time.Second)
		r.set("101", "idle") // and is told of what follows
		p.wantState(p.notified(200), "idle")
	})
}

func TestFirstNotifyOfWhoKnowsTheStateIsEmpty(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.set("101", "idle")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		tag := p.live().Get(message.SIPETag)
		for _, expiry := range []string{"600", "0"} { // a subscription, a look
			q := r.phone("192.0.2.11:0", "102", "sip:101@ex.test")
			q.extra, q.expiry = having(tag), expiry
			m := q.live()
			if len(m.Body) > 0 || m.Has(message.ContentType) || m.Get(message.SIPETag) != tag {
				t.Errorf("first NOTIFY:\n%s", m.Raw)
			}
			if expiry == "0" {
				break
			}
			r.set("101", "talking")
			q.wantState(q.notified(200), "talking")
			p.notified(200)
			q.extra = having("unknown")
			q.wantStatus(q.subscribe(), 200)
			q.wantState(q.notified(200), "talking")
			r.set("101", "idle")
			q.notified(200)
			p.notified(200)
		}
	})
}

func TestLostEmptyNotifyIsRepeatedInFull(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.set("101", "idle")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.extra = having("*")
		p.wantStatus(p.subscribe(), 200)
		if m := p.notified(500); len(m.Body) > 0 {
			t.Errorf("body %q", m.Body)
		}
		p.wantState(p.notified(200), "idle")
	})
}

func TestEndWithoutALastNotify(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		p.extra, p.expiry = having("*"), "0"
		p.wantStatus(p.subscribe(), 204)
		p.quiet(time.Minute)
		if r.count() != 0 || r.rows() != 0 {
			t.Errorf("%d subscriptions, %d rows left", r.count(), r.rows())
		}
		p.wantStatus(p.subscribe(), 481)
	})
}

func TestTagDoesNotHideAFailedNotify(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.set("101", "idle")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		old := p.live().Get(message.SIPETag)
		r.set("101", "talking")
		p.Respond(p.Expect(siptest.Method("NOTIFY")), 500) // it never saw that
		p.extra = having(old)
		p.wantStatus(p.subscribe(), 200)
		m := p.notified(200)
		p.wantState(m, "talking")
		p.extra = having(m.Get(message.SIPETag))
		p.wantStatus(p.subscribe(), 204)
		p.quiet(2 * time.Minute)
	})
}

// counted is a Stater: its documents are numbered states, and a time runs in them.
type counted struct {
	lamp
	state *atomic.Uint64
}

func (c counted) State(presence.AgentID) uint64 { return c.state.Load() }
func (counted) Append(dst []byte, _ *presence.Snapshot, _ View) ([]byte, int) {
	return time.Now().AppendFormat(dst, time.RFC3339), -1
}

func TestTagOfAStateInWhichTimesRun(t *testing.T) {
	var state atomic.Uint64
	state.Store(7)
	bubble(t, func(o *Options) { o.Packages = []Package{counted{state: &state}} }, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		tag := p.live().Get(message.SIPETag)
		time.Sleep(time.Minute)
		p.extra = having(tag)
		p.wantStatus(p.subscribe(), 204)
		state.Store(8)
		r.n.Changed(r.agents["101"])
		if got := p.notified(200).Get(message.SIPETag); got == tag {
			t.Error("another state, the same tag")
		}
		time.Sleep(time.Second)
		state.Store(7)
		r.restart() // what was numbered 7 then may be anything now
		if got := p.notified(200).Get(message.SIPETag); got == tag {
			t.Error("the tag of a state of before the restart")
		}
	})
}

// A watcher that says it has the newest state may be about to get an older one:
// that is on its way again and again until it is answered.
func TestConditionDoesNotHoldWhileAnotherStateIsOnItsWay(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.set("101", "idle")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		idle := p.live().Get(message.SIPETag)
		r.set("101", "talking")
		late := p.Expect(siptest.Method("NOTIFY")) // lost, as far as the phone knows
		r.set("101", "idle")
		p.extra = having(idle)
		p.subscribe()
		p.Respond(late, 200) // it came after all, and lit the lamp
		p.wantState(late, "talking")
		p.wantState(p.notified(200), "idle")
		p.quiet(time.Minute)
	})
}
