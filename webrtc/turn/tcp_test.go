package turn

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/pion/turn/v5"

	"lamplight/sip/siptest"
)

// TestRelaysByTCPAndTLS: a browser whose network lets no UDP pass, and the place that
// its connection takes is given back.
func TestRelaysByTCPAndTLS(t *testing.T) {
	for name, conf := range map[string]*tls.Config{"TCP": nil, "TLS": siptest.Certificate(t)} {
		t.Run(name, func(t *testing.T) {
			s, gateway := rig(t, func(o *Options) { o.TLS = conf })
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.TCPAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			if conf != nil {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
			}
			user, pass := Credentials(secret, "1001", time.Now(), time.Minute)
			c, err := turn.NewClient(&turn.ClientConfig{
				TURNServerAddr: s.TCPAddr().String(), Conn: turn.NewSTUNConn(conn), Username: user, Password: pass,
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Listen(); err != nil {
				t.Fatal(err)
			}
			relay, err := c.Allocate()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := relay.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(told)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			_ = gateway.SetReadDeadline(time.Now().Add(3 * time.Second))
			if n, _, err := gateway.ReadFromUDPAddrPort(buf); err != nil || string(buf[:n]) != "hello" {
				t.Fatalf("%q, %v", buf[:n], err)
			}
			if s.tcp.Open() != 1 || s.Relays() != 1 {
				t.Errorf("%d connections, %d relays", s.tcp.Open(), s.Relays())
			}
			_ = conn.Close() // without a word
			_ = relay.Close()
			c.Close()
			for end := time.Now().Add(3 * time.Second); s.tcp.Open()+s.Relays() > 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d connections and %d relays are left", s.tcp.Open(), s.Relays())
				}
			}
		})
	}
}
