// Package calls turns the dialogs that pass through us into legs of calls, so
// that nobody has to publish who is talking.
//
// # Guarantees
//
//   - A leg belongs to the agent and device of the branch that made it, never to
//     one found by comparing numbers.
//   - The legs of an answered call are durable before the caller hears of the
//     answer (Call.Settle), their end before the BYE is answered (Tracker.Seen).
//     They come back after a restart and
//     end as any other: by BYE, by the session timer (RFC 4028), by the domain's cap
//     on age, or when the agent's own phone knows the dialog no more (Prober). A lost
//     BYE holds nobody for longer.
//   - A ringing leg ends with its INVITE, and is not kept.
//   - Hold follows the SDP of what was answered (RFC 3264 §8.4): the side that
//     asked for it holds.
package calls

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transport"
	"lamplight/store"
)

// Roster is what it uses of roster.Roster.
type Roster interface {
	Apply(a presence.AgentID, c roster.Change, done func(*presence.Snapshot, error))
}

// Options of a Tracker; Roster and Store are required.
type Options struct {
	Roster Roster
	Store  store.Store
	Node   string // default "node-1"
	Log    zerolog.Logger
	// Token names a flow (outbound.Tokens.Token), so that the ends of a dialog are
	// found again, also after a restart. nil: they are not.
	Token func(*transport.Flow) string
	// Most is how many calls are followed at once; default 50,000. What is beyond
	// passes and is not seen.
	Most int
	// Lost is told of an answered call that has ended without a BYE, and how its callee
	// and its caller know it. It must not block or ask the tracker; nil: nobody is.
	Lost func(callee, caller Dialog)
}

// Tracker is safe for concurrent use. It owns a timer for every answered call.
type Tracker struct {
	o Options

	mu    sync.Mutex
	calls map[string]*Call // by Call-ID and the caller's tag; guarded by mu
	// again are calls that passed through us once more, by the same; guarded by mu.
	again map[string][]*Call
	// referred are the transfers that agents were asked for lately; guarded by mu.
	referred map[presence.AgentID][]referral
}

// source is what the legs say of who reports them.
const source = "proxy"

// Open reads back the answered calls of the time before a restart and tells the
// roster of their legs. ctx bounds the reading.
func Open(ctx context.Context, o Options) (*Tracker, error) {
	if o.Roster == nil || o.Store == nil {
		return nil, errors.New("calls: roster and store are required")
	}
	if o.Node == "" {
		o.Node = "node-1"
	}
	if o.Most <= 0 {
		o.Most = 50_000
	}
	t := &Tracker{o: o, calls: make(map[string]*Call), again: make(map[string][]*Call), referred: make(map[presence.AgentID][]referral)}
	now := time.Now()
	told := newReceipts(restoreAhead)
	err := o.Store.Scan(ctx, space, func(r store.Record) error {
		c := &Call{t: t, answered: true, probing: probing{restored: true}}
		if err := c.kept.read(r); err != nil {
			o.Log.Warn().Err(err).Msg("stored call left out")
		}
		if len(c.kept.sides()) == 0 || !r.Expires.After(now) {
			return nil
		}
		t.mu.Lock() // a call may end while others are read
		t.calls[c.kept.key()] = c
		t.mu.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.limitLocked(r.Expires)
		for _, s := range c.kept.sides() {
			if err := told.take(ctx); err != nil {
				return err
			}
			c.applyLocked(presence.CauseRestart, s, roster.PutLeg{Leg: s.Leg}, told.give)
		}
		return nil
	})
	if err == nil {
		err = told.wait(ctx) // nobody sees an agent without the calls of before
	}
	if err != nil {
		return nil, fmt.Errorf("calls: read calls: %w", err)
	}
	return t, nil
}

// Party is an agent's part in a call.
type Party struct {
	Agent  presence.AgentID
	Device presence.DeviceID
}

