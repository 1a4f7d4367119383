package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
	"lamplight/sip/ua"
)

// pages is the webphone of agent 1001: a user agent at the end of a flow in memory.
type pages struct {
	s      *switchboard
	agent  presence.AgentID
	device presence.DeviceID
	phone  *ua.Phone
	away   bool

	mu    sync.Mutex
	heard []string
	calls []*ua.Call
}

const session = "session-1"

// latePages are the switchboard's once there are any.
type latePages struct{ s *switchboard }

func (l latePages) Reach(id string) (string, *transport.Flow, bool) {
	if l.s.pages == nil {
		return "", nil, false
	}
	return l.s.pages.Reach(id)
}

func (l latePages) Owner(f *transport.Flow) (presence.AgentID, presence.DeviceID, bool) {
	if l.s.pages == nil {
		return presence.AgentID{}, presence.DeviceID{}, false
	}
	return l.s.pages.Owner(f)
}

func (p *pages) Reach(id string) (string, *transport.Flow, bool) {
	return p.phone.Contact(), p.phone.Flow(), id == session && !p.away
}

func (p *pages) Owner(f *transport.Flow) (presence.AgentID, presence.DeviceID, bool) {
	return p.agent, p.device, f == p.phone.Flow()
}

func (p *pages) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, fmt.Sprintf(format, args...))
}

func (p *pages) said() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := strings.Join(p.heard, ", ")
	p.heard = nil
	return s
}

func (p *pages) Progress(status int, _ []byte) { p.note("%d", status) }
func (p *pages) Answered([]byte)               { p.note("answered") }
func (p *pages) Acknowledged([]byte)           {}
func (p *pages) Offered(o *ua.Offer)           { p.note("offered"); o.Answer(o.SDP) }
func (p *pages) Referred(r *ua.Referral)       { r.Refuse(603) }
func (p *pages) Transferred(status int)        { p.note("transferred %d", status) }
func (p *pages) Ended(e ua.End)                { p.note("ended %d elsewhere=%t", e.Status, e.Elsewhere) }

// last is the newest call that came.
func (p *pages) last() *ua.Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[len(p.calls)-1]
}

// webphone logs agent 1001's page in.
func (s *switchboard) webphone() *pages {
	s.t.Helper()
	p := &pages{s: s, agent: s.agent("1001"), device: presence.DeviceID{ID: presence.NewID()}}
	err := s.dir.Apply(context.Background(), directory.Edit{
		Devices:     []presence.Device{{ID: p.device, Domain: s.domain, Kind: presence.KindWebphone, Name: "page"}},
		Assignments: []presence.Assignment{{Device: p.device, Agent: p.agent, From: time.Now().Add(-time.Hour)}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	stack := ua.New(ua.Options{})
	s.t.Cleanup(func() { stack.Close() })
	p.phone, err = stack.Phone(s.transport, ua.PhoneOptions{Address: "sip:1001@demo.test", Incoming: func(c *ua.Call) ua.Handler {
		p.note("incoming")
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calls = append(p.calls, c)
		return p
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.pages = p
	done := make(chan error, 1)
	s.roster.Apply(p.agent, roster.Change{Cause: presence.CauseLogin, Ops: []roster.Op{roster.PutSession{Session: presence.Session{
		ID: session, Device: p.device, Client: "web", State: presence.SessionAlive, Mic: presence.MicGranted, MicProven: true, Since: time.Now(),
	}}}}, func(_ *presence.Snapshot, err error) { done <- err })
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	return p
}

// The page and the desk phone ring at once; the page answers, the desk phone has
// missed nothing, and the agent is on a call until somebody hangs up.
func TestACallRingsPageAndDeskPhoneAtOnce(t *testing.T) {
	for _, byPage := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newSwitchboard(t)
			desk := s.phone("1001", "10.0.1.1:5060", false)
			pbx := siptest.NewPeer(t, s.net, "10.0.0.9:5060", server)
			p := s.webphone()
			ring(pbx, "sip:1001@demo.test", "sip:+49301@pbx.test")
			inv := desk.Expect(siptest.Method("INVITE"))
			check(t, "at the page", p.said(), "incoming")
			desk.Respond(inv, 180)
			p.last().Ring()
			if !byPage {
				answers(desk, inv)
				sendACK(pbx, pbx.Expect(siptest.Status(200)))
				check(t, "answered at the desk", p.said(), "ended 487 elsewhere=true")
				return
			}
			if err := p.last().Answer([]byte("v=0\r\n")); err != nil {
				t.Fatal(err)
			}
			cancel := desk.Expect(siptest.Method("CANCEL"))
			if !strings.Contains(cancel.Get(message.Reason), "cause=200") {
				t.Errorf("the desk phone shows a missed call: %q", cancel.Get(message.Reason))
			}
			desk.Respond(cancel, 200)
			desk.Respond(inv, 487)
			ok := pbx.Expect(siptest.Status(200))
			sendACK(pbx, ok)
			s.want("answered in the page", "On a Call confirmed")
			p.last().End(200)
			pbx.Respond(pbx.Expect(siptest.Method("BYE")), 200)
			synctest.Wait()
			if got := s.status("1001"); strings.HasPrefix(got, "On a Call") {
				t.Errorf("hung up: %s", got)
			}
		})
	}
}

// A page that turns out dead is passed over in less than a second, and the caller hears of
// nothing.
func TestADeadPageFallsToWhatIsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		pbx := siptest.NewPeer(t, s.net, "10.0.0.9:5060", server)
		s.fallsBack("1001", "sip:+49309@"+trunk)
		next := siptest.NewPeer(t, s.net, trunk, server)
		p := s.webphone()
		p.said()
		for _, how := range []string{"does not ring", "is away", "flow ends"} {
			p.away = how == "is away"
			if how == "flow ends" {
				p.phone.Close()
			}
			began := time.Now()
			ring(pbx, "sip:1001@demo.test", "sip:+49301@pbx.test")
			if how == "does not ring" {
				synctest.Wait()
				time.Sleep(700 * time.Millisecond)
				p.last().Reject(480, "")
			}
			inv := next.Expect(siptest.Method("INVITE"))
			if took := time.Since(began); took > 750*time.Millisecond {
				t.Errorf("%s: the next rings after %v", how, took)
			}
			pbx.ExpectNone(siptest.Final, time.Second)
			answers(next, inv)
			sendACK(pbx, pbx.Expect(siptest.Status(200)))
			next.Expect(siptest.Method("ACK"))
		}
	})
}

