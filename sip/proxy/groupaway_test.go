package proxy_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/siptest"
)

// A member's number that is redirected by the trunk has not taken the group's call:
// the next member is asked, and a caller who waits waits on.
func TestRedirectedMemberDoesNotEndTheGroupsCall(t *testing.T) {
	for name, queue := range map[string]presence.Queue{"no queue": {}, "a queue": {Size: 5, Wait: 20 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, hops := newTrunkBoard(t, "UDP")
				s.proxy.SetPeers(peers.Table{{Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}, Mode: peers.ModeProxy, Domains: []string{"demo.test"}}})
				b := s.phone("1002", "10.0.0.22:5060", false)
				s.do("1001", roster.SetOptions{Options: presence.Options{Numbers: []presence.Number{
					{ID: presence.DeviceID{ID: presence.NewID()}, Number: "+49301234", Enabled: true, Group: true},
				}}})
				s.group(presence.Group{Strategy: presence.Sequential, Queue: queue})
				p := siptest.NewPeer(t, s.net, pbx, server)
				p.Timeout = time.Minute
				if queue.Size > 0 {
					s.do("1001", roster.Select{Status: presence.SelectDND})
					s.talks("1002")
					s.waits(p, 1)
					s.do("1001", roster.Select{Status: presence.SelectAvailable})
				} else {
					ring(p, sales, outside)
				}
				hops[0].Respond(hops[0].Expect(siptest.Method("INVITE")), 302, message.Header{Name: message.Contact, Value: "<sip:away@10.0.0.50:5070>"})
				if queue.Size == 0 {
					answers(b, b.Expect(siptest.Method("INVITE")))
					sendACK(p, p.Expect(siptest.Status(200)))
					return
				}
				if m := p.Expect(siptest.Final); m.Status != 480 {
					t.Errorf("%d", m.Status)
				}
			})
		})
	}
}

// Who calls a group that he is in does not wait for himself.
func TestMemberWhoCallsHisGroupDoesNotWaitForHimself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", false)
		s.group(presence.Group{Members: []presence.Member{{Agent: s.agent("1001")}}, Queue: presence.Queue{Size: 5}})
		s.dials(a, "1001", sales)
		if m := a.Expect(siptest.Final); m.Status != 480 {
			t.Errorf("answered %d", m.Status)
		}
	})
}

// All members who are rung at once share what the caller lets be open at once (RFC
// 5393 §5): the first ones do not take it from the others.
func TestMembersShareTheBreadth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		s.group(presence.Group{})
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, sales, outside, message.Header{Name: "Max-Breadth", Value: "2"})
		a.Respond(a.Expect(siptest.Method("INVITE")), 180)
		answers(b, b.Expect(siptest.Method("INVITE")))
		sendACK(p, p.Expect(siptest.Status(200)))
	})
}