// Start is a call that begins.
type Start struct {
	Domain presence.DomainID
	Invite *message.Message
	Flow   *transport.Flow // by which the INVITE came
	// Caller and Callee are the agents in it; zero: none of ours on that side.
	Caller, Callee Party
	// Devices are the callee's devices by the target they are rung by. Who answers
	// at any other target is not the callee.
	Devices map[string]presence.DeviceID
	// Open: agents will Join, so that the call is followed though none of its
	// parties is known yet.
	Open bool
	Kind presence.CallKind
	// Remote, if set, is whom the caller really calls: not who the To names.
	Remote message.NameAddr
	// WrapUp is the campaign's own; zero: the domain's.
	WrapUp time.Duration
	// Cap is how long the row of a call without session timer is kept; default
	// 12 h.
	Cap time.Duration
}

// Call is one call that is followed.
type Call struct {
	t     *Tracker
	start Start

	mu       sync.Mutex
	kept     kept // guarded by mu, as all below
	answered bool
	ended    bool
	limit    *time.Timer      // ends an answered call whose BYE is lost
	joined   map[string]*side // who else may answer, by target; see Join
	probing  probing
	left     []string // callees' tags in BYEs that came before the answer
}

// kept is what a restart has to know of an answered call.
type kept struct {
	Domain  presence.DomainID `json:"domain"`
	CallID  string            `json:"call_id"`
	FromTag string            `json:"from_tag"`
	ToTag   string            `json:"to_tag"`
	Cap     time.Duration     `json:"cap"`
	// Legs are the callee's and the caller's.
	Callee *side `json:"callee,omitempty"`
	Caller *side `json:"caller,omitempty"`
	// Near and Far are the phones of the caller and of who answered.
	Near *End `json:"near,omitempty"`
	Far  *End `json:"far,omitempty"`
}

// side is one agent's leg.
type side struct {
	Agent presence.AgentID `json:"agent"`
	Leg   presence.Leg     `json:"leg"`
}

func (k *kept) key() string { return k.CallID + "\x00" + k.FromTag }

func (k *kept) sides() []*side {
	var out []*side
	for _, s := range []*side{k.Callee, k.Caller} {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

// Begin follows a call; nil if none of its parties is an agent or too many are
// followed already. A nil Call takes every method.
func (t *Tracker) Begin(s Start) *Call {
	if s.Cap <= 0 {
		s.Cap = 12 * time.Hour
	}
	m := s.Invite
	c := &Call{t: t, start: s}
	c.kept = kept{Domain: s.Domain, CallID: m.CallID(), FromTag: m.FromTag(), Cap: s.Cap, Near: t.end(m, s.Flow)}
	if !s.Callee.Agent.IsZero() {
		c.kept.Callee = newSide(s.Callee, m, s, presence.Inbound)
	}
	if !s.Caller.Agent.IsZero() {
		c.kept.Caller = newSide(s.Caller, m, s, presence.Outbound)
	}
	if len(c.kept.sides()) == 0 && !s.Open {
		return nil
	}
	if !t.add(c) {
		t.o.Log.Warn().Str("call_id", m.CallID()).Int("most", t.o.Most).Msg("too many calls, this one is not followed")
		return nil
	}
	if c.kept.Caller != nil { // dialling counts from the INVITE on
		c.mu.Lock()
		c.applyLocked(presence.CauseCallStart, c.kept.Caller, roster.PutLeg{Leg: c.kept.Caller.Leg}, nil)
		c.mu.Unlock()
	}
	return c
}

// Close stops the timers of the calls; what is stored stays.
func (t *Tracker) Close() {
	t.mu.Lock()
	all := make([]*Call, 0, len(t.calls))
	for _, c := range t.calls {
		all = append(all, c)
	}
	for _, more := range t.again {
		all = append(all, more...)
	}
	clear(t.calls)
	clear(t.again)
	t.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		c.ended = true
		if c.limit != nil {
			c.limit.Stop()
		}
		c.mu.Unlock()
	}
}

// legID is the same for a leg whenever it is told of.
func legID(m *message.Message, d presence.Direction) string {
	h := fnv.New64a()
	for _, s := range []string{m.CallID(), m.FromTag(), string(d)} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return fmt.Sprintf("call-%016x", h.Sum64())
}

func newSide(p Party, m *message.Message, s Start, d presence.Direction) *side {
	leg := presence.Leg{
		Call: m.CallID(), ID: legID(m, d), Device: p.Device, Source: source,
		Direction: d, Kind: s.Kind, State: presence.LegRinging, WrapUp: s.WrapUp,
		CallID: m.CallID(), Since: time.Now(),
	}
	from, to := m.From(), m.To()
	if d == presence.Inbound { // local is the callee
		leg.RemoteTag, leg.Remote, leg.RemoteName = m.FromTag(), from.URI, from.Display
	} else {
		leg.State = presence.LegDialling
		if s.Remote.URI != "" {
			to = s.Remote
		}
		leg.LocalTag, leg.Remote, leg.RemoteName = m.FromTag(), to.URI, to.Display
	}
	return &side{Agent: p.Agent, Leg: leg}
}

// Told takes what the forker tells of the call.
func (c *Call) Told(e fork.Event) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	switch e.What {
	case fork.Ringing:
		c.ringingLocked(e)
	case fork.Answered:
		c.answeredLocked(e, nothing)
	case fork.Failed, fork.Moved:
		c.leftLocked(e.Target)
	case fork.Over:
		if !c.answered || e.Status >= 300 { // the caller gave up in the moment of the answer
			c.endLocked(presence.CauseCallEnd, nothing)
		}
	}
}

