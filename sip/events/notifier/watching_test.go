package notifier

import (
	"context"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// watch makes the policy of these tests.
func watch(rules ...presence.WatchRule) func(*presence.Policy) {
	return func(p *presence.Policy) { p.Watch = rules }
}

var confirmAll = presence.WatchRule{Then: presence.WatchConfirm} //nolint:gochecknoglobals // never changed

func TestDeniedWatcherGetsAPolite403(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.policy(watch(presence.WatchRule{Who: "agent:201", Whom: "agent:101", Then: presence.WatchDeny}))
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.wantStatus(p.subscribe(), 403)
		p.quiet(time.Second)
		q := r.phone("192.0.2.11:5060", "102", "sip:101@ex.test")
		q.live()
		if r.count() != 1 || r.rows() != 1 {
			t.Errorf("%d subscriptions, %d rows", r.count(), r.rows())
		}
	})
}

func TestPendingWatcherWaitsAndSeesNothing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.policy(watch(confirmAll))
		r.set("101", "talking")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		m := p.live()
		p.wantSub(m, "pending;expires=")
		p.wantState(m, "nothing")
		last := p.version(m)
		r.set("101", "idle") // nor that something changed
		p.quiet(5 * time.Second)
		r.restart()
		m = p.notified(200)
		p.wantSub(m, "pending;expires=")
		p.wantState(m, "nothing")
		m = p.live() // a refresh
		p.wantSub(m, "pending;expires=")
		r.decide("101", "201", true)
		m = p.notified(200)
		p.wantSub(m, "active;expires=")
		p.wantState(m, "idle")
		if v := p.version(m); v <= last {
			t.Errorf("version %d after %d", v, last)
		}
		r.restart() // the decision stays
		m = p.notified(200)
		p.wantSub(m, "active;expires=")
		q := r.phone("192.0.2.11:5060", "201", "sip:101@ex.test")
		q.wantSub(q.live(), "active;expires=")
		o := r.phone("192.0.2.12:5060", "101", "sip:101@ex.test") // one's own
		o.wantSub(o.live(), "active;expires=")
	})
}

func TestRefusedWatcherIsRejectedForGood(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.policy(watch(confirmAll))
		r.set("101", "talking")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		r.decide("101", "201", false)
		m := p.notified(200)
		p.wantSub(m, "terminated;reason=rejected")
		p.wantState(m, "nothing")
		p.wantStatus(p.subscribe(), 481)
		q := r.phone("192.0.2.11:5060", "201", "sip:101@ex.test")
		q.wantStatus(q.subscribe(), 403)
		time.Sleep(time.Second)
		if r.rows() != 0 {
			t.Errorf("%d rows", r.rows())
		}
	})
}

func TestWatcherWhoLosesTheRightIsEnded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		for _, n := range []string{"101", "201"} {
			r.agent(n, func(a *presence.Agent) { a.Teams = []string{"sales"} })
		}
		own := presence.WatchRule{Whom: "own_team", Then: presence.WatchAllow}
		r.policy(watch(own, presence.WatchRule{Then: presence.WatchDeny}))
		r.set("101", "talking")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		r.agent("201", func(a *presence.Agent) { a.Teams = []string{"support"} })
		m := p.notified(200)
		p.wantSub(m, "terminated;reason=rejected")
		p.wantState(m, "nothing")

		r.agent("201", func(a *presence.Agent) { a.Teams = []string{"sales"} })
		p = r.phone("192.0.2.11:5060", "201", "sip:101@ex.test")
		p.live()
		time.Sleep(2 * time.Second)
		r.policy(watch(confirmAll))
		m = p.notified(200)
		p.wantSub(m, "terminated;reason=deactivated") // asks anew, and waits
		p = r.phone("192.0.2.12:5060", "201", "sip:101@ex.test")
		p.wantSub(p.live(), "pending;")
		time.Sleep(2 * time.Second)
		r.policy(watch()) // no rules any more
		m = p.notified(200)
		p.wantSub(m, "active;")
		p.wantState(m, "talking")
	})
}

func TestRefreshWithoutTheRightIsRefused(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		// The phone goes to another agent by time alone: no edit tells of it.
		soon := time.Now().Add(10 * time.Second)
		e := directory.Edit{Assignments: []presence.Assignment{
			{Device: r.device("201"), Agent: r.agents["201"], To: soon}, {Device: r.device("201"), Agent: r.agents["202"], From: soon}}}
		if err := r.dir.Apply(context.Background(), e); err != nil {
			t.Fatal(err)
		}
		r.policy(watch(presence.WatchRule{Who: "agent:202", Then: presence.WatchDeny}))
		p.quiet(20 * time.Second)
		p.wantStatus(p.subscribe(), 403)
		p.wantSub(p.notified(200), "terminated;reason=rejected")
	})
}

