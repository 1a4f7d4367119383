//go:build testbench

package sipp

import "testing"

func TestWhatIsNotServedIsRefusedAsTheRFCSays(t *testing.T) {
	r := newRig(t)
	for _, tcp := range []bool{false, true} {
		for _, scenario := range []string{"options", "unknown_method", "unknown_extension", "too_many_hops"} {
			name := scenario + " UDP"
			if tcp {
				name = scenario + " TCP"
			}
			t.Run(name, func(t *testing.T) {
				r.in(t).run(scenario, Run{Number: "1001", TCP: tcp, Keys: map[string]string{"kind": "regular"}})
			})
		}
	}
}
