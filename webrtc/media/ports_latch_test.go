package media

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestLatch(t *testing.T) {
	said := netip.MustParseAddrPort("192.168.1.20:4000")
	nat := netip.MustParseAddrPort("203.0.113.5:50123")
	thief := netip.MustParseAddrPort("198.51.100.66:9")
	feed := func(l *latch, from netip.AddrPort, n int) (taken int) {
		for range n {
			if l.from(from) {
				taken++
			}
		}
		return taken
	}
	start := func() *latch {
		l := &latch{}
		l.expect(said, nat.Addr())
		return l
	}
	t.Run("stays where the SDP said", func(t *testing.T) {
		l := start()
		if feed(l, said, 20) != 20 || feed(l, nat, 200) != 0 || feed(l, thief, 200) != 0 || l.at != said {
			t.Error(l.at)
		}
	})
	t.Run("follows the phone behind its translator at once", func(t *testing.T) {
		l := start()
		if feed(l, nat, 1) != 1 || l.at != nat {
			t.Error(l.at)
		}
		if feed(l, thief, 200) != 0 || l.at != nat {
			t.Error("a stranger took it over:", l.at)
		}
	})
	t.Run("follows another port of the same address", func(t *testing.T) {
		l := start()
		if other := netip.AddrPortFrom(said.Addr(), 4444); feed(l, other, 1) != 1 || l.at != other {
			t.Error(l.at)
		}
	})
	t.Run("follows a stranger who alone sends, after some packets", func(t *testing.T) {
		l := start()
		if n := feed(l, thief, 10); n != 10-strangerNeed+1 || l.at != thief {
			t.Error(n, l.at)
		}
	})
	t.Run("a stranger among the phone's packets gets nowhere", func(t *testing.T) {
		l := start()
		for range 50 {
			if !l.from(said) || l.from(thief) {
				t.Fatal("taken over")
			}
		}
	})
	t.Run("nobody after the first packets", func(t *testing.T) {
		l := start()
		feed(l, said, learnt)
		if feed(l, thief, 1000) != 0 || feed(l, nat, 1) != 0 {
			t.Error("taken over later")
		}
	})
	t.Run("spraying from many addresses ends the window", func(t *testing.T) {
		l := start()
		for i := range 300 {
			l.from(netip.AddrPortFrom(thief.Addr().Next(), uint16(i+1024)))
		}
		if feed(l, thief, 50) != 0 || l.at != said {
			t.Error(l.at)
		}
	})
	t.Run("a new negotiation opens it again and keeps what was learnt", func(t *testing.T) {
		l := start()
		feed(l, nat, 20)
		l.expect(said, nat.Addr())
		if l.at != nat || feed(l, nat, 1) != 1 {
			t.Error("forgot where the phone is:", l.at)
		}
		moved := netip.MustParseAddrPort("192.168.1.30:5000")
		l.expect(moved, nat.Addr())
		if l.at != moved || feed(l, nat, leftNeed) != 1 {
			t.Error("did not follow:", l.at)
		}
	})
	t.Run("the phone before, at the same address, is another one", func(t *testing.T) {
		l := start()
		feed(l, said, 20)
		l.expect(netip.AddrPortFrom(said.Addr(), 5000), nat.Addr())
		if feed(l, said, 20) != 0 || l.at.Port() != 5000 {
			t.Error("went back to it:", l.at)
		}
	})
}

func TestPortsRestAfterTheirCall(t *testing.T) {
	p := newPorts(netip.MustParseAddr("127.0.0.1"), [2]uint16{41001, 41006}, 30*time.Second)
	now := time.Now()
	if n := p.free(now); n != 2 {
		t.Fatalf("%d pairs in six ports that begin with an odd one", n)
	}
	a, err := p.take(now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.take(now)
	if err != nil {
		t.Fatal(err)
	}
	if a.port%2 != 0 || b.port%2 != 0 || a.port == b.port {
		t.Errorf("ports %d and %d", a.port, b.port)
	}
	if _, err := p.take(now); !errors.Is(err, ErrBusy) {
		t.Error("a third of two:", err)
	}
	if err := p.give(a, now); err != nil {
		t.Error(err)
	}
	if _, err := p.take(now.Add(29 * time.Second)); !errors.Is(err, ErrBusy) {
		t.Error("taken before it rested:", err)
	}
	c, err := p.take(now.Add(30 * time.Second))
	if err != nil || c.port != a.port {
		t.Fatal(c, err)
	}
	if err := errors.Join(p.give(b, now), p.give(c, now)); err != nil {
		t.Error(err)
	}
}

// TestPortsOfOthersArePassedOver: what somebody else has bound is no error while
// there are more.
func TestPortsOfOthersArePassedOver(t *testing.T) {
	addr := netip.MustParseAddr("127.0.0.1")
	other, err := bind(addr, 41010)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	p := newPorts(addr, [2]uint16{41010, 41013}, time.Second)
	got, err := p.take(time.Now())
	if err != nil || got.port != 41012 {
		t.Fatal(got, err)
	}
	if _, err := p.take(time.Now()); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	if err := p.give(got, time.Now()); err != nil {
		t.Error(err)
	}
}
