package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// hangsUp ends an answered call from the caller's side.
func hangsUp(caller, phone *siptest.Peer, ok *message.Message) {
	caller.Send(caller.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
	phone.Respond(phone.Expect(func(m *message.Message) bool { return m.Method == "BYE" && m.CallID() == ok.CallID() }), 200)
	caller.Expect(siptest.Final)
}

// alive has a phone answer when it is asked whether it is there.
func alive(p *siptest.Peer) *siptest.Peer {
	p.Handle(func(m *message.Message) *message.Builder {
		if m.Method != "OPTIONS" {
			return nil
		}
		return message.NewResponse(m, 200, "")
	})
	return p
}

// However an offer ends, nobody stays reserved: a minute later the next call rings
// the agent and is answered.
func TestNobodyStaysReserved(t *testing.T) {
	for name, spoil := range map[string]func(s *switchboard, p, a *siptest.Peer, call, inv *message.Message){
		"the caller gives up": func(_ *switchboard, p, a *siptest.Peer, call, inv *message.Message) {
			a.Respond(inv, 180)
			p.Expect(siptest.Status(180))
			gives(p, call)
			a.Respond(a.Expect(siptest.Method("CANCEL")), 200)
			a.Respond(inv, 487)
		},
		"the phone refuses": func(_ *switchboard, p, a *siptest.Peer, _, inv *message.Message) { a.Respond(inv, 486) },
		"the phone never says a word": func(*switchboard, *siptest.Peer, *siptest.Peer, *message.Message, *message.Message) {
			time.Sleep(time.Minute)
		},
		"it rings and nobody answers": func(_ *switchboard, p, a *siptest.Peer, _, inv *message.Message) {
			a.Respond(inv, 180)
			a.Respond(a.Expect(siptest.Method("CANCEL")), 200)
			a.Respond(inv, 487)
		},
		"the CANCEL is never answered": func(_ *switchboard, p, a *siptest.Peer, _, inv *message.Message) {
			a.Respond(inv, 180)
			a.Expect(siptest.Method("CANCEL"))
			time.Sleep(time.Minute)
		},
		"the agent is logged out": func(s *switchboard, p, a *siptest.Peer, _, inv *message.Message) {
			a.Respond(inv, 180)
			s.do("1001", roster.Select{Status: presence.SelectDND})
			a.Respond(inv, 480)
			synctest.Wait()
			s.do("1001", roster.Select{Status: presence.SelectAvailable})
		},
		"the group is removed": func(s *switchboard, p, a *siptest.Peer, _, inv *message.Message) {
			a.Respond(inv, 180)
			g, _ := s.dir.GroupByNumber(s.domain, "600")
			s.remove(g.ID)
			a.Respond(inv, 486)
			synctest.Wait()
			s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}})
		},
		"the call is answered, and its BYE gets no answer": func(_ *switchboard, p, a *siptest.Peer, _, inv *message.Message) {
			answers(a, inv)
			ok := p.Expect(siptest.Status(200))
			sendACK(p, ok)
			p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
			time.Sleep(time.Minute)
		},
		"a crash while it rings": func(s *switchboard, p, a *siptest.Peer, _, inv *message.Message) {
			a.Respond(inv, 180)
			p.Expect(siptest.Status(180))
			s.restart()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a := alive(s.phone("1001", "10.0.0.21:5060", false))
				s.group(presence.Group{Strategy: presence.LongestIdle, Members: []presence.Member{{Agent: s.agent("1001")}}})
				p := siptest.NewPeer(t, s.net, pbx, server)
				call := ring(p, sales, outside)
				spoil(s, p, a, call, a.Expect(siptest.Method("INVITE")))
				time.Sleep(time.Minute)
				s.free("a minute later")
				p.Close()
				p = siptest.NewPeer(t, s.net, "10.0.0.9:5070", server)
				next := ring(p, sales, outside)
				for {
					inv := a.Expect(siptest.Method("INVITE"))
					if inv.CallID() != next.CallID() {
						continue // of the call before, sent again
					}
					answers(a, inv)
					break
				}
				ok := p.Expect(siptest.Status(200))
				sendACK(p, ok)
				s.want("the next call", "On a Call confirmed")
				hangsUp(p, a, ok)
				s.free("after the next call")
			})
		})
	}
}

