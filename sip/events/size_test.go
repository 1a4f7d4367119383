package events

import (
	"strings"
	"testing"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
)

// TestNotifyFitsAPacket: with long names and many calls a NOTIFY over UDP stays
// below what an Ethernet packet carries, and says the call that a lamp shows.
func TestNotifyFitsAPacket(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		long := strings.Repeat("Long Name ", 4)
		for _, id := range []string{"a", "b", "c", "d"} {
			r.do("101", presence.CauseCallStart, roster.PutLeg{Leg: presence.Leg{ID: "leg-0123456789abcdef-" + id, Call: id, State: presence.LegHeld, Direction: presence.Inbound, Source: "proxy",
				CallID: "0123456789abcdef0123456789abcdef-" + id + "@pbx.example.com", LocalTag: "0123456789abcdef", RemoteTag: "fedcba9876543210",
				Remote: "sip:+49301234567890@provider.example.com", RemoteName: long}})
		}
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.callID = message.NewCallID("") + "-0123456789abcdef@192.168.100.200"
		l.extra = []message.Header{{Name: message.UserAgent, Value: "Yealink SIP-T46S 66.85.0.5"}}
		if m := l.subscribe(600); m.Status != 200 {
			t.Fatal(m.Status)
		}
		m := l.shows(`+49301234567890`, "</dialog-info>")
		if n := strings.Count(string(m.Body), "<dialog "); len(m.Raw) > 1400 || n < 1 {
			t.Errorf("%d bytes with %d dialogs:\n%s", len(m.Raw), n, m.Raw)
		} else {
			t.Logf("%d bytes with %d dialogs", len(m.Raw), n)
		}
	})
}
