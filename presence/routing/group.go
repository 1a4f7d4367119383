package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
)

// KindMember is the kind of a target that is an agent of the called group; ID is
// the agent's number.
const KindMember presence.DeviceKind = "member"

// GroupCall is a call to a ring group, and all that is known of its members.
type GroupCall struct {
	ID     string            `json:"id,omitempty"` // the SIP Call-ID
	Kind   presence.CallKind `json:"kind"`
	Caller string            `json:"caller,omitempty"`
	Group  presence.Group    `json:"group"`
	// Members in the order of the group.
	Members []Candidate `json:"members"`
	// Last is who was offered the group's last call (round robin).
	Last presence.AgentID `json:"last,omitzero"`
	// Wait is how long the caller has waited for somebody to become free.
	Wait time.Duration `json:"wait,omitempty"`
	// Closed says that the call comes outside of working hours (GroupClosed).
	Closed string    `json:"closed,omitempty"`
	At     time.Time `json:"at"`
}

// Candidate is a member as the call finds it.
type Candidate struct {
	Agent  presence.AgentID `json:"agent"`
	Number string           `json:"number"`
	Level  int              `json:"level"` // 1 to 10
	// Free: such a call may be offered; Why says why not.
	Free bool   `json:"free"`
	Why  string `json:"why,omitempty"`
	// Soon: not free now, but there, so that waiting makes sense.
	Soon bool `json:"soon,omitempty"`
	// Tried: this call was offered already, and not taken.
	Tried bool `json:"tried,omitempty"`
	// Idle is since when the agent has been as free as now.
	Idle time.Time `json:"idle,omitzero"`
	// Calls are those of the group that the agent has had today.
	Calls int `json:"calls,omitempty"`
	// Rest: is skipped until then, having not taken a call.
	Rest time.Time `json:"rest,omitzero"`
}

// DecideGroup says which members are offered the call, in which order: each step
// follows when nobody of the one before has taken it. Members who are not free,
// know too little or rest are left out. With nobody left it is a refusal: 486
// where somebody is busy, else 480: who has not taken a call is not busy.
func DecideGroup(c GroupCall) Decision {
	d := Decision{Rules: RulesVersion, Devices: make([]Considered, 0, len(c.Members))}
	fit := make([]*Candidate, 0, len(c.Members))
	busy, there := false, false
	for i := range c.Members {
		m := &c.Members[i]
		why := m.leftOut(&c)
		if why == "" {
			fit = append(fit, m)
			continue
		}
		there = there || m.mayFollow(&c)
		busy = busy || m.busy(&c)
		d.Devices = append(d.Devices, Considered{ID: m.Number, Kind: KindMember, Reason: why})
	}
	if c.Closed != "" {
		d.Code, d.Text = codeUnavailable, c.Closed
		return d
	}
	if len(fit) == 0 {
		switch {
		case busy:
			d.Code, d.Text = codeBusy, "Everybody is busy"
		case there:
			d.Code, d.Text = codeUnavailable, "Nobody takes the call"
		default:
			d.Code, d.Text = codeUnavailable, "Nobody is there"
		}
		return d
	}
	d.Allow = true
	c.sort(fit)
	for i, m := range fit {
		t := Target{ID: m.Number, Kind: KindMember, Q: 1000}
		if at := len(d.Steps) - 1; c.Group.Order() == presence.RingAll && at >= 0 {
			d.Steps[at].Targets = append(d.Steps[at].Targets, t)
		} else {
			d.Steps = append(d.Steps, Step{After: time.Duration(i) * c.Group.RingTime(), Targets: []Target{t}})
		}
		d.Devices = append(d.Devices, Considered{ID: m.Number, Kind: KindMember, Taken: true, Reason: m.taken(&c)})
	}
	return d
}

// MayWait reports whether somebody may become free for the call, so that it makes
// sense to wait.
func (c *GroupCall) MayWait() bool {
	return c.Closed == "" && slices.ContainsFunc(c.Members, func(m Candidate) bool { return m.mayFollow(c) })
}

func (m *Candidate) leftOut(c *GroupCall) string {
	switch {
	case c.Closed != "":
		return "not asked: " + c.Closed
	case m.level() < c.Group.Level:
		return fmt.Sprintf("level %d is below %d", m.level(), c.Group.Level)
	case !m.Free:
		return cmp.Or(m.Why, "is not free")
	case c.At.Before(m.Rest):
		return "did not take a call, is skipped until " + m.Rest.UTC().Format("15:04:05")
	case m.Tried:
		return "did not take this call"
	}
	return ""
}

// mayFollow: is left out for now only.
func (m *Candidate) mayFollow(c *GroupCall) bool {
	return m.level() >= c.Group.Level && (m.Free || m.Soon)
}

// busy: is with another caller.
func (m *Candidate) busy(c *GroupCall) bool {
	return m.level() >= c.Group.Level && m.Soon && !m.Free && !m.Tried && !c.At.Before(m.Rest)
}

func (m *Candidate) level() int { return max(m.Level, 1) }

func (m *Candidate) taken(c *GroupCall) string {
	say := []string{"free"}
	switch c.Group.Order() {
	case presence.Skills:
		say = append(say, fmt.Sprintf("level %d", m.level()), m.idle(c))
	case presence.LongestIdle:
		say = append(say, m.idle(c))
	case presence.FewestCalls:
		say = append(say, fmt.Sprintf("%d calls today", m.Calls), m.idle(c))
	}
	return strings.Join(say, ", ")
}

func (m *Candidate) idle(c *GroupCall) string {
	if m.Idle.IsZero() {
		return "without a call so far"
	}
	return "idle for " + c.At.Sub(m.Idle).Round(time.Second).String()
}

// sort puts the members in the order of the strategy; who are alike stay in the
// group's.
func (c *GroupCall) sort(fit []*Candidate) {
	idle := func(a, b *Candidate) int { return a.Idle.Compare(b.Idle) }
	switch c.Group.Order() {
	case presence.RoundRobin:
		c.rotate(fit)
	case presence.LongestIdle:
		slices.SortStableFunc(fit, idle)
	case presence.FewestCalls:
		slices.SortStableFunc(fit, func(a, b *Candidate) int { return cmp.Or(cmp.Compare(a.Calls, b.Calls), idle(a, b)) })
	case presence.Skills:
		slices.SortStableFunc(fit, func(a, b *Candidate) int { return cmp.Or(cmp.Compare(b.level(), a.level()), idle(a, b)) })
	}
}

// rotate begins with who comes after the last one in the group's order, also
// where that one is not free now, or no member any more.
func (c *GroupCall) rotate(fit []*Candidate) {
	last := slices.IndexFunc(c.Members, func(m Candidate) bool { return m.Agent == c.Last })
	place := func(m *Candidate) int {
		at := slices.IndexFunc(c.Members, func(o Candidate) bool { return o.Agent == m.Agent })
		if at <= last {
			at += len(c.Members)
		}
		return at
	}
	slices.SortStableFunc(fit, func(a, b *Candidate) int { return cmp.Compare(place(a), place(b)) })
}