// remove deletes a group.
func (s *switchboard) remove(id presence.GroupID) {
	s.t.Helper()
	synctest.Wait()
	if err := s.dir.Apply(s.t.Context(), directory.Edit{DeleteGroups: []presence.GroupID{id}}); err != nil {
		s.t.Fatal(err)
	}
}

// A call that the only agent of a group has rejected does not ring him again, nor
// does the caller's next one at once; half a minute later he is asked again.
func TestRejectedCallDoesNotRingTheOnlyAgentAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := alive(s.phone("1001", "10.0.0.21:5060", false))
		s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}})
		p := siptest.NewPeer(t, s.net, pbx, server)
		call := ring(p, sales, outside)
		a.Respond(a.Expect(siptest.Method("INVITE")), 603)
		m := p.Expect(siptest.Final)
		if m.Status != 480 {
			t.Errorf("the caller got %d", m.Status)
		}
		ack(p, call, m)
		for range 5 {
			time.Sleep(5 * time.Second)
			call := ring(p, sales, outside)
			m := p.Expect(siptest.Final)
			if m.Status != 480 {
				t.Errorf("called again: %d", m.Status)
			}
			ack(p, call, m)
		}
		a.ExpectNone(siptest.Method("INVITE"), 0)
		time.Sleep(6 * time.Second)
		ring(p, sales, outside)
		answers(a, a.Expect(siptest.Method("INVITE")))
		p.Expect(siptest.Status(200))
	})
}

// An agent who has let a call ring out is skipped for half a minute and then one of
// the group as before, also over a restart.
func TestUnansweredAgentIsNotThrownOutOfTheGroup(t *testing.T) {
	for name, crash := range map[string]bool{"in one go": false, "over a crash": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a, b := alive(s.phone("1001", "10.0.0.21:5060", false)), alive(s.phone("1002", "10.0.0.22:5060", false))
				s.group(presence.Group{Strategy: presence.Sequential, Ring: 10 * time.Second})
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, sales, outside)
				inv := a.Expect(siptest.Method("INVITE"))
				a.Respond(inv, 180)
				a.Respond(a.Expect(siptest.Method("CANCEL")), 200)
				a.Respond(inv, 487)
				answers(b, b.Expect(siptest.Method("INVITE")))
				ok := p.Expect(siptest.Status(200))
				sendACK(p, ok)
				if crash {
					synctest.Wait()
					s.restart()
				}
				hangsUp(p, b, ok)
				ring(p, sales, outside) // a rests
				answers(b, b.Expect(siptest.Method("INVITE")))
				ok = p.Expect(siptest.Status(200))
				sendACK(p, ok)
				hangsUp(p, b, ok)
				time.Sleep(31 * time.Second)
				ring(p, sales, outside)
				answers(a, a.Expect(siptest.Method("INVITE")))
				p.Expect(siptest.Status(200))
			})
		})
	}
}

// Of agents who were all busy, who was free first is asked first: not last-in,
// first-out.
func TestAgentsAreAskedInTheOrderInWhichTheyBecameFree(t *testing.T) {
	for name, firstFree := range map[string]string{"1001 first": "1001", "1002 first": "1002"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				phones := map[string]*siptest.Peer{"1001": s.phone("1001", "10.0.0.21:5060", false), "1002": s.phone("1002", "10.0.0.22:5060", false)}
				s.group(presence.Group{Strategy: presence.LongestIdle})
				secondFree := map[string]string{"1001": "1002", "1002": "1001"}[firstFree]
				talk := func(number string) (p *siptest.Peer, ok *message.Message) {
					p = siptest.NewPeer(t, s.net, "10.0.0.9:50"+number[2:]+"1", server)
					ring(p, "sip:"+number+"@demo.test", outside)
					answers(phones[number], phones[number].Expect(siptest.Method("INVITE")))
					ok = p.Expect(siptest.Status(200))
					sendACK(p, ok)
					return p, ok
				}
				p1, ok1 := talk(firstFree)
				p2, ok2 := talk(secondFree)
				s.want("both talk", "On a Call confirmed", "On a Call confirmed")
				time.Sleep(10 * time.Second)
				hangsUp(p1, phones[firstFree], ok1)
				time.Sleep(10 * time.Second)
				hangsUp(p2, phones[secondFree], ok2)
				time.Sleep(10 * time.Second)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, sales, outside)
				answers(phones[firstFree], phones[firstFree].Expect(siptest.Method("INVITE")))
				p.Expect(siptest.Status(200))
			})
		})
	}
}

