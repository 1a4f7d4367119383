package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/siptest"
)

// What is shown of a group is what the next call finds, and showing it changes
// nothing.
func TestTurnIsWhatTheNextCallFinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		g := s.group(presence.Group{Strategy: presence.RoundRobin})
		turn := func() string {
			t.Helper()
			synctest.Wait()
			var out []string
			call, missed := s.proxy.Turn(g)
			for _, c := range routing.DecideGroup(call).Devices {
				out = append(out, fmt.Sprint(c.ID, " ", c.Taken, " ", missed[s.agent(c.ID)], " ", c.Reason))
			}
			return strings.Join(out, "; ")
		}
		for range 2 {
			if got := turn(); got != "1001 true 0 free; 1002 true 0 free" {
				t.Errorf("at first: %s", got)
			}
		}
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, sales, outside)
		inv := a.Expect(siptest.Method("INVITE"))
		a.Respond(inv, 180)
		if got := turn(); !strings.HasPrefix(got, "1001 false 0 ") || !strings.HasSuffix(got, "1002 true 0 free") {
			t.Errorf("while 1001 is offered a call: %s", got)
		}
		a.Respond(inv, 486)
		answers(b, b.Expect(siptest.Method("INVITE")))
		sendACK(p, p.Expect(siptest.Status(200)))
		if got := turn(); !strings.Contains(got, "1001 false 1 did not take a call, is skipped until ") || !strings.Contains(got, "1002 false 0 On a Call") {
			t.Errorf("with one at rest and one talking: %s", got)
		}
		s.want("nothing was rung", "Offline", "On a Call confirmed")
	})
}
