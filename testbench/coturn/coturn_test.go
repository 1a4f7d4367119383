//go:build testbench

package coturn

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/pion/turn/v5"

	own "lamplight/webrtc/turn"
)

const shared = "a secret of some length"

// TestReachesTheGatewayAlone: the lines the README has for operators keep a page from
// going anywhere else by the relay.
func TestReachesTheGatewayAlone(t *testing.T) {
	s := Start(t, Options{Secret: shared})
	conn, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	user, pass := own.Credentials(shared, "1001", time.Now(), time.Minute)
	c, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: s.Plain, Conn: conn, Username: user, Password: pass})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	relay, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = relay.Close() }()
	for _, ip := range []string{"127.0.0.2", "10.0.0.1", "192.168.1.1", "169.254.169.254", "8.8.8.8"} {
		if err := c.CreatePermission(&net.UDPAddr{IP: net.ParseIP(ip), Port: 5060}); err == nil {
			t.Errorf("a page may reach %s", ip)
		}
	}
	if err := c.CreatePermission(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5060}); err != nil {
		t.Errorf("the gateway: %v", err)
	}
}
