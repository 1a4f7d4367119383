package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// A thousand wait, no more; one agent who becomes free is one offer, to who has
// waited the longest.
func TestQueueOfAThousand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		g := s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}, Queue: presence.Queue{Size: 1000, Wait: time.Hour}})
		s.talks("1001")
		p := siptest.NewPeer(t, s.net, pbx, server)
		var first, last *message.Message
		for i := range 1000 {
			last = ring(p, sales, outside)
			if m := p.Expect(siptest.Status(182)); i%100 == 0 && !strings.HasSuffix(m.Phrase, fmt.Sprint(" ", i+1)) {
				t.Errorf("caller %d is told %q", i+1, m.Phrase)
			}
			if i == 0 {
				first = last
			}
		}
		ring(p, sales, outside)
		if m := p.Expect(siptest.Final); m.Status != 480 || !strings.Contains(m.Get(message.Reason), "full") {
			t.Errorf("one more: %d %q", m.Status, m.Get(message.Reason))
		}
		s.hangsUp("1001")
		inv := a.Expect(siptest.Method("INVITE"))
		if inv.CallID() != first.CallID() {
			t.Error("who came first is not offered first")
		}
		a.ExpectNone(siptest.Method("INVITE"), 5*time.Second)
		gives(p, last)
		p.Expect(siptest.Status(487))
		synctest.Wait()
		if n := len(s.lines.List(g.ID)); n != 999 {
			t.Errorf("%d wait", n)
		}
	})
}

// An agent of two groups gets who has waited the longest of both.
func TestQueuesOfTwoGroupsAreServedByTime(t *testing.T) {
	for name, order := range map[string][]string{"600 first": {"600", "601"}, "601 first": {"601", "600"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a := s.phone("1001", "10.0.0.21:5060", false)
				for _, number := range order {
					s.group(presence.Group{Number: number, Members: []presence.Member{{Agent: s.agent("1001")}}, Queue: presence.Queue{Size: 5}})
				}
				s.talks("1001")
				p := siptest.NewPeer(t, s.net, pbx, server)
				var ids []string
				for _, number := range order {
					ids = append(ids, ring(p, "sip:"+number+"@demo.test", outside).CallID())
					p.Expect(siptest.Status(182))
					time.Sleep(time.Second)
				}
				s.hangsUp("1001")
				if inv := a.Expect(siptest.Method("INVITE")); inv.CallID() != ids[0] {
					t.Error("who waited longer is not first")
				}
			})
		})
	}
}

// Who waits is told when the server stops; and a device whose connection is gone, and
// that does not come back, leaves the line.
func TestQueueEndsWithServerAndConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.phone("1001", "10.0.0.21:5060", false)
		desk := s.phone("1002", "10.0.0.22:5060", true)
		g := s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}, Queue: presence.Queue{Size: 5}})
		s.talks("1001")
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, sales, outside)
		p.Expect(siptest.Status(182))
		if m := s.dials(desk, "1002", sales); m.Method != "INVITE" {
			t.Fatalf("%d", m.Status)
		}
		desk.Expect(siptest.Status(182))
		desk.Close()
		time.Sleep(6 * time.Second) // it may come back
		synctest.Wait()
		if l := s.lines.List(g.ID); len(l) != 1 {
			t.Errorf("waiting are %+v", l)
		}
		s.want("the connection is gone", "On a Call confirmed", "Offline")
		s.lines.Close()
		if m := p.Expect(siptest.Final); m.Status != 503 {
			t.Errorf("answered %d", m.Status)
		}
		ring(p, sales, outside)
		if m := p.Expect(siptest.Final); m.Status != 480 {
			t.Errorf("a new caller: %d", m.Status)
		}
	})
}

// A call that the trunk says is urgent goes before those that came earlier.
func TestQueueServesUrgentCallsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		s.group(presence.Group{Queue: presence.Queue{Size: 5}})
		s.talks("1001")
		p := siptest.NewPeer(t, s.net, pbx, server)
		var ids []string
		for _, h := range []message.Header{{Name: "Subject", Value: "a"}, {Name: "Priority", Value: "urgent"}} {
			ids = append(ids, ring(p, sales, outside, h).CallID())
			p.Expect(siptest.Status(182))
		}
		s.hangsUp("1001")
		inv := a.Expect(siptest.Method("INVITE"))
		if inv.CallID() != ids[1] {
			t.Error("the urgent call is not first")
		}
		answers(a, inv)
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		bye(p, a, ok)
		if inv = a.Expect(siptest.Method("INVITE")); inv.CallID() != ids[0] {
			t.Error("then the other")
		}
	})
}
