package proxy_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/siptest"
)

// shows sets what an agent's calls show.
func (s *switchboard) shows(number string, id presence.CallerID, teams ...string) {
	s.t.Helper()
	synctest.Wait()
	a, _ := s.dir.Agent(s.agent(number))
	next := *a
	next.Caller, next.Teams = id, teams
	if err := s.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{next}}); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
}

// distrust makes the PBX or the trunk untrusted.
func (s *switchboard) distrust(pbx, out bool) {
	s.proxy.SetPeers(peers.Table{
		{Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}, Mode: peers.ModeProxy, Domains: []string{"demo.test"}, Untrusted: pbx},
		{Name: "trunk", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.8/32")}, Mode: peers.ModeProxy, Trunk: trunk, Untrusted: out},
	})
}

func TestCallsOutsideShowWhatTheyAreSetTo(t *testing.T) {
	const own = "<sip:1001@demo.test>"
	header := func(name message.Name, value string) []message.Header {
		return []message.Header{{Name: name, Value: value}}
	}
	for name, c := range map[string]struct {
		caller    presence.CallerID
		teams     []string
		uri       string
		headers   []message.Header
		untrusted bool
		asserted  []string
		privacy   []string
	}{
		"the agent's address":      {asserted: []string{own}},
		"a number and a name":      {caller: presence.CallerID{Number: "+49300", Name: `A "B"`}, asserted: []string{`"A \"B\"" <sip:+49300@demo.test;user=phone>`}},
		"the team's":               {teams: []string{"sales"}, asserted: []string{`"Sales" <sip:+49301@demo.test;user=phone>`}},
		"hidden":                   {caller: presence.CallerID{Number: "+49300", Hide: true}, asserted: []string{"<sip:+49300@demo.test;user=phone>"}, privacy: []string{"id"}},
		"hidden, and more":         {caller: presence.CallerID{Hide: true}, headers: header("Privacy", "none;user"), asserted: []string{own}, privacy: []string{"id;user"}},
		"hidden from the trunk":    {caller: presence.CallerID{Hide: true}, untrusted: true, privacy: []string{"id"}},
		"not hidden from it":       {untrusted: true, asserted: []string{own}},
		"the phone hides it":       {headers: header("Privacy", "id;critical"), asserted: []string{own}, privacy: []string{"id;critical"}},
		"and from the trunk":       {headers: header("Privacy", "id"), untrusted: true, privacy: []string{"id"}},
		"what the phone asserts":   {headers: header("P-Asserted-Identity", "<sip:boss@demo.test>"), asserted: []string{own}},
		"what the phone prefers":   {caller: presence.CallerID{Number: "+49300"}, teams: []string{"sales"}, headers: header("P-Preferred-Identity", "<sip:+49301@demo.test>"), asserted: []string{`"Sales" <sip:+49301@demo.test;user=phone>`}},
		"for help":                 {caller: presence.CallerID{Number: "+49300", Hide: true}, uri: "sip:112@demo.test", asserted: []string{own}},
		"for help, hidden by hand": {uri: "sip:112@demo.test", headers: header("Privacy", "id"), untrusted: true, asserted: []string{own}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.policy(func(p *presence.Policy) {
					p.Country = "DE"
					p.TeamCallers = []presence.TeamCaller{{Team: "sales", CallerID: presence.CallerID{Number: "+49301", Name: "Sales"}}}
				})
				s.shows("1001", c.caller, c.teams...)
				s.distrust(false, c.untrusted)
				a := s.phone("1001", "10.0.0.21:5060", false)
				out := siptest.NewPeer(t, s.net, trunk, server)
				if c.uri == "" {
					c.uri = "sip:+4930123@demo.test"
				}
				s.dials(a, "1001", c.uri, c.headers...)
				got := out.Expect(siptest.Method("INVITE"))
				if id := got.Values("P-Asserted-Identity"); !slices.Equal(id, c.asserted) {
					t.Errorf("asserted %q, want %q", id, c.asserted)
				}
				if p := got.Values("Privacy"); !slices.Equal(p, c.privacy) {
					t.Errorf("privacy %q, want %q", p, c.privacy)
				}
				if got.Has("P-Preferred-Identity") {
					t.Error("the preference went on")
				}
				out.Respond(got, 486)
				m := a.Expect(siptest.Final)
				s.explained(m.CallID(), "called 0, failed 486 = 486")
			})
		})
	}
}

