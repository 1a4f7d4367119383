package presence

import (
	"strings"
	"testing"
	"time"
)

func TestRingingIsBounded(t *testing.T) {
	a, b := DeviceID{ID: ID{1}}, DeviceID{ID: ID{2}}
	many := make([]DeviceRing, maxRings+1)
	for i := range many {
		many[i].Device.ID[0] = byte(i + 1)
	}
	for want, list := range map[string][]DeviceRing{
		"":                     {{Device: a, After: time.Minute, Ring: 2 * time.Minute}, {Device: b, Ring: 5 * time.Second}},
		"a device is missing":  {{After: time.Second}},
		"after 1m1s is not":    {{Device: a, After: 61 * time.Second}},
		"after -1s is not":     {{Device: a, After: -time.Second}},
		"a ring time of 4s is": {{Device: a, Ring: 4 * time.Second}},
		"is there twice":       {{Device: a}, {Device: a}},
		"more than 64 devices": many,
	} {
		r := Ringing{Devices: list}
		if err := r.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
