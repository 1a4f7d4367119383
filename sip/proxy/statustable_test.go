package proxy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/presence/routing"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/ua"
)

// row is a status and what must come of calls in it. regular names the devices that
// ring, or the code and reason of the refusal; campaign the same. The rest are the
// agent's own calls to a number outside: yes, or the reason of the refusal.
type row struct {
	status, is, own   string // its name here, as the team sees it, as the agent does
	set               func(s *statusBench)
	regular, campaign string
	webphone          string
	desk, soft        string // soft is what a SIP client in a browser is (RFC 7118)
	mobile            string
	colleague         string // from the desk phone to a colleague instead
}

const (
	everything  = "webphone desk soft mobile"
	phones      = "desk soft mobile"
	webphone    = "webphone"
	yes         = "yes"
	noWebphone  = "The webphone is not online"
	noPage      = "The device is not registered"
	noCampaign  = "480 No webphone for a campaign call"
	onACall     = "On a Call"
	consultOnly = "On a Call: only colleagues can be consulted"
	wrapUp      = "Wrap Up"
	optionsOff  = "Outbound Calls Only"
	dnd         = "Do Not Disturb"
	allowsNone  = "Break allows no outbound calls"
	busy        = "486 On a Call"
	unavailable = "480 "
)

// statusTable is the table of presence/RULES.md, with real calls.
var statusTable = []row{
	{"Available", "Available", "Available", nil,
		everything, webphone, yes, yes, yes, yes, yes},
	{"Available, webphone option off", "Available", "Available", func(s *statusBench) { s.options(presence.Options{SIPPhone: true, Mobile: true}) },
		phones, noCampaign, yes, yes, yes, yes, yes},
	{"Available, mobile only", "Available", "Available", func(s *statusBench) { s.options(presence.Options{Mobile: true}) },
		"mobile", noCampaign, yes, yes, yes, yes, yes},
	{"Do Not Disturb", dnd, dnd, func(s *statusBench) { s.do("1001", roster.Select{Status: presence.SelectDND}) },
		unavailable + dnd, unavailable + dnd, yes, yes, yes, yes, yes},
	{"custom that routes all", "Training", "Training", func(s *statusBench) { s.custom("Training") },
		everything, webphone, yes, yes, yes, yes, yes},
	{"custom that routes regular calls only", "Paperwork", "Paperwork", func(s *statusBench) { s.custom("Paperwork") },
		everything, unavailable + "Paperwork", yes, yes, yes, yes, yes},
	{"custom that routes campaign calls only", "Dialler", "Dialler", func(s *statusBench) { s.custom("Dialler") },
		unavailable + "Dialler", webphone, yes, yes, yes, yes, yes},
	{"custom that lets nothing through", "Break", "Break", func(s *statusBench) { s.custom("Break") },
		unavailable + "Break", unavailable + "Break", allowsNone, allowsNone, allowsNone, allowsNone, allowsNone},
	{"On a Call", onACall, onACall, (*statusBench).talks,
		busy, busy, onACall, onACall, onACall, onACall, onACall},
	{"On a Call, held", onACall, onACall, (*statusBench).holds,
		busy, busy, consultOnly, consultOnly, consultOnly, consultOnly, yes},
	{"Wrap Up", wrapUp, wrapUp, (*statusBench).wrapsUp,
		unavailable + wrapUp, unavailable + wrapUp, wrapUp, wrapUp, wrapUp, wrapUp, wrapUp},
	{"Outbound Calls Only", optionsOff, optionsOff, func(s *statusBench) { s.do("1001", roster.AllOptionsOff{}) },
		unavailable + optionsOff, unavailable + optionsOff, yes, yes, yes, yes, yes},
	{"DND with every option off", dnd, dnd, func(s *statusBench) {
		s.do("1001", roster.AllOptionsOff{})
		s.do("1001", roster.Select{Status: presence.SelectDND})
	}, unavailable + dnd, unavailable + dnd, yes, yes, yes, yes, yes},
	{"Offline", "Offline", "Available", (*statusBench).offline,
		phones, noCampaign, noPage, yes, yes, yes, yes},
	{"Offline, DND selected", "Offline", dnd, func(s *statusBench) {
		s.do("1001", roster.Select{Status: presence.SelectDND})
		s.offline()
	}, unavailable + dnd, unavailable + dnd, noPage, yes, yes, yes, yes},
	{"Offline in wrap-up", "Offline", wrapUp, func(s *statusBench) {
		s.wrapsUp()
		s.offline()
	}, unavailable + wrapUp, unavailable + wrapUp, noPage, wrapUp, wrapUp, wrapUp, wrapUp},
	{"microphone denied", "Offline", "Available", func(s *statusBench) { s.session(presence.MicDenied) },
		phones, noCampaign, noWebphone, yes, yes, yes, yes},
}

