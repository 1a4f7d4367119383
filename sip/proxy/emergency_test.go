package proxy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// However help is dialled and whatever the agent does: the call goes to the trunk.
func TestRule16_CallsForHelpGoToTheTrunk(t *testing.T) {
	talking := func(s *switchboard) {
		s.do("1001", roster.PutLeg{Leg: presence.Leg{Call: "c", ID: "l", Source: "publish:x", Direction: presence.Inbound, Kind: presence.CallRegular, State: presence.LegTalking, Since: time.Now()}})
	}
	for name, c := range map[string]struct {
		uri, want string
		before    func(*switchboard)
		headers   []message.Header
	}{
		"the number":            {uri: "sip:112@demo.test", want: "112"},
		"as a telephone number": {uri: "sip:110@demo.test;user=phone", want: "110"},
		"with its context":      {uri: "sip:112;phone-context=demo.test@demo.test;user=phone", want: "112"},
		"a telephone URI":       {uri: "tel:112", want: "112"},
		"a local telephone URI": {uri: "tel:1-1-0;phone-context=+49", want: "110"},
		"by its name":           {uri: "urn:service:sos", want: "112"},
		"by a service's name":   {uri: "urn:service:sos.ambulance", want: "112"},
		"from the own list":     {uri: "sip:0112@demo.test", want: "0112"},
		"while talking":         {uri: "sip:112@demo.test", want: "112", before: talking},
		"do not disturb":        {uri: "sip:112@demo.test", want: "112", before: func(s *switchboard) { s.do("1001", roster.Select{Status: presence.SelectDND}) }},
		"where calls redirect":  {uri: "sip:112@demo.test", want: "112", before: func(s *switchboard) { s.policy(func(p *presence.Policy) { p.RedirectDevices = true }) }},
		"with a strange demand": {uri: "sip:112@demo.test", want: "112", headers: []message.Header{{Name: "Proxy-Require", Value: "magic"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.policy(func(p *presence.Policy) {
					p.Country, p.Emergency, p.Consult = "DE", []string{"0112"}, presence.ConsultNone
				})
				a := s.phone("1001", "10.0.0.21:5060", false)
				out := siptest.NewPeer(t, s.net, trunk, server)
				if c.before != nil {
					c.before(s)
				}
				s.dials(a, "1001", c.uri, c.headers...)
				got := out.Expect(siptest.Method("INVITE"))
				if want := "sip:" + c.want + "@" + trunk + ";user=phone"; got.URI != want {
					t.Errorf("the trunk is asked for %s, want %s", got.URI, want)
				}
				answers(out, got)
				ok := a.Expect(siptest.Status(200))
				s.explained(ok.CallID(), "called 0, rings 180, answered 200 = 200")
				a.Send(a.InDialog("BYE", ok).Set(message.CSeq, "30 BYE"))
				out.Respond(out.Expect(siptest.Method("BYE")), 200)
			})
		})
	}
}

func TestWhatIsNoCallForHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.policy(func(p *presence.Policy) { p.Country = "DE" })
		a := s.phone("1001", "10.0.0.21:5060", false)
		s.do("1001", roster.Select{Status: presence.SelectDND})
		siptest.NewPeer(t, s.net, trunk, server)
		for uri, want := range map[string]int{"urn:service:counseling": 416, "http://112": 416} {
			if m := s.dials(a, "1001", uri); m.Status != want {
				t.Errorf("%s: %d, want %d", uri, m.Status, want)
			}
		}
		// A stranger and a peer are not taken to the trunk.
		if m := s.invite("10.0.0.77:5060", "sip:112@demo.test", "sip:x@y.test"); m.Status != 403 {
			t.Errorf("a stranger: %d", m.Status)
		}
		if m := s.invite("10.0.0.9:5061", "sip:112@demo.test", outside); m.Status != 404 {
			t.Errorf("a peer: %d", m.Status)
		}
		// A telephone URI is dialled as its number.
		s.do("1001", roster.Select{Status: presence.SelectAvailable})
		b := s.phone("1002", "10.0.0.22:5060", true)
		s.dials(a, "1001", "tel:10-02;phone-context=demo.test")
		if inv := b.Expect(siptest.Method("INVITE")); !strings.HasPrefix(inv.URI, "sip:1002@10.0.0.22") {
			t.Errorf("called as %s", inv.URI)
		} else {
			b.Respond(inv, 486)
		}
		a.Expect(siptest.Final)
	})
}
