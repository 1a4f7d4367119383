package resolve

import (
	"context"
	"errors"
	"net/netip"
	"testing"
)

func TestServersAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]Server{
		"192.0.2.1":         {Transport: "UDP", Host: "192.0.2.1", Port: 0},
		"192.0.2.1:5070":    {Transport: "UDP", Host: "192.0.2.1", Port: 5070},
		"[2001:db8::1]:80":  {Transport: "UDP", Host: "2001:db8::1", Port: 80},
		"[2001:db8::1]":     {Transport: "UDP", Host: "2001:db8::1", Port: 0},
		"2001:db8::1":       {Transport: "UDP", Host: "2001:db8::1", Port: 0},
		"sip.example.com":   {Transport: "UDP", Host: "sip.example.com", Port: 0},
		"a-b.example:65535": {Transport: "UDP", Host: "a-b.example", Port: 65535},
	} {
		if got, err := ParseServer("udp", text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", ":5060", "host:0", "host:65536", "host:port", "sip:host", "a b", "-a", "user@host"} {
		if got, err := ParseServer("udp", bad); err == nil {
			t.Errorf("%q read as %+v", bad, got)
		}
	}
}

func TestEveryAddressOfAHostIsATarget(t *testing.T) {
	h := Hosts{Lookup: func(_ context.Context, name string) ([]netip.Addr, error) {
		switch name {
		case "two.test":
			return []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil
		case "none.test":
			return nil, nil
		}
		t.Errorf("asked for %s", name)
		return nil, nil
	}}
	got, err := h.Find(t.Context(), Server{Transport: "TLS", Host: "two.test"})
	if err != nil || len(got) != 2 || got[0].Addr != netip.MustParseAddrPort("192.0.2.1:5061") ||
		got[1].Addr != netip.MustParseAddrPort("[2001:db8::1]:5061") || got[1].Name != "two.test" || got[0].Transport != "TLS" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := h.Find(t.Context(), Server{Host: "none.test"}); !errors.Is(err, ErrNoAddress) {
		t.Error(err)
	}
	got, err = h.Find(t.Context(), Server{Transport: "UDP", Host: "192.0.2.9"})
	if err != nil || len(got) != 1 || got[0].Addr != netip.MustParseAddrPort("192.0.2.9:5060") {
		t.Errorf("%+v, %v", got, err)
	}
}
