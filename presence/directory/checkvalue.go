package directory

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"lamplight/presence"
	"lamplight/presence/emergency"
	"lamplight/presence/schedule"
)

// Limits on what people enter, so that no record grows without bound.
const (
	maxNumber  = 64
	maxName    = 256
	maxAORs    = 32
	maxTeams   = 64
	maxNumbers = 16
	maxCustoms = 100

	maxEmergency = 64
)

// validNumber: the digits or the word an agent is dialled by, usable unescaped
// as the user part of a SIP URI (RFC 3261 §25.1, user-unreserved left out).
func validNumber(s string) bool {
	return s != "" && len(s) <= maxNumber && !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			return false
		}
		return !strings.ContainsRune("-_.+*#!~'", r)
	})
}

// ValidNumber reports whether s can be an agent's number, or the user part of
// another address of record.
func ValidNumber(s string) bool { return validNumber(s) }

func validHost(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z':
			return false
		}
		return !strings.ContainsRune("-._[]:", r) // brackets and colons: IPv6 references
	})
}

// printable text has no control characters and at most maxName bytes.
func printable(s string) bool {
	return len(s) <= maxName && !strings.ContainsFunc(s, unicode.IsControl)
}

func checkAgent(v *presence.Agent) error {
	switch {
	case !validNumber(v.Number):
		return invalid("%q is no number: 1 to %d digits, letters or any of -_.+*#!~'", v.Number, maxNumber)
	case reserved(v.Number):
		return invalid("%q is no number: what begins with %s or %s is the address of a list", v.Number, TeamPrefix, ListPrefix)
	case !printable(v.Name):
		return invalid("the name is too long or has control characters")
	case len(v.AORs) > maxAORs:
		return invalid("more than %d addresses of record", maxAORs)
	case len(v.Teams) > maxTeams:
		return invalid("in more than %d teams", maxTeams)
	}
	for _, t := range v.Teams {
		if t == "" || !printable(t) {
			return invalid("team %q", t)
		}
	}
	if err := v.Caller.Check(); err != nil {
		return invalid("%v", err)
	}
	switch v.Role {
	case "":
		v.Role = presence.RoleAgent
	case presence.RoleAgent, presence.RoleSupervisor, presence.RoleAdmin:
	default:
		return invalid("role %q: agent, supervisor or admin", v.Role)
	}
	if o := &v.Settings.Options; v.Settings.Saved == nil && len(o.Numbers) == 0 && !o.Any() {
		o.Webphone, o.SIPPhone, o.Mobile = true, true, true
	}
	return CompleteSettings(&v.Settings)
}

// CompleteSettings checks an agent's settings and gives forwarding numbers that
// have none their ids; the list of numbers is replaced, not changed. The error is
// an ErrInvalid.
func CompleteSettings(s *presence.Settings) error {
	if len(s.Options.Numbers) > maxNumbers {
		return invalid("more than %d forwarding numbers", maxNumbers)
	}
	if err := presence.CheckFallback(s.Fallback); err != nil {
		return invalid("fallback %q: %v", s.Fallback, err)
	}
	if err := checkHours(s.Hours, s.AfterHours); err != nil {
		return err
	}
	if err := s.Ringing.Check(); err != nil {
		return invalid("%v", err)
	}
	numbers := slices.Clone(s.Options.Numbers)
	for i := range numbers {
		n := &numbers[i]
		if !validNumber(n.Number) {
			return invalid("forwarding number %q", n.Number)
		}
		if n.Delay < 0 || n.Delay > time.Minute {
			return invalid("forwarding number %s: a delay of %s is not between 0 and 1m", n.Number, n.Delay)
		}
		if err := n.Hours.Check(); err != nil {
			return invalid("forwarding number %s: %v", n.Number, err)
		}
		if n.ID.IsZero() {
			n.ID = presence.DeviceID{ID: presence.NewID()}
		}
	}
	s.Options.Numbers = numbers
	return nil
}

// checkHours checks working hours, and where calls go outside of them.
func checkHours(s *schedule.Schedule, after string) error {
	if err := s.Check(); err != nil {
		return invalid("hours: %v", err)
	}
	if err := presence.CheckFallback(after); err != nil {
		return invalid("after_hours %q: %v", after, err)
	}
	return nil
}

func checkDevice(v *presence.Device) error {
	switch v.Kind {
	case presence.KindWebphone, presence.KindDesk, presence.KindSoft, presence.KindMobile, presence.KindNumber:
	default:
		return invalid("kind %q: webphone, desk, soft, mobile or number", v.Kind)
	}
	if !printable(v.Name) {
		return invalid("the name is too long or has control characters")
	}
	return checkAlgorithms(v.Digest)
}

