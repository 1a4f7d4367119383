package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/sip/siptest"
)

// teamed gives both agents a team, and the domain the codes of pickups.
func (s *switchboard) teamed(edit func(*presence.Policy)) {
	s.t.Helper()
	dom, _ := s.dir.Domain(s.domain)
	next := *dom
	next.Policy.Codes.List = []presence.FeatureCode{{Code: "**", Does: presence.FeaturePickup}, {Code: "*8", Does: presence.FeatureGroupPickup}}
	if edit != nil {
		edit(&next.Policy)
	}
	e := directory.Edit{Domains: []presence.Domain{next}}
	for _, number := range []string{"1001", "1002"} {
		a, _ := s.dir.Agent(s.agent(number))
		mate := *a
		mate.Teams = []string{"Sales"}
		e.Agents = append(e.Agents, mate)
	}
	synctest.Wait()
	if err := s.dir.Apply(context.Background(), e); err != nil {
		s.t.Fatal(err)
	}
}

// lamp is the Replaces header that a phone makes of a lamp's dialog.
func (s *switchboard) lamp(number string) message.Header {
	s.t.Helper()
	synctest.Wait()
	snap, _ := s.roster.Snapshot(s.agent(number))
	if len(snap.Watch.Dialogs) != 1 {
		s.t.Fatalf("the lamp of %s has %d dialogs", number, len(snap.Watch.Dialogs))
	}
	d := snap.Watch.Dialogs[0]
	return message.Header{Name: message.Replaces, Value: fmt.Sprint(d.CallID, ";to-tag=", d.RemoteTag, ";from-tag=", d.LocalTag, ";early-only")}
}

// takenBack expects the CANCEL that leaves no missed call.
func takenBack(t *testing.T, phone *siptest.Peer, inv *message.Message) {
	t.Helper()
	cancel := phone.Expect(siptest.Method("CANCEL"))
	if why := cancel.Get(message.Reason); !strings.Contains(why, `cause=200;text="Call completed elsewhere"`) {
		t.Errorf("taken back with reason %q", why)
	}
	phone.Respond(cancel, 200)
	phone.Respond(inv, 487)
	phone.Expect(siptest.Method("ACK"))
}

// codeCall takes the call without media that a code is answered by, to its end.
func codeCall(t *testing.T, p *siptest.Peer) {
	t.Helper()
	ok := p.Expect(siptest.Final)
	if ok.Status != 200 {
		t.Fatalf("answered %d\n%s", ok.Status, ok.Raw)
	}
	sendACK(p, ok)
	p.Respond(p.Expect(siptest.Method("BYE")), 200)
}

// TestPickupOfATrunksCall: the trunk knows nothing of Replaces, so the picker's
// phone is rung, and picks up by itself.
func TestPickupOfATrunksCall(t *testing.T) {
	for name, dial := range map[string]func(*switchboard, *siptest.Peer){
		"by code":  func(s *switchboard, b *siptest.Peer) { s.dials(b, "1002", "sip:**1001@demo.test") },
		"by group": func(s *switchboard, b *siptest.Peer) { s.dials(b, "1002", "sip:*8@demo.test") },
		"by lamp": func(s *switchboard, b *siptest.Peer) {
			s.dials(b, "1002", "sip:1001@demo.test", s.lamp("1001"))
		},
		"by lamp, to who calls": func(s *switchboard, b *siptest.Peer) {
			s.dials(b, "1002", "sip:+4930123@demo.test", s.lamp("1001"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.teamed(nil)
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, called, outside, message.Header{Name: message.CallKind, Value: "campaign"}, message.Header{Name: message.Supported, Value: "replaces"})
				p.ExpectNone(siptest.Method("INVITE"), time.Second) // a campaign call rings no desk phone
				ring(p, called, outside, message.Header{Name: message.CallKind, Value: "regular"}, message.Header{Name: message.Supported, Value: "replaces"})
				inv := a.Expect(siptest.Method("INVITE"))
				a.Respond(inv, 180)
				s.want("ringing", "Offline early", "Offline")
				dial(s, b)
				codeCall(t, b)
				got := b.Expect(siptest.Method("INVITE"))
				if got.CallID() != inv.CallID() || got.Get("Call-Info") != "<sip:demo.test>;answer-after=0" || !strings.Contains(got.Get("Alert-Info"), "info=alert-autoanswer") {
					t.Errorf("the picker is sent\n%s", got.Raw)
				}
				answers(b, got)
				takenBack(t, a, inv)
				ok := p.Expect(siptest.Status(200))
				sendACK(p, ok)
				b.Expect(siptest.Method("ACK"))
				s.want("picked up", "Offline", "On a Call confirmed")
				s.explained(inv.CallID(), "called 0, rings 180, picked up by 1002 0, called 0, rings 180, answered 200, not needed any more 0 = 200")
				p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
				b.Respond(b.Expect(siptest.Method("BYE")), 200)
				s.want("ended", "Offline", "Offline")
			})
		})
	}
}

