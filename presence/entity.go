package presence

import (
	"time"
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
