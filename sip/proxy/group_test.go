package proxy_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/siptest"
)

const sales = "sip:600@demo.test"

// group makes the group 600 of both agents.
func (s *switchboard) group(g presence.Group) *presence.Group {
	s.t.Helper()
	synctest.Wait()
	g.Domain = s.domain
	if g.Number == "" {
		g.Number = "600"
	}
	if g.Members == nil {
		g.Members = []presence.Member{{Agent: s.agent("1001"), Level: 1}, {Agent: s.agent("1002"), Level: 9}}
	}
	e := directory.Edit{Groups: []presence.Group{g}}
	if err := s.dir.Apply(context.Background(), e); err != nil {
		s.t.Fatal(err)
	}
	return &e.Groups[0]
}

// free checks that nobody is reserved any more.
func (s *switchboard) free(when string) {
	s.t.Helper()
	synctest.Wait()
	for _, number := range []string{"1001", "1002"} {
		snap, _ := s.roster.Snapshot(s.agent(number))
		if len(snap.Offers) > 0 || len(snap.Legs) > 0 || s.board.Reserved(s.agent(number), "", time.Now()) {
			s.t.Errorf("%s: %s is still held: %+v %+v", when, number, snap.Offers, snap.Legs)
		}
	}
}

// told lists what the records of a call say, each replayed, a line each.
func (s *switchboard) told(callID string) string {
	s.t.Helper()
	var out []string
	for _, r := range s.records(callID) {
		who := "agent"
		if r.Group != nil {
			who = "group " + r.Group.Group.Number
		}
		out = append(out, fmt.Sprintf("%s %v %q = %d", who, r.Decision.Allow, r.Decision.Text, r.Status))
	}
	return strings.Join(out, "\n")
}

// Of a group whose phones all ring, who answers first has the call; the others
// have missed nothing, and nobody else may offer them one meanwhile.
func TestGroupRingsAllAndOneAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		s.group(presence.Group{})
		p := siptest.NewPeer(t, s.net, pbx, server)
		call := ring(p, sales, outside)
		ia, ib := a.Expect(siptest.Method("INVITE")), b.Expect(siptest.Method("INVITE"))
		a.Respond(ia, 180)
		b.Respond(ib, 180)
		s.want("ringing", "Offline early", "Offline early")
		if res := s.invite("10.0.0.9:5061", sales, outside); res.Status != 480 && res.Status != 486 {
			t.Errorf("a second call, with everybody offered the first: %d", res.Status)
		}
		answers(a, ia)
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		c := b.Expect(siptest.Method("CANCEL"))
		if !strings.Contains(c.Get(message.Reason), "cause=200") {
			t.Errorf("the other phone shows a missed call: %q", c.Get(message.Reason))
		}
		b.Respond(c, 200)
		b.Respond(ib, 487)
		s.want("talking", "On a Call confirmed", "Offline")
		g, _ := s.dir.GroupByNumber(s.domain, "600")
		if n := s.board.Tally(g.ID, s.agent("1002"), time.Now().UTC().Format(time.DateOnly)); n.Missed != 0 || !n.Rest.IsZero() {
			t.Errorf("answered elsewhere counts as a miss: %+v", n)
		}
		if n := s.board.Tally(g.ID, s.agent("1001"), time.Now().UTC().Format(time.DateOnly)); n.Calls != 1 {
			t.Errorf("the call is not counted: %+v", n)
		}
		p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
		a.Respond(a.Expect(siptest.Method("BYE")), 200)
		s.want("ended", "Offline", "Offline")
		s.free("after the call")
		want := "agent true \"\" = 200\nagent true \"\" = 200\ngroup 600 true \"\" = 200"
		if got := s.told(call.CallID()); sorted(got) != sorted(want) {
			t.Errorf("the records say\n%s\nwant\n%s", got, want)
		}
	})
}

// gives is a caller who gives up.
func gives(p *siptest.Peer, inv *message.Message) {
	via, _ := inv.TopVia()
	seq, _ := inv.CSeq()
	p.SendRaw(message.NewRequest("CANCEL", inv.URI).Add(message.From, inv.Get(message.From)).Add(message.To, inv.Get(message.To)).
		Add(message.CallID, inv.CallID()).Add(message.CSeq, fmt.Sprint(seq, " CANCEL")).Via(p.Via(via.Branch)).Bytes())
}

// fallsBack gives an agent a fallback.
func (s *switchboard) fallsBack(number, to string) {
	s.t.Helper()
	synctest.Wait()
	a, _ := s.dir.Agent(s.agent(number))
	next := *a
	next.Settings.Fallback = to
	if err := s.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{next}}); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
}

func sorted(lines string) string {
	all := strings.Split(lines, "\n")
	for i := range all {
		for j := range i {
			if all[i] < all[j] {
				all[i], all[j] = all[j], all[i]
			}
		}
	}
	return strings.Join(all, "\n")
}

