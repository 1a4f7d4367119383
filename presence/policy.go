package presence

import (
	"time"

	"lamplight/presence/schedule"
)

// Policy is a domain's choice where presence/RULES.md leaves one. The zero value is
// completed by WithDefaults.
type Policy struct {
	OnlineBy OnlineBy `json:"online_by,omitempty"`
	// KeepSelected says what becomes of the selected status at the next login.
	KeepSelected KeepSelected `json:"keep_selected,omitempty"`
	// Grace is how long the label waits after a closed webphone socket
	// (rule 15): 0 to 30 s. Negative means "none"; zero the default of 5 s.
	Grace time.Duration `json:"grace,omitempty"`
	// WrapUp is the time after a campaign call (rule 9): 5 to 120 s, default
	// 30 s. WrapUpNone and WrapUpUnlimited are the two other choices.
	WrapUp time.Duration `json:"wrap_up,omitempty"`
	// RingWhileRinging: a direct call to an agent who is being rung rings too
	// (default), or is answered busy when BusyWhileRinging is set.
	BusyWhileRinging bool `json:"busy_while_ringing,omitempty"`
	// Consult says which calls an agent may make while a first call is held
	// (rule 10).
	Consult Consult `json:"consult,omitempty"`
	// Pickup says who may take a call that rings at somebody else.
	Pickup Pickup `json:"pickup,omitempty"`
	// RedirectDevices: calls of the domain's own devices are answered with
	// contacts (302) instead of passing through us.
	RedirectDevices bool `json:"redirect_devices,omitempty"`
	// Ring is how long an agent's devices ring for a call that passes through us;
	// default 60 s.
	Ring time.Duration `json:"ring,omitempty"`
	// Country is the code by which package emergency knows the numbers for help.
	Country string `json:"country,omitempty"`
	// Emergency numbers, these and the country's, and feature codes pass in every status
	// (rule 16): FeatureCodes are those that something else carries out, Codes our own.
	Emergency    []string     `json:"emergency,omitempty"`
	FeatureCodes []string     `json:"feature_codes,omitempty"`
	Codes        FeatureCodes `json:"codes,omitzero"`
	// TeamCallers are the identities that the calls of a team's agents show outside.
	TeamCallers []TeamCaller `json:"team_callers,omitempty"`
	// ShowHidden lets the domain's own phones see callers who asked for privacy.
	ShowHidden bool `json:"show_hidden,omitempty"`
	// ShowOfflineReach lets watchers see "Offline, reachable: desk phone".
	ShowOfflineReach bool `json:"show_offline_reach,omitempty"`
	// BusyLamp names the watchers to whom a status that takes no calls (Do Not
	// Disturb, Wrap Up…) is shown as a lit lamp: beginnings of a User-Agent, in
	// which * stands for any characters. Empty: none, because callers read a lit lamp as "is speaking".
	BusyLamp []string `json:"busy_lamp,omitempty"`
	// Watch says who may watch whom; see WatchRule. Empty: everybody of the domain
	// everybody.
	Watch []WatchRule `json:"watch,omitempty"`
	// LampIdentity says to whom a lamp shows who is at the other end of a call.
	LampIdentity LampIdentity `json:"lamp_identity,omitempty"`
	// LegMaxAge caps the age of a leg of a call whose end was never reported;
	// default 12 h.
	LegMaxAge time.Duration `json:"leg_max_age,omitempty"`
	// Digest is the default list of algorithms offered; default MD5 only,
	// because many phones give up on anything else.
	Digest []string `json:"digest,omitempty"`
	// Fallback is the URI or number (a voicemail, a group) that calls go to
	// instead of being refused, see CheckFallback; an agent's own
	// Settings.Fallback comes first.
	Fallback string `json:"fallback,omitempty"`
	// Zone is the time zone of all hours of the domain; UTC unless set. Hours are when
	// calls from outside ring, AfterHours is where they go instead of being refused,
	// before Fallback. Agents may have their own.
	Zone       schedule.Zone      `json:"zone,omitzero"`
	Hours      *schedule.Schedule `json:"hours,omitempty"`
	AfterHours string             `json:"after_hours,omitempty"`
	// Statuses are the domain's custom statuses.
	Statuses []Custom `json:"statuses,omitempty"`
	// Desk says how agents log in at hot desks.
	Desk DeskPolicy `json:"desk,omitzero"`
	// AgentKeys is what the keys of a call centre's phones mean.
	AgentKeys AgentKeys `json:"agent_keys,omitzero"`
}

