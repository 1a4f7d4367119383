package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/siptest"
)

func TestRule13_PhoneThatRefusesByItselfIsLeftOut(t *testing.T) {
	type refusal struct {
		status int
		after  time.Duration
	}
	const quick, slow = 200 * time.Millisecond, 400 * time.Millisecond
	for name, c := range map[string]struct {
		refusals []refusal
		before   func(*switchboard)
		left     bool
	}{
		"twice, at once":      {refusals: []refusal{{486, quick}, {480, quick}}, left: true},
		"once":                {refusals: []refusal{{486, quick}}},
		"by hand":             {refusals: []refusal{{486, slow}, {486, slow}}},
		"by hand between":     {refusals: []refusal{{486, quick}, {486, slow}, {486, quick}}},
		"with another answer": {refusals: []refusal{{404, quick}, {404, quick}}},
		"declined":            {refusals: []refusal{{603, quick}, {603, quick}}},
		"busy with another call": {refusals: []refusal{{486, quick}, {486, quick}}, before: func(s *switchboard) {
			s.do("1001", roster.PutLeg{Leg: presence.Leg{Call: "c", ID: "l", Source: "publish:x", CallID: "other", Direction: presence.Inbound, Kind: presence.CallRegular, State: presence.LegRinging, Since: time.Now()}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				desk := s.phone("1001", "10.0.0.21:5060", false)
				p := siptest.NewPeer(t, s.net, pbx, server)
				if c.before != nil {
					c.before(s)
				}
				for _, r := range c.refusals {
					ring(p, called, outside)
					inv := desk.Expect(siptest.Method("INVITE"))
					time.Sleep(r.after)
					desk.Respond(inv, r.status)
					p.Expect(siptest.Final)
					synctest.Wait()
				}
				snap, _ := s.roster.Snapshot(s.agent("1001"))
				if d := snap.Devices; len(d) != 1 || d[0].Reachable == c.left {
					t.Errorf("left out: %+v", d)
				}
			})
		})
	}
}

func TestRule13_PhoneThatWasLeftOutRingsAgain(t *testing.T) {
	for name, again := range map[string]func(s *switchboard, desk *siptest.Peer){
		"after five minutes": func(*switchboard, *siptest.Peer) { time.Sleep(5*time.Minute + time.Second) },
		"when it registers anew": func(_ *switchboard, p *siptest.Peer) {
			p.Register("sip:1001@demo.test", "1001", "pw", 0)
			p.Register("sip:1001@demo.test", "1001", "pw", 600)
		},
		"after a restart, too": func(s *switchboard, _ *siptest.Peer) { s.restart() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				desk := s.phone("1001", "10.0.0.21:5060", false)
				app := s.app("1001", "10.0.0.23:5060")
				p := siptest.NewPeer(t, s.net, pbx, server)
				for range 2 {
					ring(p, called, outside)
					other := app.Expect(siptest.Method("INVITE"))
					desk.Respond(desk.Expect(siptest.Method("INVITE")), 486)
					time.Sleep(time.Second)
					app.Respond(other, 486)
					p.Expect(siptest.Final)
				}
				synctest.Wait()
				snap, _ := s.roster.Snapshot(s.agent("1001"))
				if len(snap.Warnings) != 1 {
					t.Errorf("the agent is not told: %q", snap.Warnings)
				}
				// That device alone.
				ring(p, called, outside)
				inv := app.Expect(siptest.Method("INVITE"))
				desk.ExpectNone(siptest.Method("INVITE"), 2*time.Second)
				app.Respond(inv, 486)
				m := p.Expect(siptest.Final)
				s.explained(m.CallID(), "called 0, failed 486 = 486")

				again(s, desk)
				synctest.Wait()
				if snap, _ := s.roster.Snapshot(s.agent("1001")); len(snap.Warnings) != 0 {
					t.Errorf("still told: %q", snap.Warnings)
				}
				ring(p, called, outside)
				desk.Expect(siptest.Method("INVITE"))
			})
		})
	}
}