// Members are asked one after another in the order of the strategy; who does not
// answer or refuses is skipped for a while.
func TestGroupAsksOneAfterAnother(t *testing.T) {
	for name, c := range map[string]struct {
		g     presence.Group
		first string
	}{
		"sequential": {presence.Group{Strategy: presence.Sequential, Ring: 10 * time.Second}, "1001"},
		"skills":     {presence.Group{Strategy: presence.Skills, Ring: 10 * time.Second}, "1002"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				phones := map[string]*siptest.Peer{"1001": s.phone("1001", "10.0.0.21:5060", false), "1002": s.phone("1002", "10.0.0.22:5060", false)}
				g := s.group(c.g)
				first, second := phones[c.first], phones[map[string]string{"1001": "1002", "1002": "1001"}[c.first]]
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, sales, outside)
				inv := first.Expect(siptest.Method("INVITE"))
				first.Respond(inv, 180)
				p.Expect(siptest.Status(180))
				began := time.Now()
				cancel := first.Expect(siptest.Method("CANCEL"))
				if d := time.Since(began); d < 9*time.Second || d > 11*time.Second {
					t.Errorf("rang for %s", d)
				}
				first.Respond(cancel, 200)
				first.Respond(inv, 487)
				inv = second.Expect(siptest.Method("INVITE"))
				answers(second, inv)
				ok := p.Expect(siptest.Status(200))
				sendACK(p, ok)
				synctest.Wait()
				if n := s.board.Tally(g.ID, s.agent(c.first), ""); n.Missed != 1 || time.Until(n.Rest) <= 0 {
					t.Errorf("who did not answer: %+v", n)
				}
				p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
				second.Respond(second.Expect(siptest.Method("BYE")), 200)
				p.Expect(siptest.Final)
				s.free("after the call")
				// The next call does not ring who rests.
				ring(p, sales, outside)
				inv = second.Expect(siptest.Method("INVITE"))
				second.Respond(inv, 486)
				if m := p.Expect(siptest.Final); m.Status != 480 || !strings.Contains(m.Get(message.Reason), "Nobody takes the call") {
					t.Errorf("with nobody left: %d %q", m.Status, m.Get(message.Reason))
				}
				s.free("after the refusal")
			})
		})
	}
}

// A caller who gives up frees everybody, and nobody has missed the call.
func TestGroupCallThatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		g := s.group(presence.Group{Strategy: presence.LongestIdle})
		p := siptest.NewPeer(t, s.net, pbx, server)
		inv := ring(p, sales, outside)
		got := a.Expect(siptest.Method("INVITE"))
		a.Respond(got, 180)
		p.Expect(siptest.Status(180))
		gives(p, inv)
		c := a.Expect(siptest.Method("CANCEL"))
		a.Respond(c, 200)
		a.Respond(got, 487)
		p.Expect(siptest.Status(487))
		s.free("after the caller gave up")
		if n := s.board.Tally(g.ID, s.agent("1001"), ""); n.Missed != 0 {
			t.Errorf("a miss: %+v", n)
		}
	})
}

// A call is never offered for ever: after a crash nobody is reserved.
func TestGroupLeasesEndWithACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		s.group(presence.Group{})
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, sales, outside)
		a.Expect(siptest.Method("INVITE"))
		synctest.Wait()
		if snap, _ := s.roster.Snapshot(s.agent("1001")); len(snap.Offers) != 1 {
			t.Fatalf("offers %+v", snap.Offers)
		}
		s.restart()
		time.Sleep(time.Minute)
		s.free("a minute after the crash")
	})
}

// Who lets calls ring out several times in a row gets the configured status, with
// its cause; by default nobody does.
func TestMissesInARowSelectAStatus(t *testing.T) {
	for name, misses := range map[string]int{"never": 0, "two": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a := s.phone("1001", "10.0.0.21:5060", false)
				g := presence.Group{Rest: -1, Members: []presence.Member{{Agent: s.agent("1001")}}}
				if misses > 0 {
					g.Misses = presence.Misses{Most: misses, Status: presence.SelectDND}
				}
				s.group(g)
				p := siptest.NewPeer(t, s.net, pbx, server)
				for i := range 2 {
					ring(p, sales, outside)
					a.Respond(a.Expect(siptest.Method("INVITE")), 486)
					p.Expect(siptest.Final)
					synctest.Wait()
					snap, _ := s.roster.Snapshot(s.agent("1001"))
					want := presence.SelectAvailable
					if misses > 0 && i == 1 {
						want = presence.SelectDND
					}
					if got := snap.Selected.Status; got != want && (got != "" || want != presence.SelectAvailable) {
						t.Errorf("after call %d: %q", i+1, got)
					}
					if misses > 0 && i == 1 && snap.Selected.Cause != presence.CauseNoAnswer {
						t.Errorf("cause %q", snap.Selected.Cause)
					}
				}
				s.free("after the misses")
			})
		})
	}
}

