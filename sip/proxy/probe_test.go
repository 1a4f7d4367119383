package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/siptest"
)

// probes asks about calls as the server does.
func (s *switchboard) probes() (stop func()) {
	s.t.Helper()
	p, err := calls.Probe(calls.ProberOptions{Tracker: s.track, Way: s.proxy.EndOf, Send: s.tx.Send})
	if err != nil {
		s.t.Fatal(err)
	}
	return p.Close
}

// asked is the question about this dialog; the registrar asks others.
func (d *dialog) asked() *message.Message {
	return d.p.Expect(func(m *message.Message) bool { return m.Method == "OPTIONS" && m.CallID() == d.seen.CallID() })
}

// TestCallsAreAskedAboutAfterARestart: what ended meanwhile ends, what goes on goes
// on, and its BYE still bears a number that its phones take.
func TestCallsAreAskedAboutAfterARestart(t *testing.T) {
	for name, tc := range map[string]struct {
		caller, callee int // what the phones of 1002 and 1001 answer; 0: nothing
		want           [2]string
	}{
		"both talk on":               {500, 500, [2]string{"On a Call confirmed", "On a Call confirmed"}},
		"who answers any OPTIONS":    {200, 405, [2]string{"On a Call confirmed", "On a Call confirmed"}},
		"the callee has hung up":     {500, 481, [2]string{"Offline", "On a Call confirmed"}},
		"the caller has hung up":     {404, 500, [2]string{"On a Call confirmed", "Offline"}},
		"both have":                  {481, 481, [2]string{"Offline", "Offline"}},
		"one phone is there no more": {500, 0, [2]string{"Offline", "On a Call confirmed"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
				near, far := s.talk(b, s.agentCall(b, "1002", called), a)
				s.restart()
				defer s.probes()()
				s.want("after the restart", "On a Call confirmed", "On a Call confirmed")
				for d, status := range map[*dialog]int{near: tc.caller, far: tc.callee} {
					m := d.asked()
					local, remote := d.seen.FromTag(), d.seen.ToTag()
					if d == far {
						local, remote = remote, local
					}
					if m.Get(message.CSeq) != "0 OPTIONS" || m.CallID() != d.seen.CallID() || m.ToTag() != local || m.FromTag() != remote || m.URI[:4] != "sip:" {
						t.Errorf("asked by\n%s", m.Raw)
					}
					if status > 0 {
						d.p.Respond(m, status)
					}
				}
				time.Sleep(35 * time.Second)
				s.want("asked", tc.want[0], tc.want[1])
				near.ends(t, far)
				s.want("ended", "Offline", "Offline")
				s.restart()
				s.want("ended for good", "Offline", "Offline")
			})
		})
	}
}

// TestPhoneThatIsNotBackYetIsAskedAgain: its stream ended with the server.
func TestPhoneThatIsNotBackYetIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a := s.phone("1001", "10.0.0.21:5060", true)
		p := siptest.NewPeer(t, s.net, pbx, server)
		_, near := s.talk(p, s.outsideCall(p, called), a)
		s.restart()
		defer s.probes()()
		time.Sleep(2 * time.Minute)
		s.want("not back", "On a Call confirmed")
		again := s.phone("1001", "10.0.0.21:5061", true)
		again.Timeout = 10 * time.Minute
		near.p = again
		again.Respond(near.asked(), 481)
		s.want("back, without the call", "Offline")
	})
}

// TestLostByeOfALongCallIsFound without a restart, and one with a session timer is
// left to that.
func TestLostByeOfALongCallIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		defer s.probes()()
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		_, near := s.talk(p, s.outsideCall(p, called), a)
		sent := ring(p, "sip:1002@demo.test", outside)
		inv := b.Expect(siptest.Method("INVITE"))
		b.Respond(inv, 200, message.Header{Name: message.Contact, Value: "<" + b.Contact("phone") + ">"}, message.Header{Name: message.SessionExpires, Value: "1800;refresher=uac"})
		p.Expect(func(m *message.Message) bool { return m.Status == 200 && m.CallID() == sent.CallID() })
		a.Timeout = 20 * time.Minute
		for range 3 {
			a.Respond(near.asked(), 500)
			b.ExpectNone(func(m *message.Message) bool { return m.Method == "OPTIONS" && m.CallID() == sent.CallID() }, time.Second)
			s.want("talking", "On a Call confirmed", s.status("1002"))
		}
		a.Respond(near.asked(), 481)
		s.want("its end was lost", "Offline", "Offline") // the session timer's time is over too
	})
}