func TestWhoCallsIsToldByTrust(t *testing.T) {
	const boss = `"Boss" <sip:boss@pbx.test>`
	for name, c := range map[string]struct {
		privacy   string
		untrusted bool
		show      bool
		desk, fwd bool // what the desk phone and the trunk are told
	}{
		"a trusted PBX":             {desk: true, fwd: true},
		"an untrusted one":          {untrusted: true},
		"hidden":                    {privacy: "id", fwd: true},
		"hidden, but not from ours": {privacy: "id", show: true, desk: true, fwd: true},
		"other privacy":             {privacy: "session", desk: true, fwd: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard(t)
				s.policy(func(p *presence.Policy) { p.ShowHidden, p.Fallback = c.show, "0800" })
				s.distrust(c.untrusted, false)
				desk := s.phone("1001", "10.0.0.21:5060", false)
				out := siptest.NewPeer(t, s.net, trunk, server)
				p := siptest.NewPeer(t, s.net, pbx, server)
				headers := []message.Header{{Name: "P-Asserted-Identity", Value: boss}, {Name: "P-Asserted-Identity", Value: "<tel:+4930>"}}
				if c.privacy != "" {
					headers = append(headers, message.Header{Name: "Privacy", Value: c.privacy})
				}
				ring(p, called, outside, headers...)
				for who, want := range map[*siptest.Peer]bool{desk: c.desk} {
					inv := who.Expect(siptest.Method("INVITE"))
					if got := inv.Values("P-Asserted-Identity"); (len(got) == 2 && got[0] == boss) != want || !want && len(got) > 0 {
						t.Errorf("the desk phone is told %q", got)
					}
					who.Respond(inv, 486)
				}
				inv := out.Expect(siptest.Method("INVITE"))
				if got := inv.Values("P-Asserted-Identity"); (len(got) == 2) != c.fwd {
					t.Errorf("the trunk is told %q", got)
				}
				if inv.Get("Privacy") != c.privacy {
					t.Errorf("the wish for privacy is %q", inv.Get("Privacy"))
				}
				out.Respond(inv, 486)
				p.Expect(siptest.Final)
			})
		})
	}
}

// Within a dialog too, only who is believed may say who speaks.
func TestWithinADialogOnlyThePBXIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		desk := s.phone("1001", "10.0.0.21:5060", false)
		p := siptest.NewPeer(t, s.net, pbx, server)
		ring(p, called, outside)
		inv := desk.Expect(siptest.Method("INVITE"))
		answers(desk, inv)
		ok := p.Expect(siptest.Status(200))
		sendACK(p, ok)
		const id = "<sip:boss@pbx.test>"
		info := func(from, to *siptest.Peer, b *message.Builder, seq string, headers ...message.Header) *message.Message {
			b.Set(message.CSeq, seq+" INFO").Add("P-Asserted-Identity", id)
			for _, h := range headers {
				b.Add(h.Name, h.Value)
			}
			from.Send(b)
			got := to.Expect(siptest.Method("INFO"))
			to.Respond(got, 200)
			from.Expect(siptest.Status(200))
			return got
		}
		if got := info(p, desk, p.InDialog("INFO", ok), "20"); got.Get("P-Asserted-Identity") != id {
			t.Error("the PBX is not believed")
		}
		if got := info(p, desk, p.InDialog("INFO", ok), "21", message.Header{Name: "Privacy", Value: "id"}); got.Has("P-Asserted-Identity") {
			t.Error("what is private is told")
		}
		if got := info(desk, p, desk.InDialog("INFO", siptest.WithToTag(inv, ok.Get(message.To))), "22"); got.Has("P-Asserted-Identity") {
			t.Error("a phone is believed")
		}
	})
}