// Nobody there, or nobody takes it: the group's fallback, which may be another
// group or an agent; circles end.
func TestGroupFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		b := s.phone("1002", "10.0.0.22:5060", false)
		s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}, Fallback: "610"})
		s.group(presence.Group{Number: "610", Members: []presence.Member{{Agent: s.agent("1002")}}, Fallback: "600"})
		s.group(presence.Group{Number: "620", Members: []presence.Member{{Agent: s.agent("1001")}}, Fallback: "1002"})
		s.group(presence.Group{Number: "630", Members: []presence.Member{{Agent: s.agent("1001")}}, Fallback: "sip:vm@10.0.0.8:5060"})
		p, out := siptest.NewPeer(t, s.net, pbx, server), siptest.NewPeer(t, s.net, trunk, server)
		call := ring(p, sales, outside)
		b.Respond(b.Expect(siptest.Method("INVITE")), 486)
		if m := p.Expect(siptest.Final); m.Status != 480 {
			t.Errorf("round in circles: %d", m.Status)
		}
		if got := s.told(call.CallID()); strings.Count(got, "group") < 3 {
			t.Errorf("the records say\n%s", got)
		}
		ring(p, "sip:620@demo.test", outside)
		answers(b, b.Expect(siptest.Method("INVITE")))
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		s.want("an agent as fallback", "Offline", "On a Call confirmed")
		p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
		b.Respond(b.Expect(siptest.Method("BYE")), 200)
		ring(p, "sip:630@demo.test", outside)
		answers(out, out.Expect(siptest.Method("INVITE")))
		p.Expect(siptest.Status(200))
		s.free("after all")
	})
}

// An agent's call that nobody answers goes on to a group, where one is the fallback.
func TestAgentFallsBackToAGroup(t *testing.T) {
	for name, busy := range map[string]bool{"not answered": false, "refused by the rules": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
				s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1002")}}})
				s.fallsBack("1001", "600")
				if busy {
					s.do("1001", roster.Select{Status: presence.SelectDND})
				}
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, called, outside)
				if !busy {
					inv := a.Expect(siptest.Method("INVITE"))
					a.Respond(inv, 480)
				}
				answers(b, b.Expect(siptest.Method("INVITE")))
				ok := p.Expect(siptest.Status(200))
				sendACK(p, ok)
				s.want("the group answered", "Offline", "On a Call confirmed")
				p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
				b.Respond(b.Expect(siptest.Method("BYE")), 200)
				s.free("after the call")
			})
		})
	}
}

// A phone that declines for good speaks for its agent, not for the group.
func TestOneMembersDeclineIsNotTheGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		s.group(presence.Group{})
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, sales, outside)
		ia, ib := a.Expect(siptest.Method("INVITE")), b.Expect(siptest.Method("INVITE"))
		a.Respond(ia, 603)
		synctest.Wait()
		answers(b, ib)
		if m := p.Expect(siptest.Final); m.Status != 200 {
			t.Errorf("the caller got %d", m.Status)
		}
	})
}

// A peer that carries its calls itself is told the members in order.
func TestGroupIsRedirectedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.proxy.SetPeers(peers.Table{{Name: "pbx7", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32")}, Mode: peers.ModeRedirect, Domains: []string{"demo.test"}}})
		s.phone("1001", "10.0.0.21:5060", false)
		s.phone("1002", "10.0.0.22:5060", false)
		s.group(presence.Group{Strategy: presence.Skills})
		res := s.invite("10.0.0.7:5060", sales, outside)
		if got := res.Values(message.Contact); res.Status != 302 || len(got) != 2 || !strings.Contains(got[0], "1002@10.0.0.22") || !strings.HasSuffix(got[0], "q=1.0") ||
			!strings.HasSuffix(got[1], "q=0.95") {
			t.Errorf("%d %v", res.Status, got)
		}
	})
}

// An agent who is a fallback is rung on all of his devices: where the phone refuses,
// his number rings at once, though it would after a while only.
func TestFallbackAgentsNumberRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		b := s.phone("1002", "10.0.0.22:5060", false)
		a, _ := s.dir.Agent(s.agent("1002"))
		next := *a
		next.Settings.Options.Numbers = []presence.Number{{Number: "+49301", Enabled: true, Delay: 10 * time.Second}}
		synctest.Wait()
		if err := s.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{next}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}, Fallback: "1002"})
		p, out := siptest.NewPeer(t, s.net, pbx, server), siptest.NewPeer(t, s.net, trunk, server)
		ring(p, sales, outside)
		b.Respond(b.Expect(siptest.Method("INVITE")), 486)
		began := time.Now()
		inv := out.Expect(siptest.Method("INVITE"))
		if d := time.Since(began); d > time.Second {
			t.Errorf("the number rings after %s", d)
		}
		out.Respond(inv, 404)
		if m := p.Expect(siptest.Final); m.Status != 486 && m.Status != 404 {
			t.Errorf("refused with %d", m.Status)
		}
		s.free("after the call")
	})
}
