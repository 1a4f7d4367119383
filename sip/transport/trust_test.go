package transport

import (
	"net/netip"
	"testing"
	"time"
)

func TestTrustedServerIsNotLimited(t *testing.T) {
	l := New(Options{Limits: Limits{Rate: 1, Burst: 1}})
	defer l.Close()
	now, server, other := time.Now(), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	l.Trust(netip.MustParseAddr("::ffff:192.0.2.1"))
	for range 10 {
		if !l.gate.message(server, now) {
			t.Fatal("its message was dropped")
		}
	}
	if l.gate.message(other, now); l.gate.message(other, now) {
		t.Error("another's was not")
	}
	for i := range 2 * maxServers {
		l.Trust(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if n := len(*l.gate.servers.Load()); n != maxServers {
		t.Errorf("%d are trusted", n)
	}
}
