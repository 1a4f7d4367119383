package presence

import "time"

// Status is a status's name on the wire of the API.
type Status string

// The statuses. A custom one is StatusCustom with its name beside it.
const (
	StatusAvailable    Status = "available"
	StatusDND          Status = "do_not_disturb"
	StatusOnACall      Status = "on_a_call"
	StatusWrapUp       Status = "wrap_up"
	StatusOutboundOnly Status = "outbound_calls_only"
	StatusOffline      Status = "offline"
	StatusCustom       Status = "custom"
)

// Label is a status as it is shown: for a custom one, with its name.
type Label struct {
	Status Status `json:"status"`
	Custom string `json:"custom,omitempty"`
}

// Text is the label as people read it: "Do Not Disturb".
func (l Label) Text() string {
	switch l.Status {
	case StatusAvailable:
		return "Available"
	case StatusDND:
		return "Do Not Disturb"
	case StatusOnACall:
		return "On a Call"
	case StatusWrapUp:
		return "Wrap Up"
	case StatusOutboundOnly:
		return "Outbound Calls Only"
	case StatusOffline:
		return "Offline"
	}
	return l.Custom
}

// View is a label and since when, and why, it has been shown.
type View struct {
	Label
	Since time.Time `json:"since"`
	// Cause is why the label changed; empty while it has never changed, because
	// nothing was heard of the agent since it was made.
	Cause Cause `json:"cause,omitempty"`
}

// Evaluation is what follows from an agent's facts at one moment. It is made by
// package status alone; routing and watchers read it, never the facts again.
type Evaluation struct {
	Team, Own Label
	// OfflineWhy is why the agent is not online, with the remedy where there is
	// one; set where a view is Offline.
	OfflineWhy string

	// Chosen is the selected status in force: a custom one that ran out has
	// given way to the one it returns to. The next three are what it lets
	// through.
	Chosen                                        Label
	RoutesRegular, RoutesCampaign, AllowsOutbound bool

	// Online is what the label reads: it includes the grace after a closed
	// socket and the doubt about a silent one, when no webphone is a target.
	Online, Engaged, Offered, Base bool
	// Regular and Campaign are the predicates of presence/RULES.md: such a call may
	// be offered.
	Regular, Campaign bool
	// Outbound is what the status says of outbound calls, before the device.
	Outbound bool
	// Reachable: at least one enabled device can be rung; Why says why not.
	Reachable bool
	Why       string
	// Devices are all devices known of the agent, in a stable order.
	Devices []DeviceState
	// Warnings are for the agent's page: "microphone is silent".
	Warnings []string
	// Watch is what watchers are told.
	Watch Watch
	// Next is when time alone may change the evaluation; zero: never.
	Next time.Time
}

// DeviceState is one way to reach the agent, and whether it would be used.
type DeviceState struct {
	// ID is unique within the snapshot: a session's, a registration's or a
	// number's id.
	ID        string     `json:"id"`
	Device    DeviceID   `json:"device"`
	Kind      DeviceKind `json:"kind"`
	Enabled   bool       `json:"enabled"`   // its forwarding option is on
	Reachable bool       `json:"reachable"` // it could ring now
	// Why explains a device that is not enabled or not reachable.
	Why string `json:"why,omitempty"`
	// Contact is the URI as registered, or a forwarding number as written.
	Contact string `json:"contact,omitempty"`
	Q       int    `json:"q,omitempty"`
	// FlowOnly, Push, Delay, Group and Confirm are copied from the fact.
	FlowOnly bool `json:"flow_only,omitempty"`
	Push     bool `json:"push,omitempty"`
	Restored bool `json:"restored,omitempty"`
	// Wake: only a push can make it reachable now.
	Wake    bool          `json:"wake,omitempty"`
	Delay   time.Duration `json:"delay,omitempty"`
	Group   bool          `json:"group,omitempty"`
	Confirm bool          `json:"confirm,omitempty"`
}

// Watch is the team view in the terms of the two event packages (RULES.md,
// "What watchers are told").
type Watch struct {
	// Dialogs are the agent's legs, the one a single lamp should show first.
	Dialogs []DialogState
	// Busy: the status is shown as a confirmed pseudo-dialog to watchers whose
	// policy or phone model asks for it (DND, Wrap Up, Outbound Calls Only,
	// custom without inbound).
	Busy bool
	// Open is the PIDF basic value (RFC 3863 §4.1.4).
	Open bool
	// Activity is the RPID activity (RFC 4480 §3.2); empty: none.
	Activity string
	// Note is the human text.
	Note string
}

// DialogState is a leg in the terms of RFC 4235.
type DialogState struct {
	ID        string // stable for the leg's life
	State     string // trying, early, confirmed
	Held      bool
	Direction string // initiator or recipient
	CallID    string
	LocalTag  string
	RemoteTag string
	Remote    string // URI
	Name      string // display name of Remote
	Since     time.Time
}

// Snapshot is the numbered state of one agent. It is immutable once published.
type Snapshot struct {
	Domain DomainID
	Agent  AgentID
	// AOR is the first address of record, user@domain.
	AOR    string
	Number string
	Name   string
	Teams  []string
	// Bare: an address of record without an agent, known from publications.
	Bare bool
	// Version is boot<<32 | n: it only grows, also across restarts.
	Version uint64
	At      time.Time
	Team    View
	Own     View
	// Selected is the agent's own word, which outlives what is shown.
	Selected Selection
	WrapUp   *WrapUp
	Settings Settings
	Sessions []Session
	Legs     []Leg
	Offers   []Offer
	Evaluation
}