// TestPickupOfAColleaguesCall: the calling phone says that it knows Replaces, so
// the two phones talk at once.
func TestPickupOfAColleaguesCall(t *testing.T) {
	for name, byLamp := range map[string]bool{"by code": false, "by lamp": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.teamed(nil)
				s.colleague("1003")
				a, b, c := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true), s.phone("1003", "10.0.0.23:5060", false)
				first := s.dials(c, "1003", "sip:1001@demo.test", message.Header{Name: message.Supported, Value: "timer, Replaces"})
				inv := a.Expect(siptest.Method("INVITE"))
				a.Respond(inv, 180)
				c.Expect(siptest.Status(180))
				synctest.Wait()
				if byLamp {
					s.dials(b, "1002", "sip:1003@demo.test", s.lamp("1001"))
				} else {
					s.dials(b, "1002", "sip:**1001@demo.test")
				}
				got := c.Expect(siptest.Method("INVITE"))
				name, ok := got.Replaces()
				if !ok || name.CallID != first.CallID() || name.ToTag != first.FromTag() || name.FromTag == "" || !name.EarlyOnly ||
					len(got.Values(message.Replaces)) != 1 || got.Get(message.Require) != "replaces" || got.URI != c.Contact("caller") {
					t.Errorf("the caller is sent\n%s", got.Raw)
				}
				c.Respond(got, 200, message.Header{Name: message.Contact, Value: "<" + c.Contact("caller") + ">"})
				c.SendRaw([]byte(strings.Replace(strings.Replace(string(first.Raw), "INVITE sip", "CANCEL sip", 1), " INVITE\r\n", " CANCEL\r\n", 1)))
				talk := b.Expect(siptest.Status(200))
				sendACK(b, talk)
				c.Expect(siptest.Method("ACK"))
				takenBack(t, a, inv)
				s.want("picked up", "Offline", "On a Call confirmed")
				if got := s.status("1003"); got != "On a Call confirmed" {
					t.Errorf("the caller is %s", got)
				}
				if r := s.remote("1002"); r != "sip:1003@demo.test" {
					t.Errorf("the picker's lamp shows %s", r)
				}
				s.explained(first.CallID(), "called 0, rings 180, picked up by 1002 0, not needed any more 0 = 487")
				s.explained(talk.CallID(), "called 0, answered 200 = 200")
				b.Send(b.InDialog("BYE", talk).Set(message.CSeq, "9 BYE"))
				c.Respond(c.Expect(siptest.Method("BYE")), 200)
				s.want("ended", "Offline", "Offline")
			})
		})
	}
}

