package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/turn"
)

// TestByRelay: a page that can reach nothing but the TURN server talks through it.
func TestByRelay(t *testing.T) {
	o := options(t, 4)
	g := open(t, o)
	at := o.Port.Addr().(*net.UDPAddr).AddrPort()
	const secret = "a secret of some length"
	server, err := turn.Open(turn.Options{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", Secret: secret, Relay: loopback, Ports: [2]uint16{47000, 47019},
		To: map[netip.AddrPort]netip.AddrPort{at: at},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	user, pass := turn.Credentials(secret, "1001", time.Now(), time.Hour)
	for _, url := range []string{"turn:" + server.Addr().String(), "turn:" + server.TCPAddr().String() + "?transport=tcp"} {
		t.Run(url, func(t *testing.T) {
			c := newCall(t, g, mediatest.PageOptions{
				Relay: &webrtc.ICEServer{URLs: []string{url}, Username: user, Credential: pass},
			}, mediatest.PhoneOptions{}, BridgeOptions{})
			c.fromPhone()
			c.bothHear()
			c.sound()
			if server.Relays() == 0 {
				t.Error("without a relay")
			}
		})
	}
}
