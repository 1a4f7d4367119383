package events

import (
	"strings"
	"testing"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/quirks"
)

// stateOf is what a lamp shows, in short: the state of its first dialog, held or
// with whom, and what a pickup needs.
func stateOf(body string) string {
	var out []string
	_, first, _ := strings.Cut(body, "<dialog ")
	first, _, _ = strings.Cut(first, "</dialog>")
	between := func(from, to string) string {
		_, s, ok := strings.Cut(first, from)
		if !ok {
			return ""
		}
		s, _, _ = strings.Cut(s, to)
		return s
	}
	out = append(out, between("<state>", "</state>"), between(`direction="`, `"`))
	if strings.Contains(first, `pname="+sip.rendering" pval="no"`) {
		out = append(out, "held")
	}
	if strings.Contains(first, "<remote>") {
		out = append(out, "with", between(`<remote><identity display="`, `"`), between(`<remote><identity display="Bob">`, "<"))
	}
	if call := between(`call-id="`, `"`); call != "" {
		out = append(out, "pickup", call, between(`local-tag="`, `"`), between(`remote-tag="`, `"`))
	}
	return strings.Join(strings.Fields(strings.Join(out, " ")), " ")
}

// TestLampOfEveryStatus holds the lamps to "What watchers are told" of the rules:
// to everybody, to a phone that shows a status as busy, and to a watcher who may
// not know who calls.
func TestLampOfEveryStatus(t *testing.T) {
	leg := func(state presence.LegState, dir presence.Direction) roster.Op {
		return roster.PutLeg{Leg: presence.Leg{ID: "leg", Call: "c", State: state, Direction: dir, Source: "proxy",
			CallID: "c@pbx", LocalTag: "l", RemoteTag: "r", Remote: "sip:900@pstn.test", RemoteName: "Bob"}}
	}
	const bob = " with Bob sip:900@pstn.test pickup c@pbx l r"
	online := roster.PutSession{Session: presence.Session{ID: "s", Client: "web", State: presence.SessionAlive, Mic: presence.MicGranted, MicProven: true}}
	for name, c := range map[string]struct {
		ops                 []roster.Op
		plain, busy, hidden string
	}{
		"offline":             {nil, "terminated", "terminated", "terminated"},
		"available":           {[]roster.Op{online}, "terminated", "terminated", "terminated"},
		"do not disturb":      {[]roster.Op{online, roster.Select{Status: presence.SelectDND}}, "terminated", "confirmed", "terminated"},
		"offline, and DND":    {[]roster.Op{roster.Select{Status: presence.SelectDND}}, "terminated", "terminated", "terminated"},
		"outbound calls only": {[]roster.Op{online, roster.AllOptionsOff{}}, "terminated", "confirmed", "terminated"},
		"ringing":             {[]roster.Op{online, leg(presence.LegRinging, presence.Inbound)}, "early recipient" + bob, "early recipient" + bob, "early recipient"},
		"ringing in DND":      {[]roster.Op{online, roster.Select{Status: presence.SelectDND}, leg(presence.LegRinging, presence.Inbound)}, "early recipient" + bob, "early recipient" + bob, "early recipient"},
		"dialling":            {[]roster.Op{leg(presence.LegDialling, presence.Outbound)}, "trying initiator" + bob, "trying initiator" + bob, "trying initiator"},
		"talking":             {[]roster.Op{leg(presence.LegTalking, presence.Inbound)}, "confirmed recipient" + bob, "confirmed recipient" + bob, "confirmed recipient"},
		"held":                {[]roster.Op{leg(presence.LegHeld, presence.Outbound)}, "confirmed initiator held" + bob, "confirmed initiator held" + bob, "confirmed initiator held"},
		"offline but ringing": {[]roster.Op{leg(presence.LegRinging, presence.Inbound)}, "early recipient" + bob, "early recipient" + bob, "early recipient"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.events.SetPhones(quirks.Table{{Match: "busy", Quirks: quirks.BusyLamp}})
				if len(c.ops) > 0 {
					r.do("101", presence.CauseAgent, c.ops...)
				}
				show := func(agent string) string {
					return stateOf(string(r.phone("192.0.2.10:0", "201", "dialog", agent, "").shows().Body))
				}
				if got := show("plain"); got != c.plain {
					t.Errorf("everybody sees %q, want %q", got, c.plain)
				}
				if got := show("busy"); got != c.busy {
					t.Errorf("a busy lamp shows %q, want %q", got, c.busy)
				}
				r.policy(func(p *presence.Policy) { p.LampIdentity = presence.LampIdentityNone })
				if got := show("plain"); got != c.hidden {
					t.Errorf("who may not know sees %q, want %q", got, c.hidden)
				}
			})
		})
	}
}