// A campaign call rings the page alone.
func TestACampaignCallRingsThePageOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.1.1:5060", false)
		pbx := siptest.NewPeer(t, s.net, "10.0.0.9:5060", server)
		p := s.webphone()
		ring(pbx, "sip:1001@demo.test", "sip:+49301@pbx.test", message.Header{Name: message.CallKind, Value: "campaign"})
		check(t, "at the page", p.said(), "incoming")
		desk.ExpectNone(siptest.Method("INVITE"), time.Second)
	})
}

// The page calls without a credential, by the rules for an agent's device.
func TestThePageCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1002", "10.0.1.2:5060", false)
		p := s.webphone()
		p.said()
		call := func(to string) *ua.Call {
			c, err := p.phone.Call(ua.Dial{To: to, SDP: []byte("v=0\r\n")}, p)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := call("sip:1002@demo.test")
		inv := desk.Expect(siptest.Method("INVITE"))
		answers(desk, inv)
		ack := desk.Expect(siptest.Method("ACK"))
		check(t, "answered", p.said(), "180, answered")
		s.want("in a call", "On a Call confirmed", "On a Call confirmed")
		c.Offer([]byte("v=0\r\n"), func(_ []byte, status int) { p.note("offer %d", status) })
		re := desk.Expect(siptest.Method("INVITE"))
		desk.Respond(re, 200, message.Header{Name: message.Contact, Value: "<" + desk.Contact("phone") + ">"})
		desk.Expect(siptest.Method("ACK"))
		check(t, "changed", p.said(), "offer 200")
		desk.Send(desk.InDialog("BYE", siptest.WithToTag(inv, ack.Get(message.To))))
		desk.Expect(siptest.Status(200))
		check(t, "hung up there", p.said(), "ended 200 elsewhere=false")
		call("sip:1009@other.test")
		if got := p.said(); !strings.HasPrefix(got, "ended 403") {
			t.Errorf("another domain: %s", got)
		}
	})
}

// Nobody else's flow gets a page's rights, and a page has those of its agent only.
func TestAFlowOfNoPageHasToSayWhoItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		p := s.webphone()
		stack := ua.New(ua.Options{})
		defer stack.Close()
		stray, err := stack.Phone(s.transport, ua.PhoneOptions{Address: "sip:1001@demo.test", Incoming: func(*ua.Call) ua.Handler { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stray.Call(ua.Dial{To: "sip:1002@demo.test", SDP: []byte("v=0\r\n")}, p); err != nil {
			t.Fatal(err)
		}
		if got := p.said(); !strings.HasPrefix(got, "ended 401") {
			t.Errorf("a stray flow: %s", got)
		}
	})
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
