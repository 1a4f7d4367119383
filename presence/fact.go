package presence

import "time"

// Facts are everything known of one agent: the input of status and routing.
// The order within a slice means nothing.
type Facts struct {
	Sessions      []Session
	Registrations []Registration
	Legs          []Leg
	Offers        []Offer
	WrapUp        *WrapUp // nil: none running
	Selected      Selection
	Settings      Settings
}

// Session is a webphone: a browser tab or a desktop client.
type Session struct {
	ID     string
	Device DeviceID // the agent's webphone device
	Client string   // "web" or "desktop"
	State  SessionState
	Mic    Mic
	// MicProven is set once arriving media proved the microphone (or the server
	// was told to trust the page's word).
	MicProven bool
	Since     time.Time
	// Closed is when the socket closed; State is then SessionClosed and the
	// label waits for Policy.Grace (rule 15).
	Closed time.Time
}

// Usable reports whether the agent can be heard through it: the microphone is
// usable and that was proved, not merely said.
func (s *Session) Usable() bool { return s.Mic.Usable() && s.MicProven }

// SessionState is how alive a webphone session is.
type SessionState string

// The states of a session. Only an alive one is a target. A suspect one gets no
// new rings but keeps the agent's label; beyond the limit of silence its fact is
// dropped, without grace. A closed one keeps the label for Policy.Grace after
// Session.Closed.
const (
	SessionAlive   SessionState = "alive"
	SessionSuspect SessionState = "suspect"
	SessionClosed  SessionState = "closed"
)

// Mic is what is known of a webphone's microphone.
type Mic string

// The states of a microphone. Granted, silent and muted are usable, the latter
// two with a warning.
const (
	MicGranted  Mic = "granted"
	MicSilent   Mic = "silent"
	MicMuted    Mic = "muted"
	MicNotAsked Mic = "not_asked"
	MicDenied   Mic = "denied"
	MicMissing  Mic = "missing"
	MicLost     Mic = "lost"
)

// Usable reports whether an agent can speak through it.
func (m Mic) Usable() bool { return m == MicGranted || m == MicSilent || m == MicMuted }

// Registration is one contact a device registered (RFC 3261 §10).
type Registration struct {
	ID      string // the registrar's id of the binding
	Device  DeviceID
	Kind    DeviceKind // desk, soft or mobile
	Contact string     // URI as registered
	Q       int        // thousandths, 0 to 1000
	// Transport and Source are where it came from.
	Transport string
	Source    string
	UserAgent string
	// Alive is false when its flow is gone or OPTIONS went unanswered; of what
	// was restored it is true until the contrary is known.
	Alive bool
	// Restored is set after a restart until the device was heard again: still
	// routable, but flagged.
	Restored bool
	// FlowOnly: the contact can be reached over our own flow alone (a stream
	// behind NAT, a WebSocket), so no other server can be redirected to it.
	FlowOnly bool
	// Push is set when the device can be woken (RFC 8599).
	Push bool
	// QuietUntil leaves the device out until then (local DND, rule 13).
	QuietUntil time.Time
	Expires    time.Time // zero: never
}

// Leg is the agent's part in one call.
type Leg struct {
	Call   string // the call's id; legs of one call share it
	ID     string // unique within the agent
	Device DeviceID
	// Source names who reports it: "proxy", "webphone" or "publish:<peer>".
	Source    string
	Direction Direction
	Kind      CallKind
	State     LegState
	// Talked is set once the leg was answered.
	Talked bool
	// CallID, LocalTag, RemoteTag and Remote are dialog material for lamps.
	CallID, LocalTag, RemoteTag string
	Remote, RemoteName          string
	// Since is when the leg began; its age is capped from here on, so whoever
	// reports a leg sets it.
	Since time.Time
	// Expires is the end of the publication or session timer; zero: the cap on
	// age alone.
	Expires time.Time
	// WrapUp is the campaign's own wrap-up time; zero: the domain's.
	WrapUp time.Duration
}

// Direction of a leg as the agent sees it.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// CallKind decides which rules admit a call and whether wrap-up follows.
type CallKind string

// The kinds of call.
const (
	CallRegular  CallKind = "regular"
	CallCampaign CallKind = "campaign"
	CallInternal CallKind = "internal"
)

// LegState is how far a leg has come.
type LegState string

// The states of a leg. An ended leg is taken out of the facts.
const (
	LegRinging  LegState = "ringing"  // inbound, not answered
	LegDialling LegState = "dialling" // outbound, not answered
	LegTalking  LegState = "talking"
	LegHeld     LegState = "held"
)

// Offer reserves an agent for a group or campaign call; it always ends
// (rule 17).
type Offer struct {
	ID      string // no two calls have the same
	CallID  string `json:",omitempty"` // which two calls may have; "": as ID
	Kind    CallKind
	Group   string
	Expires time.Time
}

// WrapUp is running after a campaign call.
type WrapUp struct {
	Call  string
	Since time.Time
	Until time.Time // zero: until finished by hand
}

// Selection is the agent's own word.
type Selection struct {
	Status Selectable
	At     time.Time
	Cause  Cause
	Actor  string
	Reason string
}

// Selectable is "available", "do_not_disturb" or "custom:" and a name.
type Selectable string

// What can be selected besides custom statuses.
const (
	SelectAvailable Selectable = "available"
	SelectDND       Selectable = "do_not_disturb"
)

const customPrefix = "custom:"

// SelectCustom selects the custom status of that name.
func SelectCustom(name string) Selectable { return Selectable(customPrefix + name) }

// Custom returns the custom status's name, if it is one.
func (s Selectable) Custom() (name string, ok bool) {
	if len(s) > len(customPrefix) && s[:len(customPrefix)] == customPrefix {
		return string(s[len(customPrefix):]), true
	}
	return "", false
}

// Cause says why something changed (rule 22).
type Cause string

// The causes.
const (
	CauseAgent         Cause = "agent"
	CauseSupervisor    Cause = "supervisor"
	CauseAPI           Cause = "api"
	CauseFeatureCode   Cause = "feature-code"
	CausePhoneSync     Cause = "phone-sync"
	CauseCallStart     Cause = "call-start"
	CauseCallEnd       Cause = "call-end"
	CauseWrapUpStart   Cause = "wrap-up-start"
	CauseWrapUpEnd     Cause = "wrap-up-end"
	CauseWrapUpExpired Cause = "wrap-up-expired"
	CauseNoAnswer      Cause = "no-answer"
	CauseOptionsOff    Cause = "options-off"
	CauseOptionsOn     Cause = "options-on"
	CauseWebphoneGone  Cause = "webphone-gone"
	CauseWebphoneQuiet Cause = "webphone-silent"
	CauseWebphoneBack  Cause = "webphone-back"
	CauseLogout        Cause = "logout"
	CauseLogin         Cause = "login"
	CauseMicDenied     Cause = "microphone-denied"
	CauseMicPending    Cause = "microphone-pending"
	CauseMicMissing    Cause = "microphone-missing"
	CauseMicLost       Cause = "microphone-lost"
	CauseCustomExpired Cause = "custom-expired"
	CauseFactExpired   Cause = "fact-expired"
	CauseRestart       Cause = "restart"
)
