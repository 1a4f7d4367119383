package turn

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a secret of some length"

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	told     = netip.MustParseAddrPort("203.0.113.9:8444") // what browsers call the gateway
)

// rig is a server that relays to an echo in the gateway's place.
func rig(t *testing.T, change func(*Options)) (*Server, *net.UDPConn) {
	t.Helper()
	gateway := listen(t)
	o := Options{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", Secret: secret, Relay: loopback, Announce: told.Addr(), Ports: [2]uint16{46000, 46009},
		To: map[netip.AddrPort]netip.AddrPort{told: gateway.LocalAddr().(*net.UDPAddr).AddrPort()},
	}
	if change != nil {
		change(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, gateway
}

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func client(t *testing.T, s *Server, user, pass string) *turn.Client {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: s.Addr().String(), Conn: conn, Username: user, Password: pass, RTO: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); conn.Close() })
	return c
}

// TestRelaysToTheGateway and back, under the address browsers are told.
func TestRelaysToTheGateway(t *testing.T) {
	s, gateway := rig(t, nil)
	user, pass := Credentials(secret, "1001", time.Now(), time.Minute)
	relay, err := client(t, s, user, pass).Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	if at := relay.LocalAddr().(*net.UDPAddr).AddrPort(); at.Addr() != told.Addr() || at.Port() < 46000 || at.Port() > 46009 || s.Relays() != 1 {
		t.Errorf("relay at %v, %d relays", at, s.Relays())
	}
	if _, err := relay.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(told)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	_ = gateway.SetReadDeadline(time.Now().Add(3 * time.Second))
	n, from, err := gateway.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != "hello" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if _, err := gateway.WriteToUDPAddrPort([]byte("and back"), from); err != nil {
		t.Fatal(err)
	}
	_ = relay.SetReadDeadline(time.Now().Add(3 * time.Second))
	n, back, err := relay.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "and back" || back.String() != told.String() {
		t.Fatalf("%q from %v, %v", buf[:n], back, err)
	}
}

// TestReachesNothingElse: not the server's own services at another port of the
// gateway's address, not the loopback, not the world; and nobody else gets in.
func TestReachesNothingElse(t *testing.T) {
	s, gateway := rig(t, nil)
	inside := listen(t) // what only the server may talk to
	insideAt := inside.LocalAddr().(*net.UDPAddr).AddrPort()
	user, pass := Credentials(secret, "1001", time.Now(), time.Minute)
	relay, err := client(t, s, user, pass).Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	for name, to := range map[string]netip.AddrPort{
		"another port of the gateway's address": netip.AddrPortFrom(told.Addr(), insideAt.Port()),
		"the loopback":                          insideAt,
		"the gateway by its inner address":      gateway.LocalAddr().(*net.UDPAddr).AddrPort(),
		"the world":                             netip.MustParseAddrPort("192.0.2.1:53"),
	} {
		_, err := relay.WriteTo([]byte(name), net.UDPAddrFromAddrPort(to))
		if to.Addr() != told.Addr() && err == nil {
			t.Errorf("%s may be named as a peer", name)
		}
	}
	buf := make([]byte, 100)
	for name, conn := range map[string]*net.UDPConn{"inside": inside, "the gateway": gateway} {
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, _, err := conn.ReadFromUDPAddrPort(buf); err == nil {
			t.Errorf("%s was reached by %q", name, buf[:n])
		}
	}
	port := relay.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	if _, err := inside.WriteToUDPAddrPort([]byte("in"), netip.AddrPortFrom(loopback, port)); err != nil {
		t.Fatal(err)
	}
	_ = relay.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, from, err := relay.ReadFrom(buf); err == nil {
		t.Errorf("%v got in with %q", from, buf[:n])
	}
	if s.relays.strayed.Load() < 4 {
		t.Errorf("%d counted", s.relays.strayed.Load())
	}
}

func TestCredentials(t *testing.T) {
	s, _ := rig(t, nil)
	good, pass := Credentials(secret, "1001", time.Now(), time.Minute)
	late, latePass := Credentials(secret, "1001", time.Now(), -time.Second)
	_, other := Credentials("another secret of length", "1001", time.Now(), time.Minute)
	for name, tt := range map[string]struct{ user, pass string }{
		"none":                 {"", ""},
		"run out":              {late, latePass},
		"of another server":    {good, other},
		"prolonged":            {strings.Replace(good, good[:1], "9", 1), pass},
		"of somebody else":     {good + "x", pass},
		"without an expiry":    {"1001", pass},
		"without a name":       {strings.Split(good, ":")[0], pass},
		"not even a number":    {"x:1001", pass},
		"an expiry beyond all": {strings.Repeat("9", 40) + ":1001", pass},
	} {
		relay, err := client(t, s, tt.user, tt.pass).Allocate()
		if err == nil {
			relay.Close()
			t.Errorf("%s: taken", name)
		}
	}
	if s.Relays() != 0 {
		t.Errorf("%d relays", s.Relays())
	}
}

// TestRelaysAreBounded for each name and in all, and given back.
func TestRelaysAreBounded(t *testing.T) {
	s, _ := rig(t, func(o *Options) { o.PerName, o.Ports = 2, [2]uint16{46020, 46022} })
	var open []net.PacketConn
	allocate := func(name string) error {
		user, pass := Credentials(secret, name, time.Now(), time.Minute)
		relay, err := client(t, s, user, pass).Allocate()
		if err == nil {
			open = append(open, relay)
		}
		return err
	}
	for i, want := range []bool{true, true, false} {
		if err := allocate("1001"); (err == nil) != want {
			t.Fatalf("relay %d of one name: %v", i+1, err)
		}
	}
	for i, want := range []bool{true, false} {
		if err := allocate("1002"); (err == nil) != want {
			t.Fatalf("relay %d in all: %v", i+3, err)
		}
	}
	for _, relay := range open {
		relay.Close()
	}
	for end := time.Now().Add(3 * time.Second); s.Relays() > 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if err := allocate("1001"); err != nil {
		t.Errorf("after all were given back (%d left): %v", s.Relays(), err)
	}
	for _, relay := range open[3:] {
		relay.Close()
	}
}

func TestOptions(t *testing.T) {
	if err := (Options{}).Validate(); err == nil {
		t.Error("nothing is set")
	}
	if _, err := Open(Options{Secret: "short"}); err == nil {
		t.Error("opened")
	}
}

// TestARelayOutlivesItsCredential: no new one is made with it, what is there goes on
// until its call ends.
func TestARelayOutlivesItsCredential(t *testing.T) {
	s, _ := rig(t, nil)
	for ago, want := range map[time.Duration]map[stun.Method]bool{
		-time.Minute: {stun.MethodAllocate: true, stun.MethodRefresh: true},
		time.Minute:  {stun.MethodAllocate: false, stun.MethodRefresh: true, stun.MethodCreatePermission: true, stun.MethodChannelBind: true},
	} {
		user, _ := Credentials(secret, "1001", time.Now().Add(-ago), 0)
		for method, want := range want {
			if name, _, ok := s.authenticate(&turn.RequestAttributes{Username: user, Realm: "lamplight", Method: method}); ok != want || ok && name != "1001" {
				t.Errorf("%s, run out %s ago: %t", method, ago, ok)
			}
		}
	}
}
