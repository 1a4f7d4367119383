package calls

import (
	"slices"
	"strings"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// End is where one end of a dialog is reached: its contact, the route there and
// the name of its flow.
type End struct {
	Contact string   `json:"contact"`
	Route   []string `json:"route,omitempty"`
	Flow    string   `json:"flow,omitempty"`
}

// end reads an end of the message that it sent: the caller's of the INVITE, the
// callee's of its 2xx, in which what it recorded stands behind our own two (RFC
// 3261 §12.1).
func (t *Tracker) end(m *message.Message, f *transport.Flow) *End {
	contacts, err := m.Contacts()
	if t.o.Token == nil || f == nil || err != nil || len(contacts) == 0 {
		return nil
	}
	e := &End{Contact: strings.Clone(contacts[0].URI), Flow: t.o.Token(f)}
	for _, r := range m.Values(message.RecordRoute) {
		if m.Status > 0 && strings.Contains(r, e.Flow) {
			break // from here on it is ours
		}
		e.Route = append(e.Route, strings.Clone(r))
	}
	if m.Status > 0 {
		slices.Reverse(e.Route)
	}
	return e
}

// Dialog is an answered call as the receiver of an INVITE with Replaces knows it.
type Dialog struct {
	Domain presence.DomainID
	CallID string
	// To is the receiver and With who it talks to: zero where that is no agent.
	To, With Party
	// Remote is who With sees at the receiver's end.
	Remote string
	End    End
}

// Dialog finds the answered call that a Replaces header names (RFC 3891 §3): the
// to-tag is the receiver's own.
func (t *Tracker) Dialog(d message.DialogName) (Dialog, bool) {
	t.mu.Lock()
	c, toCaller := t.calls[d.CallID+"\x00"+d.ToTag], true
	if c == nil {
		c, toCaller = t.calls[d.CallID+"\x00"+d.FromTag], false
	}
	t.mu.Unlock()
	if c == nil {
		return Dialog{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kept
	to, with, end, tag := k.Callee, k.Caller, k.Far, d.ToTag
	if toCaller {
		to, with, end, tag = k.Caller, k.Callee, k.Near, d.FromTag
	}
	if !c.answered || c.ended || end == nil || tag != k.ToTag {
		return Dialog{}, false
	}
	out := Dialog{Domain: k.Domain, CallID: k.CallID, End: *end}
	if to != nil {
		out.To = Party{Agent: to.Agent, Device: to.Leg.Device}
	}
	if with != nil {
		out.With, out.Remote = Party{Agent: with.Agent, Device: with.Leg.Device}, with.Leg.Remote
	}
	return out, true
}
