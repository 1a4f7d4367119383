package proxy_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/presence/schedule"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// policy edits the domain's.
func (h *house) policy(edit func(*presence.Policy)) {
	h.t.Helper()
	synctest.Wait()
	d, _ := h.dir.Domain(h.domain)
	next := *d
	edit(&next.Policy)
	if err := h.dir.Apply(context.Background(), directory.Edit{Domains: []presence.Domain{next}}); err != nil {
		h.t.Fatal(err)
	}
	synctest.Wait()
}

func weekly(t *testing.T, line string) *schedule.Schedule {
	t.Helper()
	var w schedule.Weekly
	if err := w.UnmarshalText([]byte(line)); err != nil {
		t.Fatal(err)
	}
	return &schedule.Schedule{Week: []schedule.Weekly{w}}
}

// The tests' clock begins on a Saturday, at midnight.
func TestCallsOutsideOfWorkingHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		s.policy(func(p *presence.Policy) { p.Hours = weekly(t, "sat 08:00-12:00") })
		m := s.invite("10.0.0.9:5061", called, outside)
		if m.Status != 480 || m.Get(message.Reason) != `SIP;cause=480;text="Outside working hours until Sat 1 Jan 08:00"` {
			t.Errorf("%d, %q", m.Status, m.Get(message.Reason))
		}
		s.explained(m.CallID(), " = 480")

		out := siptest.NewPeer(t, s.net, trunk, server)
		s.policy(func(p *presence.Policy) { p.AfterHours = "0800" })
		night := siptest.NewPeer(t, s.net, pbx, server)
		ring(night, called, outside)
		if got := out.Expect(siptest.Method("INVITE")); !strings.HasPrefix(got.URI, "sip:0800@"+trunk) {
			t.Errorf("after hours the call goes to %s", got.URI)
		} else {
			answers(out, got)
			ok := night.Expect(siptest.Status(200))
			sendACK(night, ok)
			s.explained(ok.CallID(), "called 0, rings 180, answered 200 = 200")
		}

		// The agent's own hours come first, and a colleague may call at any time.
		s.do("1001", roster.SetHours{Hours: weekly(t, "daily 00:00-06:00")})
		ring(night, called, outside)
		inv := desk.Expect(siptest.Method("INVITE"))
		desk.Respond(inv, 486)
		time.Sleep(7 * time.Hour)
		other := s.phone("1002", "10.0.0.22:5060", true)
		desk = s.phone("1001", "10.0.0.23:5060", false)
		s.dials(other, "1002", "sip:1001@demo.test")
		desk.Respond(desk.Expect(siptest.Method("INVITE")), 486)
		if m := other.Expect(siptest.Final); m.Status != 486 {
			t.Errorf("a colleague is answered %d", m.Status)
		}
	})
}

func TestGroupOutsideOfItsHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		out := siptest.NewPeer(t, s.net, trunk, server)
		s.policy(func(p *presence.Policy) { p.Hours = weekly(t, "daily 00:00-24:00") })
		g := s.group(presence.Group{Hours: weekly(t, "sat 08:00-12:00"), Queue: presence.Queue{Size: 5, Wait: time.Minute}})
		m := s.invite("10.0.0.9:5061", sales, outside)
		if m.Status != 480 || !strings.Contains(m.Get(message.Reason), "Outside working hours until Sat 1 Jan 08:00") {
			t.Errorf("%d, %q", m.Status, m.Get(message.Reason))
		}
		synctest.Wait()
		if got, want := s.told(m.CallID()), `group 600 false "Outside working hours until Sat 1 Jan 08:00" = 480`; got != want {
			t.Errorf("the record says %s", got)
		}

		// A member who works longer is rung when the group is, and the other is not.
		s.do("1002", roster.SetHours{Hours: weekly(t, "sat 11:00-12:00")})
		time.Sleep(8 * time.Hour)
		a, b := s.phone("1001", "10.0.0.31:5060", false), s.phone("1002", "10.0.0.32:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, sales, outside)
		inv := a.Expect(siptest.Method("INVITE"))
		b.ExpectNone(siptest.Method("INVITE"), time.Second)
		answers(a, inv)
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "9 BYE"))
		a.Respond(a.Expect(siptest.Method("BYE")), 200)

		// After hours there is somewhere else to go.
		time.Sleep(4 * time.Hour)
		next := *g
		next.AfterHours = "0800"
		s.group(next)
		ring(p, sales, outside)
		if got := out.Expect(siptest.Method("INVITE")); !strings.HasPrefix(got.URI, "sip:0800@") {
			t.Errorf("after hours the call goes to %s", got.URI)
		} else {
			out.Respond(got, 486)
		}
	})
}

// Who takes no calls is none to offer the group's to, wherever the domain's own
// calls go instead.
func TestFallbackOfTheDomainFreesNoMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		a, b := s.phone("1001", "10.0.0.21:5060", false), s.phone("1002", "10.0.0.22:5060", false)
		out := siptest.NewPeer(t, s.net, trunk, server)
		s.policy(func(p *presence.Policy) { p.Fallback = "0800" })
		s.group(presence.Group{Strategy: presence.Sequential})
		s.do("1001", roster.Select{Status: presence.SelectDND})
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, sales, outside)
		inv := b.Expect(siptest.Method("INVITE"))
		out.ExpectNone(siptest.Method("INVITE"), time.Second)
		b.Respond(inv, 486)
		out.Respond(out.Expect(siptest.Method("INVITE")), 486)
		a.ExpectNone(siptest.Method("INVITE"), time.Second)
		m := p.Expect(siptest.Final)
		if got := s.told(m.CallID()); strings.Count(got, "agent ") != 1 {
			t.Errorf("the call was offered to who takes none:\n%s", got)
		}
	})
}