// own is a package for the agent's own devices.
type own struct{ lamp }

func (own) Name() string                              { return "own" }
func (own) Admit(w Watcher, of presence.AgentID) bool { return w.Holder == of }

func TestPhoneInOtherHandsSeesItsAgentsBusinessNoMore(t *testing.T) {
	bubble(t, func(o *Options) { o.Packages = []Package{lamp{}, own{}} }, func(t *testing.T, r *rig) {
		r.set("201", "private")
		p, q := r.phone("192.0.2.10:5060", "201", "sip:201@ex.test"), r.phone("192.0.2.11:5060", "201", "sip:201@ex.test")
		p.event = "own"
		p.live()
		q.live()
		e := directory.Edit{Assignments: []presence.Assignment{
			{Device: r.device("201"), Agent: r.agents["201"], To: time.Now()}, {Device: r.device("201"), Agent: r.agents["102"], From: time.Now()}}}
		if err := r.dir.Apply(context.Background(), e); err != nil {
			t.Fatal(err)
		}
		m := p.notified(200)
		p.wantSub(m, "terminated;reason=deactivated")
		p.wantState(m, "nothing")
		q.quiet(3 * time.Second) // a lamp is everybody's
		p = r.phone("192.0.2.12:5060", "201", "sip:201@ex.test")
		p.event = "own"
		p.wantStatus(p.subscribe(), 403)
		if err := r.dir.Apply(context.Background(), directory.Edit{DeleteDevices: []presence.DeviceID{r.device("201")}}); err != nil {
			t.Fatal(err)
		}
		q.wantSub(q.notified(200), "terminated;reason=rejected")
	})
}

func TestRulesAreAppliedAfterARestart(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		r.set("101", "talking")
		p.notified(200)
		r.deaf = 2 * time.Second
		r.restart()
		r.n.Close() // the configuration changed while the server was down
		r.policy(watch(presence.WatchRule{Then: presence.WatchDeny}))
		r.restart()
		m := p.notified(200)
		p.wantSub(m, "terminated;reason=rejected")
		p.wantState(m, "nothing")
		p.quiet(time.Minute)
	})
}

// seen is a package that shows whether the caller may be seen.
type seen struct{ lamp }

func (seen) Append(dst []byte, s *presence.Snapshot, v View) ([]byte, int) {
	dst, at := lamp{}.Append(dst, s, v)
	if v.Hidden {
		return append(dst, "-hidden"...), at
	}
	return dst, at
}

func TestIdentityFollowsThePolicy(t *testing.T) {
	bubble(t, func(o *Options) { o.Packages = []Package{seen{}} }, func(t *testing.T, r *rig) {
		r.set("101", "talking")
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.wantState(p.live(), "talking")
		r.policy(func(p *presence.Policy) { p.LampIdentity = presence.LampIdentityTeam })
		p.wantState(p.notified(200), "talking-hidden")
		time.Sleep(2 * time.Second)
		for _, n := range []string{"101", "201"} {
			r.agent(n, func(a *presence.Agent) { a.Teams = []string{"sales"} })
		}
		p.wantState(p.notified(200), "talking")
		time.Sleep(2 * time.Second)
		r.policy(func(p *presence.Policy) { p.LampIdentity = presence.LampIdentityNone })
		p.wantState(p.notified(200), "talking-hidden")
		r.restart()
		p.wantState(p.notified(200), "talking-hidden")
		o := r.phone("192.0.2.11:5060", "101", "sip:101@ex.test")
		o.wantState(o.live(), "talking")
	})
}

func TestReviewOfManyIsOneForManyEdits(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.policy(watch(presence.WatchRule{Who: "team:x", Then: presence.WatchDeny}))
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		for i := range 50 {
			r.agent("102", func(a *presence.Agent) { a.Name = strings.Repeat("n", i+1) })
		}
		r.agent("201", func(a *presence.Agent) { a.Teams = []string{"x"} })
		start := time.Now()
		p.wantSub(p.notified(200), "terminated;reason=rejected")
		if took := time.Since(start); took > 2*reviewPause {
			t.Errorf("after %v", took)
		}
	})
}
