package calls

import (
	"net/url"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
)

// referral is a transfer that an agent's phone was asked for within a call (RFC
// 3515): the call that it makes then is not the agent's own idea.
type referral struct {
	device   presence.DeviceID
	user     string // of the URI that is to be called
	replaces string // Call-ID of the dialog whose place is to be taken
	call     string // Call-ID of the call in which it was asked
	at       time.Time
}

const (
	// referTime is how long after a REFER the call may begin: the user may be asked.
	referTime = time.Minute
	// mostReferrals is how many are remembered for one agent.
	mostReferrals = 8
)

// ReferTo reads a Refer-To header: the URI without headers, and the dialog whose
// place the call is to take, if any (RFC 3891 §4: it is escaped).
func ReferTo(m *message.Message) (uri message.URI, replaces message.DialogName, ok bool) {
	a, err := message.ParseNameAddr(m.Get(message.ReferTo))
	if err != nil {
		return message.URI{}, message.DialogName{}, false
	}
	uri, err = message.ParseURI(a.URI)
	if err != nil {
		return message.URI{}, message.DialogName{}, false
	}
	for h := range strings.SplitSeq(uri.Headers, "&") {
		name, value, _ := strings.Cut(h, "=")
		if value, err = url.PathUnescape(value); err == nil && strings.EqualFold(name, string(message.Replaces)) {
			replaces, _ = message.ParseDialogName(value)
		}
	}
	uri.Headers = ""
	return uri, replaces, true
}

// refers remembers what an agent was asked to call.
func (t *Tracker) refers(m *message.Message) {
	uri, replaces, ok := ReferTo(m)
	c, byCaller := t.find(m)
	if !ok || c == nil {
		return
	}
	c.mu.Lock()
	asked := c.kept.Caller
	if byCaller {
		asked = c.kept.Callee
	}
	var r referral
	var agent presence.AgentID
	if asked != nil && c.answered && !c.ended {
		agent = asked.Agent
		r = referral{asked.Leg.Device, strings.Clone(uri.UserDecoded()), strings.Clone(replaces.CallID), c.kept.CallID, time.Now()}
	}
	c.mu.Unlock()
	if agent.IsZero() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.recentLocked(agent)
	if len(list) >= mostReferrals {
		list = list[1:]
	}
	t.referred[agent] = append(list, r)
}

// Referred is the Call-ID of the call in which this agent's device was asked for
// the call that it makes now; empty: it was not asked.
func (t *Tracker) Referred(p Party, invite *message.Message) string {
	if t == nil || p.Agent.IsZero() {
		return ""
	}
	uri, err := message.ParseURI(invite.URI)
	if err != nil {
		return ""
	}
	replaces, _ := invite.Replaces()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.recentLocked(p.Agent) {
		if r.device == p.Device && r.replaces == replaces.CallID && (r.replaces != "" || r.user == uri.UserDecoded()) {
			return r.call
		}
	}
	return ""
}

// recentLocked drops what is too old.
func (t *Tracker) recentLocked(a presence.AgentID) []referral {
	list := t.referred[a]
	for len(list) > 0 && time.Since(list[0].at) > referTime {
		list = list[1:]
	}
	if len(list) == 0 {
		delete(t.referred, a)
	} else {
		t.referred[a] = list
	}
	return list
}
