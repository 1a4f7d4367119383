package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/siptest"
)

func (h *house) deviceOf(user string) presence.DeviceID {
	h.t.Helper()
	c, ok := h.dir.Credential(h.domain, user)
	if !ok {
		h.t.Fatalf("no user %s", user)
	}
	return c.Device
}

// app registers an agent's mobile.
func (s *switchboard) app(number, addr string) *siptest.Peer {
	s.t.Helper()
	s.mobile(number)
	p := siptest.NewPeer(s.t, s.net, addr, server)
	if m := p.Register("sip:"+number+"@demo.test", number+"-mobile", "pw", 600); m.Status != 200 {
		s.t.Fatalf("the mobile registers: %d", m.Status)
	}
	return p
}

func TestDevicesRingOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		app := s.app("1001", "10.0.0.23:5060")
		app.Timeout, desk.Timeout = time.Minute, time.Minute
		s.do("1001", roster.SetRinging{Ringing: presence.Ringing{InOrder: true, Devices: []presence.DeviceRing{
			{Device: s.deviceOf("1001"), Ring: 15 * time.Second}, {Device: s.deviceOf("1001-mobile"), Ring: 10 * time.Second},
		}}})
		p := siptest.NewPeer(t, s.net, pbx, server)
		p.Timeout = time.Minute
		began := time.Now()
		at := func(what string, want time.Duration) {
			t.Helper()
			if got := time.Since(began); got < want || got > want+500*time.Millisecond {
				t.Errorf("%s after %v, want %v", what, got, want)
			}
		}
		ring(p, called, outside)
		first := desk.Expect(siptest.Method("INVITE"))
		desk.Respond(first, 180)
		at("the desk phone rings", 0)
		second := app.Expect(siptest.Method("INVITE"))
		app.Respond(second, 180)
		at("the mobile rings", 15*time.Second)
		desk.Expect(siptest.Method("CANCEL"))
		m := p.Expect(siptest.Final)
		at("the call ends", 25*time.Second)
		app.Expect(siptest.Method("CANCEL"))
		if m.Status != 408 {
			t.Errorf("the caller is answered %d", m.Status)
		}
	})
}

func TestNextDeviceRingsAtOnceWhereTheOneBeforeRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		app := s.app("1001", "10.0.0.23:5060")
		s.do("1001", roster.SetRinging{Ringing: presence.Ringing{Devices: []presence.DeviceRing{{Device: s.deviceOf("1001-mobile"), After: 30 * time.Second}}}})
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside)
		inv := desk.Expect(siptest.Method("INVITE"))
		time.Sleep(time.Second)
		began := time.Now()
		desk.Respond(inv, 486)
		answers(app, app.Expect(siptest.Method("INVITE")))
		if time.Since(began) > time.Second {
			t.Errorf("the mobile rang after %v", time.Since(began))
		}
		sendACK(p, p.Expect(siptest.Status(200)))
		s.want("talking", "On a Call confirmed")
	})
}
