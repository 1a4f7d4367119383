package proxy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/proxy/anchor"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/siptest"
)

// hangsUpLost has what is lost hung up, as the server does with what passes the gateway.
func (s *switchboard) hangsUpLost(seq, calleeSeq uint32) *int {
	n := new(int)
	s.lost = func(callee, caller calls.Dialog) {
		*n++
		s.proxy.HangUp(anchor.Lost{
			Caller: "<sip:from@demo.test>;tag=" + caller.ToTag, Callee: "<sip:to@demo.test>;tag=" + callee.ToTag, CallerSeq: seq, CalleeSeq: calleeSeq,
		}, callee, caller)
	}
	return n
}

// hungUp expects the BYE as the other side would have sent it.
func (d *dialog) hungUp(t *testing.T, cseq string) {
	t.Helper()
	m := d.takes("BYE", 200)
	local, remote := d.seen.FromTag(), d.seen.ToTag()
	if d.seen.IsRequest() {
		local, remote = remote, local
	}
	if m.Get(message.CSeq) != cseq || m.ToTag() != local || m.FromTag() != remote || !strings.HasSuffix(m.URI, strings.TrimPrefix(d.p.Contact("phone"), "sip:phone")) {
		t.Errorf("hung up by\n%s", m.Raw)
	}
}

// A call that lost its audio is over for both sides and for the lamps.
func TestALostCallIsHungUpBothWays(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, s *switchboard, caller, callee *dialog){
		"by its audio": func(_ *testing.T, s *switchboard, _, callee *dialog) {
			d := callee.name()
			s.track.Lose(message.DialogName{CallID: d.CallID, FromTag: d.FromTag, ToTag: "another"})
			synctest.Wait()
			s.want("another dialog", "On a Call confirmed", "On a Call confirmed")
			s.track.Lose(message.DialogName{CallID: callee.seen.CallID(), FromTag: callee.seen.FromTag(), ToTag: callee.seen.ToTag()})
		},
		"by a phone that knows it no more": func(t *testing.T, s *switchboard, caller, callee *dialog) {
			caller.send("INVITE")
			callee.takes("INVITE", 481)
			caller.gets(t, "INVITE", 481)
		},
		"by its age": func(_ *testing.T, s *switchboard, caller, callee *dialog) {
			caller.p.Timeout, callee.p.Timeout = 24*time.Hour, 24*time.Hour
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				n := s.hangsUpLost(103, 1)
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
				caller, callee := s.talk(b, s.agentCall(b, "1002", called), a)
				lose(t, s, caller, callee)
				caller.hungUp(t, "1 BYE")
				callee.hungUp(t, "103 BYE")
				if *n != 1 {
					t.Errorf("told %d times", *n)
				}
				if name != "by its age" { // there the registrations are over, too
					s.want("ended", "Offline", "Offline")
				}
			})
		})
	}
}

// What a BYE ended is not lost, and a doubt hangs nobody up.
func TestACallIsNotHungUpOnADoubt(t *testing.T) {
	for name, status := range map[string]int{"silence": 0, "its word": 481} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				n := s.hangsUpLost(2, 1)
				defer s.probes()()
				a := s.phone("1001", "10.0.0.21:5060", false)
				p := siptest.NewPeer(t, s.net, pbx, server)
				caller, callee := s.talk(p, s.outsideCall(p, called), a)
				callee.ends(t, caller)
				if *n != 0 {
					t.Error("a BYE is taken for a loss")
				}
				caller, callee = s.talk(p, s.outsideCall(p, called), a)
				a.Timeout = 20 * time.Minute
				m := callee.asked()
				if status == 0 {
					time.Sleep(time.Minute)
					synctest.Wait()
					if *n != 0 {
						t.Error("hung up")
					}
					return
				}
				a.Respond(m, status)
				caller.hungUp(t, "1 BYE")
				callee.hungUp(t, "2 BYE")
			})
		})
	}
}
