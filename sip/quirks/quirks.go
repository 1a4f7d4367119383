// Package quirks knows how the phones differ: one table from User-Agent to what
// has to be done otherwise for that family.
//
// A table is read from its beginning and the first entry that matches wins, so
// a configuration puts its own entries before the shipped ones. Who asks keeps
// the answer as long as it serves the phone: nothing else in the code looks at a
// User-Agent to decide anything.
package quirks

import (
	"errors"
	"fmt"
	"strings"
)

// Set is a set of quirks. It is stored with subscriptions, so the value of a
// quirk never changes.
type Set uint32

// The quirks, by the names a configuration uses.
const (
	// BusyLamp (busy_lamp): a status that takes no calls lights the lamp, as a
	// confirmed dialog without a remote party. It is off where nobody asked for
	// it, because callers read a lit lamp as "is speaking".
	BusyLamp Set = 1 << iota
	// PartialDialog (partial_dialog): the phone applies partial state (RFC 4235
	// §4.3), so only the dialogs that changed are sent.
	PartialDialog
	// SingleDialog (single_dialog): the phone reads one dialog of a document.
	SingleDialog
	// PvalOnly (pval_only) and PvalueOnly (pvalue_only): the phone refuses the
	// other spelling of a parameter's value. Most take a document that has both.
	PvalOnly
	PvalueOnly
	// CiscoActivities (cisco_activities): the phone shows presence by activities
	// of its maker's own namespace.
	CiscoActivities
	// XPIDF (xpidf): presence in the older format application/xpidf+xml, where
	// the phone accepts it.
	XPIDF
	// LinphoneList (linphone_list): resource lists in the form of one family,
	// which ignores or even dies of the RFC's.
	LinphoneList
	// NoOptions (no_options): the phone answers no OPTIONS though it is there, so it
	// is never asked whether it is.
	NoOptions
	// NoReplaces (no_replaces): the phone says that it knows Replaces (RFC 3891), and
	// rings as for any call where one is to take the place of a call that it makes.
	NoReplaces
)

// names are in the order of the bits.
func names() [10]string {
	return [...]string{"busy_lamp", "partial_dialog", "single_dialog", "pval_only", "pvalue_only", "cisco_activities", "xpidf", "linphone_list", "no_options", "no_replaces"}
}

// Has reports whether all quirks of q are in the set.
func (s Set) Has(q Set) bool { return s&q == q }

// Names lists the quirks of the set.
func (s Set) Names() []string {
	var out []string
	for i, name := range names() {
		if s.Has(1 << i) {
			out = append(out, name)
		}
	}
	return out
}

// Parse reads the names of quirks.
func Parse(list ...string) (Set, error) {
	var s Set
	for _, want := range list {
		found := false
		for i, name := range names() {
			if name == want {
				s, found = s|1<<i, true
			}
		}
		if !found {
			all := names()
			return 0, fmt.Errorf("%q is no quirk: %s", want, strings.Join(all[:], ", "))
		}
	}
	return s, nil
}

// Phone is one family of phones.
type Phone struct {
	// Match is what its User-Agent begins with; * stands for any characters, and
	// case does not matter.
	Match  string
	Quirks Set
	// LargestBody is how many bytes the body of a datagram to it may have; 0: as
	// many as fit a packet together with the headers.
	LargestBody int
}

// The bounds of LargestBody and of a table.
const (
	minBody    = 300
	maxBody    = 60_000
	maxPhones  = 1000
	maxPattern = 200
)

// Table finds what is known of a phone. It is immutable.
type Table []Phone

// Find is the first entry that matches; an unknown phone has no quirks.
func (t Table) Find(userAgent string) Phone {
	for i := range t {
		if Match(t[i].Match, userAgent) {
			return t[i]
		}
	}
	return Phone{}
}

// Validate names the first mistake of an entry.
func (p Phone) Validate() error {
	switch {
	case p.Match == "":
		return errors.New("match is missing: what the User-Agent begins with")
	case len(p.Match) > maxPattern:
		return fmt.Errorf("match is longer than %d characters", maxPattern)
	case p.LargestBody != 0 && (p.LargestBody < minBody || p.LargestBody > maxBody):
		return fmt.Errorf("a largest body of %d bytes is not between %d and %d", p.LargestBody, minBody, maxBody)
	case p.Quirks.Has(PvalOnly | PvalueOnly):
		return errors.New("pval_only and pvalue_only exclude each other")
	}
	return nil
}

// Validate names the first mistake of a table.
func (t Table) Validate() error {
	if len(t) > maxPhones {
		return fmt.Errorf("quirks: more than %d entries", maxPhones)
	}
	for i := range t {
		if err := t[i].Validate(); err != nil {
			return fmt.Errorf("quirks: entry %d: %w", i, err)
		}
	}
	return nil
}

// Match reports whether a User-Agent begins with the pattern, in which * stands
// for any characters; case does not matter.
func Match(pattern, userAgent string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	rest, ok := strings.CutPrefix(strings.ToLower(userAgent), parts[0])
	for _, part := range parts[1:] {
		if !ok {
			return false
		}
		_, rest, ok = strings.Cut(rest, part)
	}
	return ok
}
