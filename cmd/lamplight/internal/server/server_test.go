package server

import (
	"testing"

	"lamplight/presence"
)

func TestBusyLampIsForTheNamedPhones(t *testing.T) {
	for name, c := range map[string]struct {
		begins []string
		agent  string
		want   bool
	}{
		"none by default":  {nil, "Yealink SIP-T46S 66.85.0.5", false},
		"named":            {[]string{"Snom", "yealink"}, "Yealink SIP-T46S 66.85.0.5", true},
		"another":          {[]string{"snom"}, "Yealink SIP-T46S 66.85.0.5", false},
		"all":              {[]string{"*"}, "", true},
		"the end is not":   {[]string{"66.85"}, "Yealink SIP-T46S 66.85.0.5", false},
		"says nothing":     {[]string{"snom"}, "", false},
		"longer than name": {[]string{"yealink sip-t46s 66.85.0.5 x"}, "Yealink SIP-T46S 66.85.0.5", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := &presence.Domain{Policy: presence.Policy{BusyLamp: c.begins}}
			if got := busyLamp(d, c.agent); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
