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
	// ToTag is the receiver's own tag, FromTag the other end's.
	ToTag, FromTag string
	// To is the receiver and With who it talks to: zero where that is no agent.
	To, With Party
	// Remote is who With sees at the receiver's end, From who the receiver sees.
	Remote, From string
	End          End
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
	out, ok := c.dialogLocked(toCaller)
	return out, ok && out.ToTag == d.ToTag && out.FromTag == d.FromTag
}

// dialogLocked is the call as one of its ends knows it.
func (c *Call) dialogLocked(toCaller bool) (Dialog, bool) {
	k := &c.kept
	to, with, end := k.Callee, k.Caller, k.Far
	out := Dialog{Domain: k.Domain, CallID: k.CallID, ToTag: k.ToTag, FromTag: k.FromTag}
	if toCaller {
		to, with, end = k.Caller, k.Callee, k.Near
		out.ToTag, out.FromTag = k.FromTag, k.ToTag
	}
	if !c.answered || c.ended || end == nil {
		return Dialog{}, false
	}
	out.End = *end
	if to != nil {
		out.To, out.From = Party{Agent: to.Agent, Device: to.Leg.Device}, to.Leg.Remote
	}
	if with != nil {
		out.With, out.Remote = Party{Agent: with.Agent, Device: with.Leg.Device}, with.Leg.Remote
	}
	return out, true
}

// movedLocked takes the contacts of a re-INVITE or UPDATE and its answer (RFC 3261
// §12.2: they refresh the targets).
func (c *Call) movedLocked(req, res *message.Message, byCaller bool) {
	asked, answered := c.kept.Far, c.kept.Near
	if byCaller {
		asked, answered = answered, asked
	}
	for m, e := range map[*message.Message]*End{req: asked, res: answered} {
		if contacts, err := m.Contacts(); err == nil && len(contacts) > 0 && e != nil {
			e.Contact = strings.Clone(contacts[0].URI)
		}
	}
}
