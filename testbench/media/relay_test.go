//go:build testbench

package media

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/turn"
)

// TestChromiumByRelay: a page that may use nothing but the TURN server, by UDP and
// by TCP.
func TestChromiumByRelay(t *testing.T) {
	browser, url := chromium(t, micTone)
	g, at := gatewayAt(t)
	const secret = "a secret of some length"
	server, err := turn.Open(turn.Options{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", Secret: secret, Relay: netip.MustParseAddr("127.0.0.1"), Ports: [2]uint16{33200, 33219},
		To: map[netip.AddrPort]netip.AddrPort{at: at},
	})
	ok(t, err)
	t.Cleanup(func() { _ = server.Close() })
	user, pass := turn.Credentials(secret, "1001", time.Now(), time.Hour)
	for name, u := range map[string]string{
		"UDP": "turn:" + server.Addr().String() + "?transport=udp", "TCP": "turn:" + server.TCPAddr().String() + "?transport=tcp",
	} {
		t.Run(name, func(t *testing.T) {
			ice, err := json.Marshal(map[string]any{"urls": []string{u}, "username": user, "credential": pass})
			ok(t, err)
			p := tabOf(browser, t, url, "0, "+string(ice))
			phone, err := mediatest.NewPhone(mediatest.PhoneOptions{Hz: phoneTone})
			ok(t, err)
			t.Cleanup(phone.Close)
			b := bridge(t, g)
			browserOffers(t, b, p, "", func() { phoneAnswers(t, b, phone) })
			bothHear(t, p, phone)
			if server.Relays() == 0 {
				t.Error("without a relay")
			}
		})
	}
}