// Settle takes the answer and calls then once it is durable, or cannot be: a call
// is worth more than its record.
func (c *Call) Settle(e fork.Event, then func()) {
	if c == nil {
		then()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		then()
		return
	}
	c.answeredLocked(e, then)
}

// ringingLocked: the lamp of a callee's first device to ring lights.
func (c *Call) ringingLocked(e fork.Event) {
	s := c.kept.Callee
	if j := c.joined[e.Target]; j != nil {
		j.Leg.LocalTag = e.Res.ToTag()
		c.applyLocked(presence.CauseCallStart, j, roster.PutLeg{Leg: j.Leg}, nil)
		return
	}
	if _, theirs := c.start.Devices[e.Target]; s == nil || !theirs {
		return
	}
	s.Leg.Device = c.start.Devices[e.Target]
	s.Leg.LocalTag = e.Res.ToTag()
	c.applyLocked(presence.CauseCallStart, s, roster.PutLeg{Leg: s.Leg}, nil)
}

func (c *Call) answeredLocked(e fork.Event, then func()) {
	c.answered = true
	c.kept.ToTag, c.kept.Far = e.Res.ToTag(), c.t.end(e.Res, e.Flow)
	until := sessionEnd(e.Res, time.Now())
	if c.joinedLocked(e) {
		c.kept.Callee.Leg.LocalTag = c.kept.ToTag
	} else if s := c.kept.Callee; s != nil {
		device, theirs := c.start.Devices[e.Target]
		s.Leg.Device, s.Leg.LocalTag = device, c.kept.ToTag
		if !theirs { // somebody else took it: a voicemail
			c.applyLocked(presence.CauseCallEnd, s, roster.EndLeg{ID: s.Leg.ID}, nil)
			c.kept.Callee = nil
		}
	}
	if s := c.kept.Caller; s != nil {
		s.Leg.RemoteTag = c.kept.ToTag
	}
	for _, s := range c.kept.sides() {
		s.Leg.State, s.Leg.Talked, s.Leg.Expires = presence.LegTalking, true, until
	}
	c.putAllLocked(presence.CauseCallStart, then)
	if slices.Contains(c.left, c.kept.ToTag) { // its BYE was faster
		c.endLocked(presence.CauseCallEnd, nothing)
	}
}