// TestEveryStatusWithRealCalls is the table, cell by cell: each on a switchboard of
// its own, with real INVITEs from a PBX and from the agent's devices.
func TestEveryStatusWithRealCalls(t *testing.T) {
	for _, r := range statusTable {
		t.Run(r.status, func(t *testing.T) {
			for column, want := range map[string]string{"regular": r.regular, "campaign": r.campaign, "webphone": r.webphone, "desk": r.desk, "soft": r.soft, "mobile": r.mobile, "colleague": r.colleague} {
				t.Run(column, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { r.cell(t, column, want) })
				})
			}
		})
	}
}

// cell is one call in one status.
func (r *row) cell(t *testing.T, column, want string) {
	t.Helper()
	s := newStatusBench(t)
	if r.set != nil {
		r.set(s)
	}
	s.is("before", r.is, r.own)
	var got string
	switch column {
	case "regular", "campaign":
		got = s.inbound(column)
	case "webphone":
		got = s.fromPage()
	case "colleague":
		got = s.outbound("desk", "sip:1002@demo.test", s.colleague)
	default:
		got = s.outbound(column, "sip:+4930555@demo.test", s.trunk)
	}
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.is("after "+column, r.is, r.own)
}

// statusBench is a switchboard whose agent 1001 has one device of each kind: a desk
// phone, a soft client and a mobile, registered, and a webphone logged in.
type statusBench struct {
	*switchboard
	pbx, trunk *siptest.Peer
	colleague  *siptest.Peer // agent 1002's phone
	phones     map[string]*siptest.Peer
	page       *pages  // the webphone
	call       *dialog // of talks
}

func newStatusBench(t *testing.T) *statusBench {
	t.Helper()
	s := &statusBench{switchboard: newSwitchboard(t), phones: make(map[string]*siptest.Peer)}
	s.device("1001-soft", presence.KindSoft)
	s.device("1001-mobile", presence.KindMobile)
	dom, _ := s.dir.Domain(s.domain)
	next := *dom
	next.Policy.WrapUp = presence.WrapUpUnlimited
	next.Policy.Statuses = []presence.Custom{
		{Name: "Training", Regular: true, Campaign: true, Outbound: true}, {Name: "Paperwork", Regular: true, Outbound: true},
		{Name: "Dialler", Campaign: true, Outbound: true}, {Name: "Break"},
	}
	synctest.Wait()
	if err := s.dir.Apply(context.Background(), directory.Edit{Domains: []presence.Domain{next}}); err != nil {
		t.Fatal(err)
	}
	for name, user := range map[string]string{"desk": "1001", "soft": "1001-soft", "mobile": "1001-mobile"} {
		at := map[string]string{"desk": "10.0.0.21:5060", "soft": "10.0.0.22:5060", "mobile": "10.0.0.23:5060"}[name]
		p := siptest.NewStreamPeer(t, s.net, at, server)
		if m := p.Register("sip:1001@demo.test", user, "pw", 600); m.Status != 200 {
			t.Fatalf("%s registers: %d", name, m.Status)
		}
		s.phones[name] = p
	}
	s.page = s.webphone()
	s.pbx, s.trunk = siptest.NewPeer(t, s.net, pbx, server), siptest.NewPeer(t, s.net, trunk, server)
	s.colleague = s.phone("1002", "10.0.0.24:5060", false)
	return s
}

