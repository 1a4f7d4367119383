package status

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
)

// ErrForward says that the forwarding options cannot express what a phone wishes.
var ErrForward = errors.New("cannot be forwarded so")

// maxAfter is how long the devices may ring before a number does.
const maxAfter = time.Minute

// Forwarded says what the forwarding options mean in the words of a phone:
//
//   - always: no device is on, and a number that rings at once is.
//   - no answer: a number is on that rings later.
//   - busy: never. What is refused while an agent is busy goes to the fallback,
//     which is the administrator's.
//
// While every call is forwarded, the set from before it says what else holds.
func Forwarded(s *presence.Settings, k presence.ForwardKind) presence.Forwarding {
	f := presence.Forwarding{Kind: k}
	switch k {
	case presence.ForwardAlways:
		if n := atOnce(&s.Options); n != nil {
			f.On, f.To = true, n.Number
		}
	case presence.ForwardNoAnswer:
		if n := later(basis(s)); n != nil {
			f.On, f.To, f.After = true, n.Number, n.Delay
		}
	}
	return f
}

// Forward makes the settings mean what a phone wishes; Forwarded is its inverse.
// What is so already changes nothing. Errors are ErrForward with a text for
// people.
func Forward(s presence.Settings, f presence.Forwarding) (presence.Settings, error) {
	if err := expressible(&f); err != nil {
		return s, err
	}
	have := Forwarded(&s, f.Kind)
	if f.On == have.On && (!f.On || f == have) {
		return s, nil
	}
	next := s
	next.Options = cloneOptions(s.Options)
	if s.Before != nil {
		before := cloneOptions(*s.Before)
		next.Before = &before
	}
	switch {
	case f.Kind == presence.ForwardNoAnswer:
		forwardLater(&next, f)
	case f.On:
		forwardAtOnce(&next, f.To)
	default:
		forwardNoMore(&next)
	}
	prune(&next)
	return next, nil
}

func expressible(f *presence.Forwarding) error {
	switch f.Kind {
	case presence.ForwardAlways:
		f.After = 0
	case presence.ForwardNoAnswer:
		if f.On && (f.After <= 0 || f.After > maxAfter) {
			return fmt.Errorf("%w: a phone may ring for %s to %s before a number does", ErrForward, presence.ForwardRing, maxAfter)
		}
	case presence.ForwardBusy:
		if f.On {
			return fmt.Errorf("%w: where calls go while an agent is busy is the administrator's choice", ErrForward)
		}
	default:
		return fmt.Errorf("%w: %q is no kind of forwarding", ErrForward, f.Kind)
	}
	switch {
	case !f.On:
	case f.To == "":
		return fmt.Errorf("%w: no number is given", ErrForward)
	case !dialable(f.To):
		return fmt.Errorf("%w: %q is no number to forward to", ErrForward, f.To)
	}
	return nil
}

// dialable: digits, star and hash, with a plus in front.
func dialable(s string) bool {
	return len(s) <= 32 && strings.Trim(strings.TrimPrefix(s, "+"), "0123456789*#") == "" && strings.ContainsAny(s, "0123456789")
}

// atOnce is the number that every call goes to, nil if there is none.
func atOnce(o *presence.Options) *presence.Number {
	if o.Webphone || o.SIPPhone || o.Mobile {
		return nil
	}
	for i := range o.Numbers {
		if n := &o.Numbers[i]; n.Enabled && n.Delay == 0 {
			return n
		}
	}
	return nil
}

// later is the number that rings first of those that ring later.
func later(o *presence.Options) (first *presence.Number) {
	for i := range o.Numbers {
		if n := &o.Numbers[i]; n.Enabled && n.Delay > 0 && (first == nil || n.Delay < first.Delay) {
			first = n
		}
	}
	return first
}

// basis is the set that holds apart from forwarding every call.
func basis(s *presence.Settings) *presence.Options {
	if s.Before != nil && atOnce(&s.Options) != nil {
		return s.Before
	}
	return &s.Options
}

// forwardAtOnce turns everything off but the one number.
func forwardAtOnce(s *presence.Settings, to string) {
	o := &s.Options
	if atOnce(o) == nil {
		before := cloneOptions(*o)
		s.Before = &before
	}
	o.Webphone, o.SIPPhone, o.Mobile = false, false, false
	for i := range o.Numbers {
		o.Numbers[i].Enabled = false
	}
	n := numberOf(o, to)
	n.Enabled, n.Delay = true, 0
}

// forwardNoMore brings back the set from before every call was forwarded. A
// number that was removed meanwhile stays away.
func forwardNoMore(s *presence.Settings) {
	o, before := &s.Options, s.Before
	s.Before = nil
	if before == nil { // the agent came to it by another way
		before = &presence.Options{Webphone: true, SIPPhone: true, Mobile: true}
	}
	o.Webphone, o.SIPPhone, o.Mobile = before.Webphone, before.SIPPhone, before.Mobile
	for i := range o.Numbers {
		n := &o.Numbers[i]
		if at := slices.IndexFunc(before.Numbers, sameAs(n.Number)); at >= 0 {
			n.Enabled, n.Delay = before.Numbers[at].Enabled, before.Numbers[at].Delay
		} else if n.Delay == 0 {
			n.Enabled = false
		}
	}
}

// forwardLater turns on the one number that rings later, or every such off.
func forwardLater(s *presence.Settings, f presence.Forwarding) {
	o := basis(s)
	for i := range o.Numbers {
		if n := &o.Numbers[i]; n.Delay > 0 {
			n.Enabled = false
		}
	}
	if !f.On {
		return
	}
	numberOf(&s.Options, f.To) // also where it is off for now, so that it comes back
	n := numberOf(o, f.To)
	n.Enabled, n.Delay = true, f.After
}

// numberOf finds a number, or adds it as the phone's own, off.
func numberOf(o *presence.Options, to string) *presence.Number {
	at := slices.IndexFunc(o.Numbers, sameAs(to))
	if at < 0 {
		at = len(o.Numbers)
		o.Numbers = append(o.Numbers, presence.Number{Number: to, Phone: true})
	}
	return &o.Numbers[at]
}

// prune takes out the numbers a phone had entered that it no longer uses.
func prune(s *presence.Settings) {
	unused := func(n presence.Number) bool { return n.Phone && !n.Enabled }
	if s.Before != nil {
		s.Before.Numbers = slices.DeleteFunc(s.Before.Numbers, unused)
	}
	s.Options.Numbers = slices.DeleteFunc(s.Options.Numbers, func(n presence.Number) bool {
		return unused(n) && (s.Before == nil || !slices.ContainsFunc(s.Before.Numbers, sameAs(n.Number)))
	})
}

func sameAs(number string) func(presence.Number) bool {
	return func(n presence.Number) bool { return n.Number == number }
}