// DeskPolicy is a domain's choice about hot desks.
type DeskPolicy struct {
	// NoPIN lets an agent's number alone log in by phone; by default the agent's
	// PIN is demanded.
	NoPIN bool `json:"no_pin,omitempty"`
	// Shift is when a login ends by itself; default 12 h, at most 7 days.
	Shift time.Duration `json:"shift,omitempty"`
}

// defaultShift is how long a hot desk is an agent's who does not log out.
const defaultShift = 12 * time.Hour

// Length is the length of a shift, the default if none is set.
func (p DeskPolicy) Length() time.Duration {
	if p.Shift <= 0 {
		return defaultShift
	}
	return p.Shift
}

// Wrap-up durations with a meaning of their own.
const (
	WrapUpNone      time.Duration = -1
	WrapUpUnlimited time.Duration = -2
)

// What an unset policy means.
const (
	// DefaultWrapUp is the time after a campaign call where neither campaign nor
	// domain say otherwise.
	DefaultWrapUp    = 30 * time.Second
	defaultGrace     = 5 * time.Second
	defaultLegMaxAge = 12 * time.Hour
)

// OnlineBy says what makes an agent online (rule 21).
type OnlineBy string

// The choices of OnlineBy; the empty value means OnlineByWebphone.
const (
	OnlineByWebphone  OnlineBy = "webphone"
	OnlineByAnyDevice OnlineBy = "any_device"
)

// KeepSelected is the domain's answer to rule 5.
type KeepSelected string

// The choices of KeepSelected; the empty value means KeepAsk.
const (
	KeepAsk       KeepSelected = "ask"
	KeepStatus    KeepSelected = "keep"
	KeepAvailable KeepSelected = "available"
)

// Consult is the domain's answer to rule 10.
type Consult string

// The choices of Consult; the empty value means ConsultColleagues.
const (
	ConsultColleagues Consult = "colleagues"
	ConsultNone       Consult = "none"
	ConsultAny        Consult = "any"
)

// LabelGrace is how long the label waits after a closed webphone socket
// (rule 15), the two special values of Grace resolved.
func (p *Policy) LabelGrace() time.Duration {
	switch {
	case p.Grace < 0:
		return 0
	case p.Grace == 0:
		return defaultGrace
	}
	return p.Grace
}

// RingTime is how long devices ring.
func (p *Policy) RingTime() time.Duration {
	if p.Ring <= 0 {
		return time.Minute
	}
	return p.Ring
}

// LegCap is how old a leg may grow whose end is never reported.
func (p *Policy) LegCap() time.Duration {
	if p.LegMaxAge <= 0 {
		return defaultLegMaxAge
	}
	return p.LegMaxAge
}

// Custom finds the custom status of that name; nil if the domain has none.
func (p *Policy) Custom(name string) *Custom {
	for i := range p.Statuses {
		if p.Statuses[i].Name == name {
			return &p.Statuses[i]
		}
	}
	return nil
}

// WithDefaults fills what is unset. It may be applied more than once.
func (p Policy) WithDefaults() Policy {
	if p.OnlineBy == "" {
		p.OnlineBy = OnlineByWebphone
	}
	if p.KeepSelected == "" {
		p.KeepSelected = KeepAsk
	}
	if p.Grace == 0 {
		p.Grace = defaultGrace
	}
	if p.WrapUp == 0 {
		p.WrapUp = DefaultWrapUp
	}
	if p.Pickup == "" {
		p.Pickup = PickupTeam
	}
	if p.Consult == "" {
		p.Consult = ConsultColleagues
	}
	if p.LegMaxAge == 0 {
		p.LegMaxAge = defaultLegMaxAge
	}
	if len(p.Digest) == 0 {
		p.Digest = []string{"MD5"}
	}
	return p
}