// digestSize is the length of an algorithm's hash in bytes, 0 for one that is
// not known (RFC 7616 §6.1, RFC 8760 §2.1).
func digestSize(algorithm string) int {
	switch algorithm {
	case "MD5":
		return 16
	case "SHA-256", "SHA-512-256":
		return 32
	}
	return 0
}

func checkAlgorithms(names []string) error {
	for _, n := range names {
		if digestSize(n) == 0 {
			return invalid("digest algorithm %q: MD5, SHA-256 or SHA-512-256", n)
		}
	}
	return nil
}

func checkCredential(v *presence.Credential) error {
	if v.Username == "" || !printable(v.Username) || strings.ContainsAny(v.Username, "\":\\") {
		return invalid("%q is no user name", v.Username)
	}
	if v.HA1 == (presence.HA1{}) {
		return invalid("has no password")
	}
	for _, alg := range [...]string{"MD5", "SHA-256", "SHA-512-256"} {
		if sum := v.HA1.Of(alg); sum != "" && (len(sum) != 2*digestSize(alg) || strings.ContainsFunc(sum, notHex)) {
			return invalid("the HA1 for %s is not %d hexadecimal digits", alg, 2*digestSize(alg))
		}
	}
	return nil
}

func notHex(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F')
}

// checkPolicy holds a domain's choices to the bounds of the rules.
func checkPolicy(p *presence.Policy) error {
	switch {
	case p.Grace > 30*time.Second:
		return invalid("a grace time of %s is more than 30s", p.Grace)
	case p.WrapUp != 0 && p.WrapUp != presence.WrapUpNone && p.WrapUp != presence.WrapUpUnlimited &&
		(p.WrapUp < 5*time.Second || p.WrapUp > 120*time.Second):
		return invalid("a wrap-up of %s is not between 5s and 2m", p.WrapUp)
	case p.LegMaxAge < 0:
		return invalid("a greatest age of calls of %s", p.LegMaxAge)
	case len(p.Emergency) > maxEmergency:
		return invalid("more than %d emergency numbers", maxEmergency)
	case len(p.Statuses) > maxCustoms:
		return invalid("more than %d custom statuses", maxCustoms)
	}
	if err := presence.CheckFallback(p.Fallback); err != nil {
		return invalid("fallback %q: %v", p.Fallback, err)
	}
	if err := checkHours(p.Hours, p.AfterHours); err != nil {
		return err
	}
	if _, ok := emergency.Numbers(p.Country); !ok && p.Country != "" {
		return invalid("no emergency numbers are known of country %q", p.Country)
	}
	if err := p.CheckCallers(); err != nil {
		return invalid("%v", err)
	}
	if err := p.CheckWatch(); err != nil {
		return invalid("%v", err)
	}
	if p.Desk.Shift < 0 || p.Desk.Shift > 7*24*time.Hour {
		return invalid("a shift of %s is not between 0 and 7 days", p.Desk.Shift)
	}
	if err := p.Codes.Check(); err != nil {
		return invalid("%v", err)
	}
	switch p.OnlineBy {
	case "", presence.OnlineByWebphone, presence.OnlineByAnyDevice:
	default:
		return invalid("online_by %q", p.OnlineBy)
	}
	switch p.KeepSelected {
	case "", presence.KeepAsk, presence.KeepStatus, presence.KeepAvailable:
	default:
		return invalid("keep_selected %q", p.KeepSelected)
	}
	switch p.Consult {
	case "", presence.ConsultColleagues, presence.ConsultNone, presence.ConsultAny:
	default:
		return invalid("consult %q", p.Consult)
	}
	if err := p.Pickup.Check(); err != nil {
		return invalid("%v", err)
	}
	if err := checkAlgorithms(p.Digest); err != nil {
		return err
	}
	return checkCustoms(p.Statuses)
}

func checkCustoms(list []presence.Custom) error {
	names := make(map[string]bool, len(list))
	for i := range list {
		n := list[i].Name
		if n == "" || !printable(n) || names[n] {
			return invalid("custom status %q: the name is empty, unprintable or used twice", n)
		}
		names[n] = true
	}
	for i := range list {
		c := &list[i]
		switch c.Class {
		case "", presence.ClassWorking, presence.ClassBreak, presence.ClassAway:
		default:
			return invalid("custom status %q: class %q", c.Name, c.Class)
		}
		if c.Max < 0 {
			return invalid("custom status %q: greatest duration %s", c.Name, c.Max)
		}
		switch presence.Selectable(c.Return) {
		case "", presence.SelectAvailable, presence.SelectDND:
		default:
			if !names[c.Return] || c.Return == c.Name {
				return invalid("custom status %q: returns to the unknown status %q", c.Name, c.Return)
			}
		}
	}
	return nil
}
