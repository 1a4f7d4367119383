package server

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lamplight/cmd/lamplight/internal/config"
)

// TestReach: a relay reaches the gateway under every address browsers are told,
// and is bound where only the gateway reaches it.
func TestReach(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.11")}
	for name, tt := range map[string]struct {
		listen    string
		announced []string
		to        string
		relay     string
		told      string
	}{
		"one address":                      {"192.0.2.10:8444", nil, "192.0.2.10:8444", "192.0.2.10", "192.0.2.10"},
		"behind a translator":              {"192.0.2.10:8444", []string{"203.0.113.9"}, "192.0.2.10:8444 203.0.113.9:8444", "192.0.2.10", "203.0.113.9"},
		"all interfaces":                   {"0.0.0.0:8444", nil, "127.0.0.1:8444 192.0.2.10:8444 192.0.2.11:8444", "127.0.0.1", "192.0.2.10"},
		"all interfaces, one of them told": {"0.0.0.0:8444", []string{"203.0.113.9"}, "127.0.0.1:8444 203.0.113.9:8444", "127.0.0.1", "203.0.113.9"},
	} {
		t.Run(name, func(t *testing.T) {
			to, relay, told := reach(net.UDPAddrFromAddrPort(netip.MustParseAddrPort(tt.listen)), tt.announced, own)
			var names []string
			for a, is := range to {
				names = append(names, a.String())
				if is.Addr() != relay {
					t.Errorf("%v leads to %v", a, is)
				}
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != tt.to || relay.String() != tt.relay || told.String() != tt.told {
				t.Errorf("%s, bound to %v, told %v", got, relay, told)
			}
		})
	}
}

func TestWhatPagesAreToldOfRelays(t *testing.T) {
	at := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 10), Port: 3478}
	over := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 10), Port: 5349}
	for want, c := range map[string]config.Turn{
		"turn:192.0.2.10:3478?transport=udp turn:192.0.2.10:5349?transport=tcp":              {},
		"turn:turn.example.com:3478?transport=udp turns:turn.example.com:5349?transport=tcp": {Host: "turn.example.com", TLS: true},
	} {
		if got := strings.Join(turnURLs(&c, at, over, "192.0.2.10"), " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	s := &Server{cfg: &config.Config{}}
	if got := s.iceServers("1001"); got == nil || len(got) != 0 {
		t.Errorf("nothing is a list: %v", got)
	}
	s.cfg.Media.Turn = config.Turn{Servers: []string{"stun:s.example.com", "turn:t.example.com"}, Secret: "a secret of some length"}
	got := s.iceServers("1001")
	if len(got) != 2 || got[0].Username != "" || !strings.HasSuffix(got[1].Username, ":1001") || got[1].Credential == "" {
		t.Errorf("%+v", got)
	}
}
