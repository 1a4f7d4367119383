package proxy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// follows has an agent's mobile ring after a while, for so long; zero: as long as the
// call does.
func (s *switchboard) follows(number string, after, ring time.Duration) {
	s.t.Helper()
	s.do(number, roster.SetRinging{Ringing: presence.Ringing{Devices: []presence.DeviceRing{{Device: s.deviceOf(number + "-mobile"), After: after, Ring: ring}}}})
}

// A device whose turn comes after the group's ringing time is not rung, and nobody
// seems to be rung there when the call has gone on to the next member.
func TestDeviceWhoseTurnDoesNotComeHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		app := s.app("1001", "10.0.0.23:5060")
		s.follows("1001", 30*time.Second, 0)
		s.group(presence.Group{Strategy: presence.Sequential, Ring: 10 * time.Second})
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, sales, outside)
		inv := a.Expect(siptest.Method("INVITE"))
		a.Respond(inv, 180)
		s.want("rung", "Offline early", "Offline")
		a.Timeout = time.Minute
		a.Respond(a.Expect(siptest.Method("CANCEL")), 200)
		a.Respond(inv, 487)
		b.Respond(b.Expect(siptest.Method("INVITE")), 180)
		s.want("the next one is rung", "Offline", "Offline early")
		app.ExpectNone(siptest.Method("INVITE"), 0)
	})
}

// A device that follows after a while does so then, also when the caller's wait ends
// or somebody rests meanwhile; and it rings no longer than it may.
func TestDeviceFollowsInItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		app := s.app("1001", "10.0.0.23:5060")
		s.follows("1001", 10*time.Second, 5*time.Second)
		s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}, Ring: 30 * time.Second, Queue: presence.Queue{Size: 5, Wait: 20 * time.Second}})
		s.talks("1001")
		p := siptest.NewPeer(t, s.net, pbx, server)
		p.Timeout, app.Timeout = time.Minute, time.Minute
		s.waits(p, 1)
		time.Sleep(15 * time.Second)
		s.hangsUp("1001")
		a.Respond(a.Expect(siptest.Method("INVITE")), 180)
		began := time.Now()
		app.Respond(app.Expect(siptest.Method("INVITE")), 180)
		if d := time.Since(began); d < 10*time.Second || d > 11*time.Second {
			t.Errorf("the mobile rings after %v", d)
		}
		app.Expect(siptest.Method("CANCEL"))
		if d := time.Since(began); d < 15*time.Second || d > 16*time.Second {
			t.Errorf("the mobile rings until %v", d)
		}
	})
}

// The record of an agent who was to take a group's calls, and sends his own on, can
// be decided again.
func TestFallbackOfAFallbackReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.phone("1001", "10.0.0.21:5060", false)
		s.fallsBack("1002", "sip:vm@10.0.0.8:5060")
		s.do("1002", roster.Select{Status: presence.SelectDND})
		s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}, Fallback: "1002"})
		s.talks("1001")
		p := siptest.NewPeer(t, s.net, pbx, server)
		inv := ring(p, sales, outside)
		p.Expect(siptest.Final)
		if got := s.told(inv.CallID()); !strings.Contains(got, "agent true") {
			t.Errorf("the records say\n%s", got)
		}
	})
}

// A group whose members are all talking is busy, and one that nobody serves is not
// there: as its decision says.
func TestGroupIsRefusedAsItsDecisionSays(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(*switchboard)
		status int
		text   string
	}{
		"busy":  {func(s *switchboard) { s.talks("1001") }, 486, "Everybody is busy"},
		"empty": {func(*switchboard) {}, 480, "Nobody is there"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				if name == "busy" {
					s.phone("1001", "10.0.0.21:5060", false)
				}
				s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}})
				c.set(s)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, sales, outside)
				if m := p.Expect(siptest.Final); m.Status != c.status || !strings.Contains(m.Get(message.Reason), c.text) {
					t.Errorf("%d %q", m.Status, m.Get(message.Reason))
				}
			})
		})
	}
}