// device gives agent 1001 one more.
func (s *statusBench) device(user string, kind presence.DeviceKind) {
	s.t.Helper()
	d := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: s.domain, Kind: kind, Name: user}
	ha1, err := digest.HA1(digest.MD5, user, "demo.test", "pw")
	if err == nil {
		err = s.dir.Apply(context.Background(), directory.Edit{Devices: []presence.Device{d},
			Credentials: []presence.Credential{{Domain: s.domain, Device: d.ID, Username: user, HA1: presence.HA1{MD5: ha1}}},
			Assignments: []presence.Assignment{{Device: d.ID, Agent: s.agent("1001"), From: time.Now().Add(-time.Hour)}}})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *statusBench) session(mic presence.Mic) {
	s.do("1001", roster.PutSession{Session: presence.Session{
		ID: session, Device: s.page.device, Client: "web", State: presence.SessionAlive, Mic: mic, MicProven: mic.Usable(), Since: time.Now(),
	}})
}

func (s *statusBench) options(o presence.Options) { s.do("1001", roster.SetOptions{Options: o}) }

func (s *statusBench) custom(name string) {
	s.do("1001", roster.Select{Status: presence.SelectCustom(name)})
}

func (s *statusBench) offline() { s.do("1001", roster.Logout{}) }

// wrapsUp is after a real campaign call, which the page took.
func (s *statusBench) wrapsUp() {
	s.t.Helper()
	s.outsideCall(s.pbx, called, message.Header{Name: message.CallKind, Value: "campaign"})()
	synctest.Wait()
	s.page.last().Ring()
	if err := s.page.last().Answer([]byte("v=0\r\n")); err != nil {
		s.t.Fatal(err)
	}
	sendACK(s.pbx, s.pbx.Expect(siptest.Status(200)))
	s.is("in the campaign call", onACall, onACall)
	s.page.last().End(200)
	s.pbx.Respond(s.pbx.Expect(siptest.Method("BYE")), 200)
	synctest.Wait()
}

// talks is in a real call that the desk phone took.
func (s *statusBench) talks() {
	s.t.Helper()
	_, s.call = s.talk(s.pbx, s.outsideCall(s.pbx, called, message.Header{Name: message.CallKind, Value: "regular"}), s.phones["desk"])
}

func (s *statusBench) holds() {
	s.t.Helper()
	var caller *dialog
	caller, s.call = s.talk(s.pbx, s.outsideCall(s.pbx, called, message.Header{Name: message.CallKind, Value: "regular"}), s.phones["desk"])
	s.call.hold(s.t, caller)
}

// is what the team and the agent himself see.
func (s *statusBench) is(when, team, own string) {
	s.t.Helper()
	synctest.Wait()
	snap, _ := s.roster.Snapshot(s.agent("1001"))
	if snap.Team.Text() != team || snap.Own.Text() != own {
		s.t.Errorf("%s: the team sees %q, the agent %q, want %q and %q", when, snap.Team.Text(), snap.Own.Text(), team, own)
	}
}

// inbound calls from the PBX and names who was to ring, or the refusal. Everything
// among them did ring, and nothing else.
func (s *statusBench) inbound(kind string) string {
	s.t.Helper()
	var mu sync.Mutex
	rang := make(map[string]bool) // guarded by mu
	for name, p := range s.phones {
		p.Handle(func(m *message.Message) *message.Builder {
			switch m.Method {
			case "INVITE":
				mu.Lock()
				rang[name] = true
				mu.Unlock()
				return message.NewResponse(m, 180, "")
			case "CANCEL":
				return message.NewResponse(m, 200, "")
			}
			return nil
		})
	}
	s.page.said()
	inv := s.outsideCall(s.pbx, called, message.Header{Name: message.CallKind, Value: kind})()
	page := s.page.said() == "incoming"
	s.pbx.SendRaw(hopBy(inv, "CANCEL", inv.Get(message.To)))
	no := s.pbx.Expect(func(m *message.Message) bool {
		_, of := m.CSeq()
		return m.Status >= 300 && of == "INVITE" && m.CallID() == inv.CallID()
	})
	s.pbx.SendRaw(hopBy(inv, "ACK", no.Get(message.To)))
	synctest.Wait()
	targets := s.targets(inv.CallID())
	mu.Lock()
	defer mu.Unlock()
	if page {
		rang[webphone] = true
	}
	for _, name := range targets {
		if !rang[name] {
			s.t.Errorf("it was decided that %s rings, and it did not", name)
		}
		delete(rang, name)
	}
	if len(rang) != 0 {
		s.t.Errorf("%v rang, and nobody decided that", rang)
	}
	if len(targets) > 0 {
		return strings.Join(targets, " ")
	}
	return refusalOf(no)
}

