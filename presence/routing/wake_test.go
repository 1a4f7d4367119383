package routing

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lamplight/presence"
)

// bedtime is an agent whose one device is a mobile that sleeps, and more.
func bedtime(more ...func(*presence.Facts)) presence.Facts {
	return typical(append([]func(*presence.Facts){loggedOut, func(f *presence.Facts) {
		f.Registrations = slices.DeleteFunc(f.Registrations, func(r presence.Registration) bool { return r.ID != "mobile" })
		f.Registrations[0].Alive = false
	}}, more...)...)
}

func TestSleepers(t *testing.T) {
	regular := Call{Kind: presence.CallRegular, Redirect: true, At: t0}
	for name, tc := range map[string]struct {
		f    presence.Facts
		c    Call
		want string
	}{
		"asleep":                {bedtime(), regular, "mobile"},
		"awake":                 {typical(), regular, ""},
		"beside others":         {typical(func(f *presence.Facts) { f.Registrations[1].Alive = false }), regular, "mobile"},
		"on a call":             {bedtime(leg(presence.Inbound, presence.LegTalking)), regular, ""},
		"Do Not Disturb":        {bedtime(selected(presence.SelectDND)), regular, ""},
		"its option off":        {bedtime(func(f *presence.Facts) { f.Settings.Options.Mobile = false }), regular, ""},
		"campaign":              {bedtime(), Call{Kind: presence.CallCampaign, Redirect: true, At: t0}, ""},
		"behind our flow":       {bedtime(func(f *presence.Facts) { f.Registrations[0].FlowOnly = true }), regular, ""},
		"behind our flow, ours": {bedtime(func(f *presence.Facts) { f.Registrations[0].FlowOnly = true }), Call{Kind: presence.CallRegular, At: t0}, "mobile"},
		"asked already":         {bedtime(), Call{Kind: presence.CallRegular, Redirect: true, At: t0, Wakings: []Waking{{ID: "mobile"}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(Sleepers(snapshot(tc.f, house()), house(), tc.c), ","); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	if Sleepers(nil, house(), regular) != nil {
		t.Error("of nobody")
	}
}

func TestWhatCameOfWakingIsInTheDecision(t *testing.T) {
	const slept = "did not wake within 8s"
	for name, tc := range map[string]struct {
		f      presence.Facts
		w      Waking
		rings  string
		text   string // of the refusal
		reason string // of the device
	}{
		"woke":          {typical(loggedOut, func(f *presence.Facts) { f.Registrations = f.Registrations[1:] }), Waking{"mobile", true, "woken by push after 2.1 s"}, "0s:mobile", "", "woken by push after 2.1 s, rings at once"},
		"slept on":      {bedtime(), Waking{"mobile", false, slept}, "", "The mobile did not wake", slept},
		"token is gone": {bedtime(func(f *presence.Facts) { f.Registrations = nil }), Waking{"mobile", false, "gone"}, "", "The mobile did not wake", "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, redirect := range []bool{true, false} {
				d := Decide(snapshot(tc.f, house()), house(), Call{Kind: presence.CallRegular, Redirect: redirect, At: t0, Wakings: []Waking{tc.w}})
				if got := rings(d); got != tc.rings || d.Text != tc.text || reason(d, "mobile") != tc.reason {
					t.Errorf("redirect %v: rings %q, text %q, because %q", redirect, got, d.Text, reason(d, "mobile"))
				}
			}
		})
	}
}

// Whatever the agent's state: who would be woken is no target now where the asker is
// redirected, would be one if it were awake, and is left out once it did not wake.
func TestSleepersHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := draw(t)
		c := drawCall(t)
		s := snapshot(f, p)
		for _, id := range Sleepers(s, p, c) {
			if c.Redirect && slices.Contains(targets(Decide(s, p, c)), id) {
				t.Fatalf("%s rings asleep", id)
			}
			awake := *s
			awake.Devices = slices.Clone(s.Devices)
			for i := range awake.Devices {
				if awake.Devices[i].ID == id {
					awake.Devices[i].Wake = false
				}
			}
			if !slices.Contains(targets(Decide(&awake, p, c)), id) {
				t.Fatalf("%s does not ring when it is awake", id)
			}
			c.Wakings = append(c.Wakings, Waking{ID: id, Text: "did not wake"})
			if slices.Contains(targets(Decide(s, p, c)), id) {
				t.Fatalf("%s rings though it did not wake", id)
			}
		}
	})
}

func targets(d Decision) (ids []string) {
	for _, s := range d.Steps {
		for _, t := range s.Targets {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