// TestPickupWhereTheCallerDoesNotReplace, though it says that it knows how.
func TestPickupWhereTheCallerDoesNotReplace(t *testing.T) {
	for name, tc := range map[string]struct {
		agent  string // its User-Agent
		does   func(*siptest.Peer, *message.Message)
		status int // what the picker is answered
	}{
		"it refuses":         {"x", func(c *siptest.Peer, inv *message.Message) { c.Respond(inv, 481) }, 481},
		"it rings":           {"x", func(c *siptest.Peer, inv *message.Message) { c.Respond(inv, 180) }, 480},
		"it only tries":      {"x", func(c *siptest.Peer, inv *message.Message) { c.Respond(inv, 100) }, 408},
		"it is known for it": {"Linphone-Desktop/5.1.65", nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.proxy.SetPhones(quirks.Shipped())
				s.teamed(nil)
				s.colleague("1003")
				a, b, c := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true), s.phone("1003", "10.0.0.23:5060", false)
				s.dials(c, "1003", "sip:1001@demo.test", message.Header{Name: message.Supported, Value: "replaces"}, message.Header{Name: message.UserAgent, Value: tc.agent})
				inv := a.Expect(siptest.Method("INVITE"))
				a.Respond(inv, 180)
				c.Expect(siptest.Status(180))
				synctest.Wait()
				s.dials(b, "1002", "sip:**1001@demo.test")
				if tc.does == nil {
					codeCall(t, b)
				} else {
					tc.does(c, c.Expect(siptest.Method("INVITE")))
					if m := b.Expect(siptest.Final); m.Status != tc.status {
						t.Errorf("the picker is answered %d, want %d", m.Status, tc.status)
					}
					if tc.status != 481 {
						if why := c.Expect(siptest.Method("CANCEL")).Get(message.Reason); tc.status == 480 && !strings.Contains(why, "cause=200") {
							t.Errorf("the caller's phone shows a missed call: %q", why)
						}
					}
				}
				answers(b, b.Expect(siptest.Method("INVITE")))
				takenBack(t, a, inv)
				c.Expect(siptest.Status(200))
				s.want("picked up", "Offline", "On a Call confirmed")
			})
		})
	}
}

func TestPickupIsRefused(t *testing.T) {
	lone := func(s *switchboard) {
		a, _ := s.dir.Agent(s.agent("1002"))
		next := *a
		next.Teams = nil
		synctest.Wait()
		if err := s.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{next}}); err != nil {
			s.t.Fatal(err)
		}
	}
	unknown := message.Header{Name: message.Replaces, Value: "x;to-tag=1;from-tag=2"}
	for name, tc := range map[string]struct {
		before  func(*switchboard)
		policy  func(*presence.Policy)
		uri     string
		headers []message.Header
		ring    bool
		status  int
		why     string
	}{
		"nothing rings":         {uri: "sip:**1001@demo.test", status: 480, why: "No call rings at 1001"},
		"nothing in the team":   {uri: "sip:*8@demo.test", status: 480, why: "No call rings in your teams"},
		"no such agent":         {uri: "sip:**1999@demo.test", status: 404, why: "There is no such agent"},
		"another team":          {before: lone, uri: "sip:**1001@demo.test", ring: true, status: 403, why: "You may not take calls of 1001"},
		"no team":               {before: lone, uri: "sip:*8@demo.test", ring: true, status: 480, why: "No call rings in your teams"},
		"policy":                {policy: func(p *presence.Policy) { p.Pickup = presence.PickupNone }, uri: "sip:**1001@demo.test", ring: true, status: 403, why: "You may not"},
		"an unknown dialog":     {uri: "sip:+4930123@demo.test", headers: []message.Header{unknown}, ring: true, status: 481},
		"two dialogs":           {uri: "sip:1001@demo.test", headers: []message.Header{unknown, unknown}, status: 400},
		"an unreadable Replace": {uri: "sip:1001@demo.test", headers: []message.Header{{Name: message.Replaces, Value: "x"}}, status: 400},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.teamed(tc.policy)
				if tc.before != nil {
					tc.before(s)
				}
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
				if tc.ring {
					p := siptest.NewPeer(t, s.net, pbx, server)
					ring(p, called, outside)
					a.Respond(a.Expect(siptest.Method("INVITE")), 180)
					synctest.Wait()
				}
				s.dials(b, "1002", tc.uri, tc.headers...)
				m := b.Expect(siptest.Final)
				if m.Status != tc.status || !strings.Contains(m.Get(message.Reason), tc.why) {
					t.Errorf("%d, %q", m.Status, m.Get(message.Reason))
				}
				a.ExpectNone(siptest.Method("CANCEL"), time.Second)
			})
		})
	}
}