// Calls that come at the same moment never ring the same agent: each agent is
// offered one, and the third caller is refused.
func TestTwoCallsNeverRingTheSameAgent(t *testing.T) {
	for _, strategy := range []presence.Strategy{presence.RoundRobin, presence.LongestIdle, presence.FewestCalls, presence.Sequential, presence.Skills} {
		t.Run(string(strategy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a, b := alive(s.phone("1001", "10.0.0.21:5060", false)), alive(s.phone("1002", "10.0.0.22:5060", false))
				s.group(presence.Group{Strategy: strategy})
				var callers []*siptest.Peer
				for _, addr := range []string{"10.0.0.9:5061", "10.0.0.9:5062", "10.0.0.9:5063"} {
					p := siptest.NewPeer(t, s.net, addr, server)
					callers = append(callers, p)
					ring(p, sales, outside)
				}
				ia, ib := a.Expect(siptest.Method("INVITE")), b.Expect(siptest.Method("INVITE"))
				if ia.CallID() == ib.CallID() {
					t.Error("one call rings both")
				}
				a.Respond(ia, 180)
				b.Respond(ib, 180)
				synctest.Wait()
				for _, phone := range []*siptest.Peer{a, b} {
					phone.ExpectNone(func(m *message.Message) bool {
						return m.Method == "INVITE" && m.CallID() != ia.CallID() && m.CallID() != ib.CallID()
					}, 0)
				}
				answers(a, ia)
				answers(b, ib)
				taken, refused := 0, 0
				for _, p := range callers {
					switch m := p.Expect(siptest.Final); m.Status {
					case 200:
						taken++
						sendACK(p, m)
					case 480, 486:
						refused++
					}
				}
				if taken != 2 || refused != 1 {
					t.Errorf("%d calls taken, %d refused", taken, refused)
				}
				s.want("both talk", "On a Call confirmed", "On a Call confirmed")
			})
		})
	}
}

// A member whose phone is dead costs a caller the time of one offer, and no more: the
// next one is asked, and the dead one is skipped for a while.
func TestDeadMemberFallsThrough(t *testing.T) {
	for name, tcp := range map[string]bool{"silent": false, "connection lost": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a, b := s.phone("1001", "10.0.0.21:5060", tcp), alive(s.phone("1002", "10.0.0.22:5060", false))
				g := s.group(presence.Group{Strategy: presence.Sequential, Ring: 10 * time.Second})
				a.Close()
				p := siptest.NewPeer(t, s.net, pbx, server)
				for i, within := range []time.Duration{11 * time.Second, time.Second} {
					began := time.Now()
					ring(p, sales, outside)
					answers(b, b.Expect(siptest.Method("INVITE")))
					if d := time.Since(began); d > within {
						t.Errorf("call %d: the living member is asked after %s", i+1, d)
					}
					ok := p.Expect(siptest.Status(200))
					sendACK(p, ok)
					hangsUp(p, b, ok)
				}
				s.free("after the calls")
				if n := s.board.Tally(g.ID, s.agent("1001"), ""); n.Missed != 0 {
					t.Errorf("an agent whose phone is dead has missed %d calls", n.Missed)
				}
			})
		})
	}
}

// An agent who is being offered a group's call is still rung by who calls him by name;
// taking that call he has missed none of the group's, which goes on.
func TestDirectCallRingsWhoIsOfferedAGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := alive(s.phone("1001", "10.0.0.21:5060", false)), alive(s.phone("1002", "10.0.0.22:5060", false))
		g := s.group(presence.Group{Strategy: presence.Sequential, Ring: 10 * time.Second})
		p, direct := siptest.NewPeer(t, s.net, pbx, server), siptest.NewPeer(t, s.net, "10.0.0.9:5061", server)
		ring(p, sales, outside)
		offered := a.Expect(siptest.Method("INVITE"))
		a.Respond(offered, 180)
		ring(direct, called, outside)
		inv := a.Expect(siptest.Method("INVITE"))
		answers(a, inv)
		sendACK(direct, direct.Expect(siptest.Status(200)))
		a.Respond(offered, 486) // the phone is busy now
		answers(b, b.Expect(siptest.Method("INVITE")))
		sendACK(p, p.Expect(siptest.Status(200)))
		s.want("each has a call", "On a Call confirmed", "On a Call confirmed")
		if n := s.board.Tally(g.ID, s.agent("1001"), ""); n.Missed != 0 {
			t.Errorf("who was in another call has missed %d", n.Missed)
		}
	})
}
