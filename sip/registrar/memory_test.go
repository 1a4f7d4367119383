package registrar

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMemoryOfABinding holds a registered phone, with all that is kept by agent,
// to 1.3 KB with long headers and 1 KB with common ones.
func TestMemoryOfABinding(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		limit  uint64
	}{
		"common": {"Contact: <sip:1001@192.0.2.17:5060;transport=udp>\nExpires: 3600\nUser-Agent: Example Desk 7.1", 1000},
		"long": {`Contact: "Agent 1001" <sip:1001@192.0.2.17:5060;transport=udp;ob>;reg-id=1;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";expires=3600` +
			"\nUser-Agent: Example SIP-T48S 66.86.0.15 " + strings.Repeat("0", 20), 1300},
		"absurd": {"Contact: <sip:1001@192.0.2.17:5060>\nExpires: 3600\nUser-Agent: " + strings.Repeat("0", 12_000), 1300},
	} {
		t.Run(name, func(t *testing.T) {
			const count = 5000
			b := newBench(t, Limits{})
			s := newShard(&Registrar{})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range count {
				b.have, b.agent.ID[15], b.agent.ID[14] = nil, byte(i), byte(i>>8)
				if status, _, _ := b.register(step{after: time.Second, header: c.header, callID: fmt.Sprintf("%032x@192.0.2.17", i)}); status != 200 {
					t.Fatal(status)
				}
				s.agents[b.agent] = &record{bindings: b.have}
				for _, x := range b.have {
					s.scheduleLocked(x)
				}
			}
			b.have = nil
			runtime.GC()
			runtime.ReadMemStats(&after)
			each := (after.HeapAlloc - before.HeapAlloc) / count
			t.Logf("%d bytes each", each)
			if each > c.limit {
				t.Errorf("%d bytes each, at most %d wanted", each, c.limit)
			}
			runtime.KeepAlive(s)
		})
	}
}
