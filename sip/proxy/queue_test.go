package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/proxy"
	"lamplight/sip/siptest"
)

// talks keeps an agent in another call; silent ends it.
func (s *switchboard) talks(number string) {
	s.t.Helper()
	s.do(number, roster.PutLeg{Leg: presence.Leg{Call: "c", ID: "l" + number, Source: "publish:x", Direction: presence.Inbound, Kind: presence.CallRegular,
		State: presence.LegTalking, Since: time.Now()}})
	synctest.Wait()
}

func (s *switchboard) hangsUp(number string) {
	s.t.Helper()
	s.do(number, roster.EndLeg{ID: "l" + number})
	synctest.Wait()
}

// waits has a caller wait, and gives the INVITE.
func (s *switchboard) waits(p *siptest.Peer, position int) *message.Message {
	s.t.Helper()
	inv := ring(p, sales, outside)
	m := p.Expect(siptest.Status(182))
	if got := m.Get(proxy.QueueHeader); !strings.HasPrefix(got, fmt.Sprintf("position=%d;", position)) || m.ToTag() == "" {
		s.t.Errorf("waits at %q\n%s", got, m.Raw)
	}
	return inv
}

// bye ends a call from the caller's side.
func bye(p, phone *siptest.Peer, ok *message.Message) {
	p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
	phone.Respond(phone.Expect(siptest.Method("BYE")), 200)
	p.Expect(siptest.Final)
}

// A freed agent gets who has waited longest, at once; the next one gets the next.
// (Elsewhere agents in wrap-up were freed last-first, and queued calls waited.)
func TestQueueServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		s.group(presence.Group{Queue: presence.Queue{Size: 5}})
		s.talks("1001")
		s.talks("1002")
		first, second, third := siptest.NewPeer(t, s.net, "10.0.0.9:5061", server), siptest.NewPeer(t, s.net, "10.0.0.9:5062", server), siptest.NewPeer(t, s.net, "10.0.0.9:5063", server)
		s.waits(first, 1)
		s.waits(second, 2)
		s.waits(third, 3)
		time.Sleep(10 * time.Second)
		freed := time.Now()
		s.hangsUp("1002")
		inv := b.Expect(siptest.Method("INVITE"))
		if d := time.Since(freed); d > 10*time.Millisecond || !strings.Contains(inv.Get("Via"), "10.0.0.") {
			t.Errorf("offered after %s", d)
		}
		answers(b, inv)
		ok := first.Expect(siptest.Status(200))
		sendACK(first, ok)
		s.hangsUp("1001")
		answers(a, a.Expect(siptest.Method("INVITE")))
		ok2 := second.Expect(siptest.Status(200))
		sendACK(second, ok2)
		bye(first, b, ok)
		inv = b.Expect(siptest.Method("INVITE"))
		answers(b, inv)
		ok3 := third.Expect(siptest.Status(200))
		sendACK(third, ok3)
		bye(second, a, ok2)
		bye(third, b, ok3)
		s.free("after all")
	})
}

// Whoever comes when others wait does not overtake them.
func TestQueueIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}, Rest: 10 * time.Second, Queue: presence.Queue{Size: 5}})
		first, second := siptest.NewPeer(t, s.net, "10.0.0.9:5061", server), siptest.NewPeer(t, s.net, "10.0.0.9:5062", server)
		s.talks("1001")
		one := s.waits(first, 1)
		s.hangsUp("1001")
		a.Respond(a.Expect(siptest.Method("INVITE")), 486) // rests now
		synctest.Wait()
		s.waits(second, 2)
		inv := a.Expect(siptest.Method("INVITE")) // after the rest
		if inv.CallID() != one.CallID() {
			t.Error("who came later was offered first")
		}
		answers(a, inv)
		sendACK(first, first.Expect(siptest.Status(200)))
	})
}

// The caller hears every minute that he waits, and soon that his place is another.
func TestQueueSaysAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.phone("1001", "10.0.0.21:5060", false)
		s.group(presence.Group{Queue: presence.Queue{Size: 5}})
		s.talks("1001")
		first, second := siptest.NewPeer(t, s.net, "10.0.0.9:5061", server), siptest.NewPeer(t, s.net, "10.0.0.9:5062", server)
		inv := s.waits(first, 1)
		s.waits(second, 2)
		second.Timeout = 2 * time.Minute
		began := time.Now()
		gives(first, inv)
		first.Expect(siptest.Status(487))
		m := second.Expect(siptest.Status(182))
		if d := time.Since(began); d > 10*time.Second || !strings.HasPrefix(m.Get(proxy.QueueHeader), "position=1;waiting=1") {
			t.Errorf("after %s: %q", d, m.Get(proxy.QueueHeader))
		}
		had := second.Again()
		time.Sleep(5*time.Minute + time.Second) // longer than any Timer C
		if n := second.Again() - had; n != 5 {
			t.Errorf("heard %d times in five minutes", n)
		}
	})
}

