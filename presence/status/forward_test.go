package status_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/status"
)

func always(to string) presence.Forwarding {
	return presence.Forwarding{Kind: presence.ForwardAlways, On: to != "", To: to}
}

func noAnswer(to string, after time.Duration) presence.Forwarding {
	return presence.Forwarding{Kind: presence.ForwardNoAnswer, On: to != "", To: to, After: after}
}

// pressed are the settings after the keys.
func pressed(t *testing.T, s presence.Settings, keys ...presence.Forwarding) presence.Settings {
	t.Helper()
	for _, k := range keys {
		before := s.Options
		next, err := status.Forward(s, k)
		if err != nil {
			t.Fatalf("%+v: %v", k, err)
		}
		if got := status.Forwarded(&next, k.Kind); got != k {
			t.Fatalf("after %+v the settings say %+v", k, got)
		}
		if again, err := status.Forward(next, k); err != nil || !reflect.DeepEqual(again, next) {
			t.Fatalf("%+v pressed again: %+v, %v; want no change", k, again, err)
		}
		if !reflect.DeepEqual(before, s.Options) {
			t.Fatal("the settings handed in were changed")
		}
		s = next
	}
	return s
}

func TestForwardingEveryCallAndBack(t *testing.T) {
	own := presence.Options{Webphone: true, Mobile: true, Numbers: []presence.Number{
		{Number: "500", Enabled: true, Delay: 20 * time.Second, Confirm: true}, {Number: "600"}}}
	for name, c := range map[string]struct {
		keys []presence.Forwarding
		want presence.Options
	}{
		"to a new number, which goes again":     {[]presence.Forwarding{always("700"), always("")}, own},
		"to another, then back":                 {[]presence.Forwarding{always("700"), always("600"), always("")}, own},
		"to one that rings later otherwise":     {[]presence.Forwarding{always("500"), always("")}, own},
		"off without being on":                  {[]presence.Forwarding{always("")}, own},
		"with no answer turned off meanwhile":   {[]presence.Forwarding{always("700"), noAnswer("", 0), always("")}, presence.Options{Webphone: true, Mobile: true, Numbers: []presence.Number{{Number: "500", Delay: 20 * time.Second, Confirm: true}, {Number: "600"}}}},
		"with another no answer set meanwhile":  {[]presence.Forwarding{always("700"), noAnswer("800", 15*time.Second), always("")}, presence.Options{Webphone: true, Mobile: true, Numbers: []presence.Number{{Number: "500", Delay: 20 * time.Second, Confirm: true}, {Number: "600"}, {Number: "800", Enabled: true, Delay: 15 * time.Second, Phone: true}}}},
		"no answer to the same number as every": {[]presence.Forwarding{always("700"), noAnswer("700", 15*time.Second), always(""), noAnswer("", 0)}, presence.Options{Webphone: true, Mobile: true, Numbers: []presence.Number{{Number: "500", Delay: 20 * time.Second, Confirm: true}, {Number: "600"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := pressed(t, presence.Settings{Options: own}, c.keys...)
			if !reflect.DeepEqual(got.Options, c.want) || got.Before != nil {
				t.Errorf("got %+v, before %+v; want %+v", got.Options, got.Before, c.want)
			}
		})
	}
}

func TestForwardingEveryCallRingsNothingElse(t *testing.T) {
	s := pressed(t, presence.DefaultSettings(), noAnswer("500", 15*time.Second), always("700"))
	o := s.Options
	if o.Webphone || o.SIPPhone || o.Mobile {
		t.Errorf("devices are on: %+v", o)
	}
	for _, n := range o.Numbers {
		if n.Enabled != (n.Number == "700") {
			t.Errorf("number %+v", n)
		}
	}
	if f := status.Forwarded(&s, presence.ForwardNoAnswer); !f.On || f.To != "500" {
		t.Errorf("no answer says %+v; it holds again once every call is no longer forwarded", f)
	}
}

func TestForwardingOffWithoutAnEarlierSetTurnsTheDevicesOn(t *testing.T) {
	s := presence.Settings{Options: presence.Options{Numbers: []presence.Number{{Number: "500", Enabled: true}}}}
	if f := status.Forwarded(&s, presence.ForwardAlways); !f.On || f.To != "500" {
		t.Fatalf("a number alone is %+v, want every call forwarded to it", f)
	}
	s = pressed(t, s, always(""))
	if o := s.Options; !o.Webphone || !o.SIPPhone || !o.Mobile || o.Numbers[0].Enabled {
		t.Errorf("options %+v", o)
	}
}

func TestAllOffIsNoForwarding(t *testing.T) {
	s, _ := status.AllOff(presence.DefaultSettings())
	for _, k := range []presence.ForwardKind{presence.ForwardAlways, presence.ForwardNoAnswer, presence.ForwardBusy} {
		if f := status.Forwarded(&s, k); f.On {
			t.Errorf("%+v", f)
		}
	}
	s = pressed(t, s, always("700"), always(""))
	if s.Options.Any() {
		t.Errorf("all was off before, now %+v", s.Options)
	}
}

func TestWhatCannotBeForwardedIsRefused(t *testing.T) {
	for name, f := range map[string]presence.Forwarding{
		"busy":            {Kind: presence.ForwardBusy, On: true, To: "500"},
		"to a word":       always("reception"),
		"to two numbers":  always("500+600"),
		"nowhere":         {Kind: presence.ForwardAlways, On: true},
		"after no ring":   noAnswer("500", 0),
		"after too many":  noAnswer("500", 65*time.Second),
		"no kind of it":   {Kind: "never", On: true, To: "500"},
		"no kind, off":    {},
		"later, nowhere ": {Kind: presence.ForwardNoAnswer, On: true, After: time.Second},
	} {
		s := presence.DefaultSettings()
		if got, err := status.Forward(s, f); !errors.Is(err, status.ErrForward) || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := status.Forward(presence.DefaultSettings(), presence.Forwarding{Kind: presence.ForwardBusy}); err != nil || !reflect.DeepEqual(got, presence.DefaultSettings()) {
		t.Errorf("busy off: %+v, %v; want no change", got, err)
	}
}
