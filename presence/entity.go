package presence

import (
	"time"

	"lamplight/presence/schedule"
)

// Domain is a tenant. Its Realm is what digest credentials are bound to and
// never changes; names may.
type Domain struct {
	ID     DomainID `json:"id"`
	Names  []string `json:"names"` // the first is canonical, lower case
	Realm  string   `json:"realm"`
	Policy Policy   `json:"policy"`
}

// Name is the canonical SIP domain name.
func (d *Domain) Name() string {
	if len(d.Names) == 0 {
		return ""
	}
	return d.Names[0]
}

// Agent is a person who takes calls.
type Agent struct {
	ID     AgentID  `json:"id"`
	Domain DomainID `json:"domain"`
	Number string   `json:"number"` // unique within the domain
	Name   string   `json:"name"`
	Teams  []string `json:"teams,omitempty"`
	// AORs are the agent's addresses of record as user@domain, the first one
	// being number@canonical-domain.
	AORs []string `json:"aors"`
	// Role opens pages and API calls: agent, supervisor or admin.
	Role Role `json:"role,omitempty"`
	// Settings are what the agent or an administrator chose.
	Settings Settings `json:"settings"`
	// Caller is what the agent's calls to the outside show.
	Caller CallerID `json:"caller,omitzero"`
	// LoginHash is the argon2id hash of the page password; empty means that the
	// agent cannot log in to pages.
	LoginHash string `json:"login_hash,omitempty"`
	// PINHash is the argon2id hash of the PIN by which the agent logs in at a hot
	// desk; empty: the agent cannot do so by phone where a PIN is demanded.
	PINHash string `json:"pin_hash,omitempty"`
}

// Role says what a person may do in pages and API.
type Role string

// The roles.
const (
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
)

// DeviceKind says how a device is reached and which forwarding option rules it.
type DeviceKind string

// The kinds of device. A number is a forwarding number.
const (
	KindWebphone DeviceKind = "webphone"
	KindDesk     DeviceKind = "desk"
	KindSoft     DeviceKind = "soft"
	KindMobile   DeviceKind = "mobile"
	KindNumber   DeviceKind = "number"
)

// Text is the kind as people read it: "desk phone".
func (k DeviceKind) Text() string {
	switch k {
	case KindDesk:
		return "desk phone"
	case KindSoft:
		return "softphone"
	}
	return string(k)
}

// Device is something that can ring.
type Device struct {
	ID     DeviceID   `json:"id"`
	Domain DomainID   `json:"domain"`
	Kind   DeviceKind `json:"kind"`
	Name   string     `json:"name"`
	// Digest lists the algorithms offered to this device in order; empty means
	// the domain's. Names as in RFC 8760: "MD5", "SHA-256".
	Digest []string `json:"digest,omitempty"`
	// PublishSelects lets the device's own presence PUBLISH select a status
	// (rule 12); off by default because phones publish "open" at start.
	PublishSelects bool `json:"publish_selects,omitempty"`
	// PublishCalls lets the device PUBLISH its agent's calls, as an observer; off
	// by default.
	PublishCalls bool `json:"publish_calls,omitempty"`
	// Shared marks a hot desk: any agent of the domain may be given it for a time.
	Shared bool `json:"shared,omitempty"`
}

// Credential proves which device sent a request (RFC 7616). Only HA1 values are
// kept, one per algorithm.
type Credential struct {
	Domain   DomainID `json:"domain"`
	Device   DeviceID `json:"device"`
	Username string   `json:"username"` // unique within the domain
	HA1      HA1      `json:"ha1"`
}

// HA1 is all that is kept of a password: the hex of H(user:realm:password) for
// each algorithm, named as in RFC 8760; empty where there is none. There are
// hundreds of thousands of them, so it is no map.
type HA1 struct {
	MD5       string `json:"MD5,omitempty"`
	SHA256    string `json:"SHA-256,omitempty"`
	SHA512256 string `json:"SHA-512-256,omitempty"`
}

// Of is the hash for an algorithm, empty if there is none.
func (h HA1) Of(algorithm string) string {
	switch algorithm {
	case "MD5":
		return h.MD5
	case "SHA-256":
		return h.SHA256
	case "SHA-512-256":
		return h.SHA512256
	}
	return ""
}