// TestWhoPicksUpAndDoesNotAnswer leaves the call where it rings.
func TestWhoPicksUpAndDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.teamed(nil)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside)
		inv := a.Expect(siptest.Method("INVITE"))
		a.Respond(inv, 180)
		synctest.Wait()
		s.dials(b, "1002", "sip:**1001@demo.test")
		codeCall(t, b)
		late := b.Expect(siptest.Method("INVITE"))
		b.Respond(late, 180)
		s.want("both ring", "Offline early", "Offline early")
		b.Respond(late, 486)
		s.want("one rings", "Offline early", "Offline")
		s.dials(b, "1002", "sip:*8@demo.test") // again
		codeCall(t, b)
		b.Respond(b.Expect(siptest.Method("INVITE")), 180)
		synctest.Wait()
		answers(a, inv)
		p.Expect(siptest.Status(200))
		b.Expect(siptest.Method("CANCEL"))
		s.want("answered where it rang", "On a Call confirmed", "Offline")
	})
}

// TestMembersOfARingGroupPickUp each other's calls, as those of a team do.
func TestMembersOfARingGroupPickUp(t *testing.T) {
	for name, uri := range map[string]string{"by code": "sip:**1001@demo.test", "by group": "sip:*8@demo.test"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.teamed(nil)
				s.colleague("1003")
				g := presence.Group{ID: presence.GroupID{ID: presence.NewID()}, Domain: s.domain, Number: "700", Name: "Desk",
					Members: []presence.Member{{Agent: s.agent("1001")}, {Agent: s.agent("1003")}}}
				synctest.Wait()
				if err := s.dir.Apply(context.Background(), directory.Edit{Groups: []presence.Group{g}}); err != nil {
					t.Fatal(err)
				}
				a, c := s.phone("1001", "10.0.0.21:5060", false), s.phone("1003", "10.0.0.23:5060", false)
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, called, outside)
				a.Respond(a.Expect(siptest.Method("INVITE")), 180)
				p.Expect(siptest.Status(180))
				synctest.Wait()
				s.dials(c, "1003", uri)
				codeCall(t, c)
				answers(c, c.Expect(siptest.Method("INVITE")))
				p.Expect(siptest.Status(200))
				if got := s.status("1003"); got != "On a Call confirmed" {
					t.Errorf("the picker is %s", got)
				}
			})
		})
	}
}

// TestTheLongestRingingCallIsTaken by the code of a team.
func TestTheLongestRingingCallIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.teamed(nil)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		var first *message.Message
		for i := range 3 {
			ring(p, called, outside)
			inv := a.Expect(siptest.Method("INVITE"))
			if a.Respond(inv, 180); i == 1 {
				first = inv
			}
			if time.Sleep(time.Second); i == 0 {
				a.Respond(inv, 486) // this one has ended
			}
		}
		s.dials(b, "1002", "sip:*8@demo.test")
		codeCall(t, b)
		if got := b.Expect(siptest.Method("INVITE")); got.CallID() != first.CallID() {
			t.Error("another call is taken")
		}
	})
}

// remote is who the agent's lamp shows.
func (s *switchboard) remote(number string) string {
	s.t.Helper()
	synctest.Wait()
	snap, _ := s.roster.Snapshot(s.agent(number))
	if len(snap.Watch.Dialogs) == 0 {
		return ""
	}
	return snap.Watch.Dialogs[0].Remote
}

// colleague makes an agent.
func (s *switchboard) colleague(number string) {
	s.t.Helper()
	a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: s.domain, Number: number, AORs: []string{number + "@demo.test"}}
	a.Settings.Options = presence.Options{Webphone: true, SIPPhone: true, Mobile: true}
	d := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: s.domain, Kind: presence.KindDesk, Name: number}
	ha1, err := digest.HA1(digest.MD5, number, "demo.test", "pw")
	synctest.Wait()
	if err == nil {
		err = s.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{a}, Devices: []presence.Device{d},
			Credentials: []presence.Credential{{Domain: s.domain, Device: d.ID, Username: number, HA1: presence.HA1{MD5: ha1}}},
			Assignments: []presence.Assignment{{Device: d.ID, Agent: a.ID, From: time.Now().Add(-time.Hour)}}})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
