package routing

import (
	"testing"
	"time"

	"lamplight/presence"
)

func ringing(r presence.Ringing) func(*presence.Facts) {
	return func(f *presence.Facts) { f.Settings.Ringing = r }
}

// timed is when each target rings, and for how long.
func timed(d Decision) map[string]string {
	out := map[string]string{}
	for _, s := range d.Steps {
		for _, t := range s.Targets {
			out[t.ID] = s.After.String() + " " + t.Ring.String()
		}
	}
	return out
}

func TestDevicesRingInOrderAndForTheirTime(t *testing.T) {
	const sec = time.Second
	num := dev(9).String()
	second := func(f *presence.Facts) {
		f.Registrations = append(f.Registrations, presence.Registration{
			ID: "desk2", Device: desk, Kind: presence.KindDesk, Contact: "sip:1001@192.0.2.9", Q: 300, Alive: true})
	}
	for name, c := range map[string]struct {
		ringing presence.Ringing
		facts   func(*presence.Facts)
		want    map[string]string
		reasons map[string]string
	}{
		"together": {want: map[string]string{"s1": "0s 0s", "desk": "0s 0s", "mobile": "0s 0s", num: "15s 0s"},
			reasons: map[string]string{"desk": "rings at once", num: "rings after 15s"}},
		"with delays and ring times": {
			ringing: presence.Ringing{Devices: []presence.DeviceRing{{Device: mobile, After: 10 * sec}, {Device: webphone, Ring: 12 * sec}, {Device: dev(9), After: 5 * sec, Ring: 30 * sec}}},
			want:    map[string]string{"s1": "0s 12s", "desk": "0s 0s", "mobile": "10s 0s", num: "15s 30s"},
			reasons: map[string]string{"s1": "rings at once, for 12s", "mobile": "rings after 10s", num: "rings after 15s, for 30s"},
		},
		"a device that is not there": {
			ringing: presence.Ringing{Devices: []presence.DeviceRing{{Device: dev(77), After: 10 * sec}}},
			want:    map[string]string{"s1": "0s 0s", "desk": "0s 0s", "mobile": "0s 0s", num: "15s 0s"},
		},
		"in order": {
			ringing: presence.Ringing{InOrder: true},
			want:    map[string]string{"s1": "0s 20s", "desk": "20s 20s", "mobile": "40s 20s", num: "1m0s 20s"},
			reasons: map[string]string{"s1": "rings at once, for 20s", num: "rings after 1m0s, for 20s"},
		},
		"in an order of their own": {
			ringing: presence.Ringing{InOrder: true, Devices: []presence.DeviceRing{{Device: mobile, Ring: 10 * sec}, {Device: desk, Ring: 5 * sec, After: 30 * sec}}},
			want:    map[string]string{"mobile": "0s 10s", "desk": "30s 5s", "s1": "35s 20s", num: "55s 20s"},
		},
		"the contacts of one phone ring together": {
			ringing: presence.Ringing{InOrder: true, Devices: []presence.DeviceRing{{Device: desk}}}, facts: second,
			want: map[string]string{"desk": "0s 20s", "desk2": "0s 20s", "s1": "20s 20s", "mobile": "40s 20s", num: "1m0s 20s"},
		},
		"who cannot ring has no turn": {
			ringing: presence.Ringing{InOrder: true}, facts: loggedOut,
			want: map[string]string{"desk": "0s 20s", "mobile": "20s 20s", num: "40s 20s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := typical(ringing(c.ringing), numbers(presence.Number{ID: dev(9), Number: "0301", Enabled: true, Delay: 15 * sec}))
			if c.facts != nil {
				c.facts(&f)
			}
			d := decide(f, house(), presence.CallRegular)
			got := timed(d)
			for id, want := range c.want {
				if got[id] != want {
					t.Errorf("%s rings %q, want %q", id, got[id], want)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("rings %v", got)
			}
			for id, want := range c.reasons {
				if r := reason(d, id); r != want {
					t.Errorf("%s: %q, want %q", id, r, want)
				}
			}
			replayed(t, f, house(), Call{Kind: presence.CallRegular, At: t0})
		})
	}
}

// Who is redirected rings in the same order.
func TestRedirectKeepsTheOrder(t *testing.T) {
	f := typical(ringing(presence.Ringing{InOrder: true, Devices: []presence.DeviceRing{{Device: mobile}, {Device: desk}}}))
	p := house()
	d := Decide(snapshot(f, p), p, Call{Kind: presence.CallRegular, Redirect: true, At: t0})
	if len(d.Steps) != 2 || d.Steps[0].Targets[0].ID != "mobile" || d.Steps[0].Targets[0].Q != 1000 || d.Steps[1].Targets[0].Q != 500 {
		t.Errorf("%+v", d.Steps)
	}
}
