package peers

import (
	"net/netip"
	"testing"
)

func TestFind(t *testing.T) {
	table := Table{
		{Name: "lan", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("2001:db8::/32")}, Domains: []string{"a.test"}},
		{Name: "trunk", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}, Transports: []string{"TCP", "TLS"}},
	}
	for name, tc := range map[string]struct{ src, transport, want string }{
		"UDP is the default":    {"10.0.0.1", "UDP", "lan"},
		"TCP is not":            {"10.0.0.1", "TCP", ""},
		"first that fits":       {"10.0.0.9", "TLS", "trunk"},
		"IPv4 in an IPv6 form":  {"::ffff:10.0.0.1", "UDP", "lan"},
		"IPv6":                  {"2001:db8::5", "UDP", "lan"},
		"a neighbouring prefix": {"10.0.1.1", "UDP", ""},
		"WebSocket":             {"10.0.0.9", "WS", ""},
	} {
		p, ok := table.Find(netip.MustParseAddr(tc.src), tc.transport)
		got := ""
		if ok {
			got = p.Name
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if !table[0].SpeaksFor("a.test") || table[0].SpeaksFor("b.test") || !table[1].SpeaksFor("b.test") {
		t.Error("domains a peer may speak for")
	}
}
