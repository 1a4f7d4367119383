package message

import "strings"

// Headers of transfers and pickups.
const (
	Replaces   Name = "Replaces"    // RFC 3891
	ReferTo    Name = "Refer-To"    // RFC 3515
	ReferredBy Name = "Referred-By" // RFC 3892
)

// DialogName is the name of a dialog in a Replaces header (RFC 3891 §6.1), as
// its receiver knows it: ToTag is the receiver's own tag.
type DialogName struct {
	CallID, ToTag, FromTag string
	EarlyOnly              bool
}

// Replaces reads the Replaces header of a request; false: there is none that can
// be read. There may be one only (RFC 3891 §3).
func (m *Message) Replaces() (DialogName, bool) {
	values := m.Values(Replaces)
	if len(values) != 1 {
		return DialogName{}, false
	}
	return ParseDialogName(values[0])
}

// ParseDialogName reads "callid;to-tag=7743;from-tag=6472;early-only".
func ParseDialogName(s string) (d DialogName, ok bool) {
	id, rest, _ := strings.Cut(s, ";")
	p, err := ParseParams(rest)
	d.CallID = strings.Trim(id, " \t")
	if err != nil || d.CallID == "" {
		return DialogName{}, false
	}
	d.ToTag, _ = p.Get("to-tag")
	d.FromTag, _ = p.Get("from-tag")
	_, d.EarlyOnly = p.Get("early-only")
	return d, d.ToTag != "" && d.FromTag != ""
}

// String writes the name as the header's value.
func (d DialogName) String() string {
	s := d.CallID + ";to-tag=" + d.ToTag + ";from-tag=" + d.FromTag
	if d.EarlyOnly {
		s += ";early-only"
	}
	return s
}
