package config

import "time"

// Agent is an agent the file declares, with a desk phone (user name = number),
// a softphone (number-soft), a mobile (number-mobile) and a webphone.
type Agent struct {
	Number   string   `yaml:"number"`
	Name     string   `yaml:"name"`
	Teams    []string `yaml:"teams"`
	Password string   `yaml:"password"` // of the devices; empty: no devices
	Login    string   `yaml:"login"`    // of the pages; empty: no login
	// LoginHash is given instead of Login by a file that holds no passwords.
	LoginHash string `yaml:"login_hash"`
	// PIN logs the agent in at a hot desk by phone, 4 to 12 digits; empty: the one
	// set by page or API stays.
	PIN  string `yaml:"pin"`
	Role string `yaml:"role"` // agent (default), supervisor, admin
	// Caller is what the agent's calls to the outside show, the team's unless given.
	Caller *Caller `yaml:"caller"`
	// Hours are the agent's own, AfterHours where calls go outside of them; without
	// them those set by page or API stay.
	Hours      Hours  `yaml:"hours"`
	AfterHours string `yaml:"after_hours"`
}

// Desks are the phones that are nobody's own, and how agents log in at them.
type Desks struct {
	// PIN is required (default) or none, for logins by phone.
	PIN string `yaml:"pin"`
	// Shift is when a login ends by itself; 12h, at most 168h.
	Shift  time.Duration `yaml:"shift"`
	Phones []Desk        `yaml:"phones"`
}

// Desk is a hot desk's phone.
type Desk struct {
	User     string `yaml:"user"` // of its SIP account
	Password string `yaml:"password"`
	Name     string `yaml:"name"` // default: user
}

// AgentKeys says which statuses the keys of a call centre's phones select
// (as-feature-event). A status is available, do_not_disturb or the name of a
// custom one.
type AgentKeys struct {
	// NotReady are the reasons of "not ready", by the codes the phones send.
	NotReady []NotReady `yaml:"not_ready"`
	// Other is for a reason that is not listed; default do_not_disturb.
	Other string `yaml:"other"`
	// AfterCall is for "working after a call" where no wrap-up is running;
	// without it that is refused.
	AfterCall string `yaml:"after_call"`
	// LoggedOff is for "log off"; without it the agent's webphones are logged out.
	LoggedOff string `yaml:"logged_off"`
}

// NotReady is one reason.
type NotReady struct {
	Reason string `yaml:"reason"`
	Status string `yaml:"status"`
}