// Each way out of the queue leads where its rule says.
func TestQueueOverflows(t *testing.T) {
	for name, c := range map[string]struct {
		queue presence.Queue
		set   func(*switchboard)
		after time.Duration
		user  string // at the trunk; empty: refused
	}{
		"full":              {presence.Queue{Size: 1, Full: "sip:full@10.0.0.8:5060"}, func(s *switchboard) { s.waits(siptest.NewPeer(s.t, s.net, "10.0.0.9:5069", server), 1) }, 0, "full"},
		"too long":          {presence.Queue{Size: 1, Wait: 20 * time.Second, TooLong: "sip:late@10.0.0.8:5060"}, nil, 20 * time.Second, "late"},
		"nobody":            {presence.Queue{Size: 1, Nobody: "sip:nobody@10.0.0.8:5060"}, func(s *switchboard) { s.out() }, 0, "nobody"},
		"nobody any more":   {presence.Queue{Size: 1, Nobody: "sip:nobody@10.0.0.8:5060"}, nil, time.Minute, "nobody"},
		"parked":            {presence.Queue{Park: "sip:music@10.0.0.8:5060"}, nil, 0, "music"},
		"the group's":       {presence.Queue{Size: 1, Wait: 20 * time.Second}, nil, 20 * time.Second, "vm"},
		"no queue":          {presence.Queue{}, nil, 0, "vm"},
		"too long, no more": {presence.Queue{Size: 1, Wait: 20 * time.Second}, nil, 20 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.phone("1001", "10.0.0.21:5060", false)
				g := presence.Group{Queue: c.queue}
				if c.user == "vm" {
					g.Fallback = "sip:vm@10.0.0.8:5060"
				}
				s.group(g)
				s.talks("1001")
				if c.set != nil {
					c.set(s)
				}
				p, out := siptest.NewPeer(t, s.net, pbx, server), siptest.NewPeer(t, s.net, trunk, server)
				p.Timeout, out.Timeout = 3*time.Minute, 3*time.Minute
				began := time.Now()
				ring(p, sales, outside)
				if name == "nobody any more" {
					p.Expect(siptest.Status(182))
					s.out()
				}
				if c.user == "" {
					if m := p.Expect(siptest.Final); m.Status != 480 || !strings.Contains(m.Get(message.Reason), "waited too long") {
						t.Errorf("%d %q", m.Status, m.Get(message.Reason))
					}
					return
				}
				inv := out.Expect(siptest.Method("INVITE"))
				if d := time.Since(began); !strings.HasPrefix(inv.URI, "sip:"+c.user+"@") || d < c.after || d > c.after+time.Second {
					t.Errorf("after %s to %s", d, inv.URI)
				}
				answers(out, inv)
				sendACK(p, p.Expect(siptest.Status(200)))
				synctest.Wait()
				if name != "full" && s.lines.Waits(s.sales().ID, presence.CallRegular) {
					t.Error("still in line")
				}
			})
		})
	}
}

// out has the agents' own word let no calls through.
func (s *switchboard) out() {
	s.t.Helper()
	s.do("1001", roster.Select{Status: presence.SelectDND})
	s.do("1002", roster.Select{Status: presence.SelectDND})
	synctest.Wait()
}

func (s *switchboard) sales() *presence.Group {
	s.t.Helper()
	g, ok := s.dir.GroupByNumber(s.domain, "600")
	if !ok {
		s.t.Fatal("no group")
	}
	return g
}

// A phone that refuses at once is not rung in a circle, whatever its rest.
func TestQueueDoesNotHammerAPhone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		s.group(presence.Group{Rest: -1, Members: []presence.Member{{Agent: s.agent("1001")}}, Queue: presence.Queue{Size: 5, Wait: time.Minute}})
		p := siptest.NewPeer(t, s.net, pbx, server)
		p.Timeout = 2 * time.Minute
		ring(p, sales, outside)
		n := 0
		began := time.Now()
		for time.Since(began) < 30*time.Second {
			inv := a.Expect(siptest.Method("INVITE"))
			time.Sleep(400 * time.Millisecond) // any faster, and it is left out (rule 13)
			a.Respond(inv, 486)
			n++
		}
		if n > 12 {
			t.Errorf("rung %d times in half a minute", n)
		}
	})
}

// With a crash the line is empty, and nobody is reserved.
func TestQueueEndsWithACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.phone("1001", "10.0.0.21:5060", false)
		s.group(presence.Group{Queue: presence.Queue{Size: 5}})
		s.talks("1001")
		s.waits(siptest.NewPeer(t, s.net, pbx, server), 1)
		s.restart()
		if s.lines.Waits(s.sales().ID, presence.CallRegular) {
			t.Error("a ghost waits")
		}
		s.hangsUp("1001")
		s.free("after the crash")
	})
}
