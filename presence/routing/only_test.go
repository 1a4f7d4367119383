package routing

import (
	"strings"
	"testing"

	"lamplight/presence"
)

// A call for one device rings that or nothing, and says so of the others.
func TestOnlyWhatWasAskedForRings(t *testing.T) {
	target := func(id string) Target { return Target{ID: id, Kind: presence.KindDesk} }
	both := Decision{
		Allow: true, Steps: []Step{{Targets: []Target{target("a"), target("b")}}, {After: 5, Targets: []Target{target("c")}}},
		Devices: []Considered{{ID: "a", Taken: true, Reason: "registered"}, {ID: "b", Taken: true, Reason: "registered"},
			{ID: "c", Taken: true, Reason: "after"}, {ID: "d", Reason: "switched off"}},
	}
	averted := Decision{Allow: true, Fallback: true, Code: 486, Text: "On a Call", Steps: []Step{{Targets: []Target{target("fallback")}}}}
	for name, c := range map[string]struct {
		d     Decision
		ids   []string
		rings string
		code  int
	}{
		"none in particular":   {both, nil, "a b c", 0},
		"one":                  {both, []string{"a"}, "a", 0},
		"of a later step":      {both, []string{"c"}, "c", 0},
		"one that does not":    {both, []string{"d"}, "", 480},
		"a fallback is no one": {averted, []string{"a"}, "", 486},
		"refused stays so":     {Decision{Code: 486}, []string{"a"}, "", 486},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.d.Only(c.ids)
			var rings []string
			for _, s := range got.Steps {
				for i := range s.Targets {
					rings = append(rings, s.Targets[i].ID)
				}
			}
			if text := strings.Join(rings, " "); text != c.rings || got.Code != c.code || got.Allow != (c.code == 0) || got.Fallback {
				t.Errorf("rings %q: %+v", text, got)
			}
			for _, dev := range got.Devices {
				if dev.Reason == "" || dev.Taken != (strings.Contains(c.rings, dev.ID)) {
					t.Errorf("device %+v", dev)
				}
			}
		})
	}
	if len(both.Steps[0].Targets) != 2 || !both.Devices[1].Taken {
		t.Errorf("what was decided has changed: %+v", both)
	}
}