// targets are what the record of a call says was decided to ring.
func (s *statusBench) targets(callID string) (out []string) {
	s.t.Helper()
	for _, r := range s.records(callID) {
		for _, step := range r.Decision.Steps {
			for i := range step.Targets {
				out = append(out, string(step.Targets[i].Kind))
			}
		}
	}
	order := strings.Fields(everything)
	slices.SortFunc(out, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	return out
}

// outbound calls somebody from a device, and talks, if it is let out.
func (s *statusBench) outbound(device, uri string, callee *siptest.Peer) string {
	s.t.Helper()
	user := map[string]string{"desk": "1001", "soft": "1001-soft", "mobile": "1001-mobile"}[device]
	p, from := s.phones[device], "sip:1001@demo.test"
	first := ring(p, uri, from)
	no := p.Expect(siptest.Final)
	ack(p, first, no)
	name, value := p.Authorize(no, "INVITE", uri, user, "pw")
	inv := ring(p, uri, from, message.Header{Name: name, Value: value})
	synctest.Wait()
	if got := p.Expect(func(m *message.Message) bool { return m.CallID() == inv.CallID() }); got.Status >= 300 {
		ack(p, inv, got)
		return refusalText(got)
	}
	answers(callee, callee.Expect(siptest.Method("INVITE")))
	ok := p.Expect(siptest.Status(200))
	sendACK(p, ok)
	callee.Expect(siptest.Method("ACK"))
	synctest.Wait()
	if snap, _ := s.roster.Snapshot(s.agent("1001")); snap.Team.Text() != onACall {
		s.t.Errorf("talking outside, the team sees %q", snap.Team.Text())
	}
	p.Send(p.InDialog("BYE", ok).Set(message.CSeq, "50 BYE"))
	callee.Respond(callee.Expect(siptest.Method("BYE")), 200)
	synctest.Wait()
	return yes
}

// fromPage calls a number outside from the page, and talks, if it is let out. Why it
// is not, routing says; the page is told 403.
func (s *statusBench) fromPage() string {
	s.t.Helper()
	dom, _ := s.dir.Domain(s.domain)
	snap, _ := s.roster.Snapshot(s.agent("1001"))
	d := routing.DecideOutbound(snap, dom.Policy, routing.OutboundCall{Number: "+4930555", Device: s.page.device, At: time.Now()})
	s.page.said()
	c, err := s.page.phone.Call(ua.Dial{To: "sip:+4930555@demo.test", SDP: []byte("v=0\r\n")}, s.page)
	if err != nil {
		s.t.Fatal(err)
	}
	if !d.Allow {
		if got := s.page.said(); !strings.HasPrefix(got, "ended 403") {
			s.t.Errorf("refused by the rules, and the page is told %q", got)
		}
		return d.Text
	}
	answers(s.trunk, s.trunk.Expect(siptest.Method("INVITE")))
	s.trunk.Expect(siptest.Method("ACK"))
	if got := s.page.said(); got != "180, answered" {
		s.t.Errorf("let out by the rules, and the page is told %q", got)
	}
	if snap, _ := s.roster.Snapshot(s.agent("1001")); snap.Team.Text() != onACall {
		s.t.Errorf("talking outside, the team sees %q", snap.Team.Text())
	}
	c.End(200)
	s.trunk.Respond(s.trunk.Expect(siptest.Method("BYE")), 200)
	synctest.Wait()
	return yes
}

// refusalOf is the code and the reason's text.
func refusalOf(m *message.Message) string { return fmt.Sprint(m.Status, " ", refusalText(m)) }

func refusalText(m *message.Message) string {
	_, text, _ := strings.Cut(m.Get(message.Reason), `text="`)
	return strings.TrimSuffix(text, `"`)
}
