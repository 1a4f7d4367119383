//go:build testbench

package linphone

import "testing"

// TestChat: a message outside of a call reaches the other's phone.
func TestChat(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			a, b, _ := three(t, serve(t), transport)
			a.says("chat sip:1002@" + domain + " Kaffee?")
			b.said("Kaffee?")
		})
	}
}
