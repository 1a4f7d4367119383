package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/push"
	"lamplight/sip/siptest"
)

// sleepy registers the mobile of 1001, which a push wakes; id is its binding.
func (s *switchboard) sleepy(addr string) (p *siptest.Peer, id string) {
	s.t.Helper()
	p = siptest.NewStreamPeer(s.t, s.net, addr, server)
	contact := "<sip:1001@" + addr + ";transport=tcp;pn-provider=fcm;pn-prid=token;pn-param=project>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\""
	m := p.DoAuth("1001-mobile", "pw", func() *message.Builder {
		return p.Request("REGISTER", "sip:demo.test", "sip:1001@demo.test", "sip:1001@demo.test").Add(message.Contact, contact).Add(message.Expires, "3600")
	})
	if m.Status != 200 {
		s.t.Fatalf("registered: %d", m.Status)
	}
	synctest.Wait()
	snap, _ := s.roster.Snapshot(s.agent("1001"))
	for _, d := range snap.Devices {
		if d.Kind == presence.KindMobile {
			id = d.ID
		}
	}
	return p, id
}

// A group's call wakes a member's mobile, for as long as it is offered to him and no
// longer, however long a push may take.
func TestGroupCallWakesAMobile(t *testing.T) {
	for name, wakes := range map[string]time.Duration{"in time": 3 * time.Second, "too late": 40 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				w := &waker{}
				s.proxy.SetWaker(w)
				s.mobile("1001")
				g := s.group(presence.Group{Strategy: presence.Sequential, Ring: 10 * time.Second})
				app, _ := s.sleepy("10.0.0.23:5060")
				app.Close() // asleep
				b := alive(s.phone("1002", "10.0.0.22:5060", false))
				synctest.Wait()
				p := siptest.NewPeer(t, s.net, pbx, server)
				ring(p, sales, outside)
				began := time.Now()
				if wakes < 10*time.Second {
					b.ExpectNone(siptest.Method("INVITE"), wakes)
					app, id := s.sleepy("10.0.0.23:5061")
					w.on(push.Event{Asked: id, Binding: id, Woken: true, After: wakes, Last: true})
					answers(app, app.Expect(siptest.Method("INVITE")))
					sendACK(p, p.Expect(siptest.Status(200)))
					s.want("the mobile answered", "On a Call confirmed", "Offline")
					return
				}
				inv := b.Expect(siptest.Method("INVITE"))
				if d := time.Since(began); d < 9*time.Second || d > 11*time.Second {
					t.Errorf("the next member is asked after %s", d)
				}
				answers(b, inv)
				sendACK(p, p.Expect(siptest.Status(200)))
				time.Sleep(time.Until(began.Add(wakes)))
				app, id := s.sleepy("10.0.0.23:5061")
				w.on(push.Event{Asked: id, Binding: id, Woken: true, After: wakes, Last: true})
				app.ExpectNone(siptest.Method("INVITE"), time.Second)
				if n := s.board.Tally(g.ID, s.agent("1001"), ""); n.Missed != 0 || n.Rest.IsZero() {
					t.Errorf("who was never rung: %+v", n)
				}
				if s.board.Reserved(s.agent("1001"), "", time.Now()) {
					t.Error("he is reserved still")
				}
			})
		})
	}
}