// Set keeps a hash for an algorithm; one that is not known is not kept.
func (h *HA1) Set(algorithm, hash string) {
	switch algorithm {
	case "MD5":
		h.MD5 = hash
	case "SHA-256":
		h.SHA256 = hash
	case "SHA-512-256":
		h.SHA512256 = hash
	}
}

// Algorithms are the names of those there is a hash for, sorted.
func (h HA1) Algorithms() []string {
	var out []string
	for _, alg := range [...]string{"MD5", "SHA-256", "SHA-512-256"} {
		if h.Of(alg) != "" {
			out = append(out, alg)
		}
	}
	return out
}

// Assignment says whose device it is, from when and until when.
type Assignment struct {
	Device DeviceID  `json:"device"`
	Agent  AgentID   `json:"agent"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"` // zero: no end
}

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

// Custom is a status a domain made for itself (rule 14).
type Custom struct {
	Name   string      `json:"name"`
	Colour string      `json:"colour,omitempty"`
	Icon   string      `json:"icon,omitempty"`
	Class  CustomClass `json:"class,omitempty"`
	// Regular, Campaign and Outbound say what the status lets through.
	Regular  bool `json:"regular"`
	Campaign bool `json:"campaign"`
	Outbound bool `json:"outbound"`
	// Activity is the RPID activity watchers are told (RFC 4480 §3.2).
	Activity string `json:"activity,omitempty"`
	// Max is the longest time the status holds; zero is no limit. After it the
	// agent returns to Return ("available", "do_not_disturb" or a custom name).
	Max    time.Duration `json:"max,omitempty"`
	Return string        `json:"return,omitempty"`
}

// CustomClass sorts custom statuses in reports.
type CustomClass string

// The classes.
const (
	ClassWorking CustomClass = "working"
	ClassBreak   CustomClass = "break"
	ClassAway    CustomClass = "away"
)

// Settings are an agent's forwarding options (presence/RULES.md, "Facts").
type Settings struct {
	Options Options `json:"options"`
	// Saved is the set that "restore" brings back after "all off" (rule 1).
	Saved *Options `json:"saved,omitempty"`
	// Before is the set from before a phone forwarded every call (ForwardAlways),
	// which comes back when it no longer does.
	Before *Options `json:"before,omitempty"`
	// Fallback is the URI or number that calls go to instead of being refused;
	// empty: the domain's.
	Fallback string `json:"fallback,omitempty"`
	// Hours are the agent's own working hours, see Policy.Hours, and AfterHours where
	// calls go outside of them.
	Hours      *schedule.Schedule `json:"hours,omitempty"`
	AfterHours string             `json:"after_hours,omitempty"`
	// Ringing is in which order the devices ring, and for how long.
	Ringing Ringing `json:"ringing,omitzero"`
}

// Options are the forwarding options.
type Options struct {
	Webphone bool     `json:"webphone"`
	SIPPhone bool     `json:"sip_phone"` // desk and soft
	Mobile   bool     `json:"mobile"`
	Numbers  []Number `json:"numbers,omitempty"`
}

// Any reports whether at least one option is on. A number outside its hours is
// still on.
func (o Options) Any() bool {
	if o.Webphone || o.SIPPhone || o.Mobile {
		return true
	}
	for i := range o.Numbers {
		if o.Numbers[i].Enabled {
			return true
		}
	}
	return false
}

// DefaultSettings are a new agent's: every device may ring.
func DefaultSettings() Settings {
	return Settings{Options: Options{Webphone: true, SIPPhone: true, Mobile: true}}
}

// Number is a forwarding number.
type Number struct {
	ID      DeviceID `json:"id"`
	Number  string   `json:"number"`
	Enabled bool     `json:"enabled"`
	// Group lets group calls ring it; off by default.
	Group bool          `json:"group,omitempty"`
	Delay time.Duration `json:"delay,omitempty"`
	// Confirm asks for a key press before it counts as answered (rule 18).
	Confirm bool `json:"confirm,omitempty"`
	// Hours are when it may ring; nil: always. Closed: not at all for now.
	Hours  *schedule.Schedule `json:"hours,omitempty"`
	Closed bool               `json:"closed,omitempty"`
	// Phone: a phone's forwarding key entered it, so it goes when that is off.
	Phone bool `json:"phone,omitempty"`
}
