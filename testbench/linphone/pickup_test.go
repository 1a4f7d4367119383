//go:build testbench

package linphone

import "testing"

// TestPickup: 1001 calls 1002, and 1003 takes the call by code. Linphone says that
// it knows Replaces and would ring anew, so the one who picks up is rung.
func TestPickup(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			s := serve(t)
			a, b, c := three(t, s, transport)
			c.says("autoanswer enable")
			a.says("call 1002")
			b.said("Receiving new incoming call from sip:1001@")
			a.said("ringing")
			c.says("call **1002")
			a.said("Media streams established with")
			s.TeamStatus("1003", "on_a_call", within)
			s.TeamStatus("1001", "on_a_call", within)
			s.TeamStatus("1002", "offline", within)
			c.logged("answer-after=0")
			b.logged("Call completed elsewhere")
			b.said("ended")
			a.says("terminate all")
			s.TeamStatus("1003", "offline", within)
			s.TeamStatus("1001", "offline", within)
		})
	}
}
