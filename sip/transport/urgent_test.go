package transport

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestCallForHelpPassesTheRateOfItsAddress(t *testing.T) {
	l := New(Options{Limits: Limits{Rate: 1, Burst: 1}, Urgent: func(uri string) bool { return uri == "sip:112@a.test" }})
	defer l.Close()
	now, a := time.Now(), netip.MustParseAddr("192.0.2.1")
	help, other := []byte("INVITE sip:112@a.test SIP/2.0\r\n"), []byte("INVITE sip:1@a.test SIP/2.0\r\n")
	if !l.admit(a, now, other) || l.admit(a, now, other) {
		t.Fatal("the rate does not hold")
	}
	for i := range urgentBurst {
		if !l.admit(a, now, help) {
			t.Fatalf("call %d for help was dropped", i)
		}
	}
	for name, raw := range map[string][]byte{
		"more than anybody needs": help, "another method": []byte("OPTIONS sip:112@a.test SIP/2.0\r\n"), "no line": []byte("INVITE "),
		"endless": []byte("INVITE " + strings.Repeat("x", 70000)), "nothing": nil,
	} {
		if l.admit(a, now, raw) {
			t.Errorf("%s passes", name)
		}
	}
	if later := now.Add(500 * time.Millisecond); !l.admit(a, later, help) || l.admit(a, later, help) {
		t.Error("not two a second")
	}
}
