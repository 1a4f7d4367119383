// Package config is the one typed configuration of a Lamplight server. It is
// read from a YAML file, then overridden by LAMPLIGHT_… variables, then
// validated as a whole; every mistake is reported with the file and line, or
// the variable, that it came from.
//
// The zero value of every key is a useful default, filled in by Load.
package config

import (
	"time"

	"lamplight/sip/peers"
)

// Config is the whole configuration.
type Config struct {
	// Node names this server in logs and records.
	Node string `yaml:"node"`
	// Data is the directory of the database, keys and made certificates.
	Data string `yaml:"data"`
	// KeepHistory is how long the change log is kept; 9600h (400 days).
	KeepHistory time.Duration `yaml:"keep_history"`
	// Demo admits the well-known demo credentials, on loopback only.
	Demo      bool      `yaml:"demo"`
	Log       Log       `yaml:"log"`
	SIP       SIP       `yaml:"sip"`
	Registrar Registrar `yaml:"registrar"`
	Lists     Lists     `yaml:"lists"`
	Push      Push      `yaml:"push"`
	HTTP      HTTP      `yaml:"http"`
	TLS       TLS       `yaml:"tls"`
	Webphone  Webphone  `yaml:"webphone"`
	Media     Media     `yaml:"media"`
	Tokens    []Token   `yaml:"tokens"`
	Peers     []Peer    `yaml:"peers"`
	// Trunks take calls to numbers outside.
	Trunks []Trunk `yaml:"trunks"`
	// Upstreams are presence servers that are told what agents are doing.
	Upstreams []Upstream `yaml:"upstreams"`
	// Phones are what is different about whose phones, read before the shipped
	// table (lamplight phones shows both); the first that matches counts.
	Phones  []Phone  `yaml:"phones"`
	Domains []Domain `yaml:"domains"`
}

// Log says how much is logged and in what form.
type Log struct {
	Level  string `yaml:"level"`  // trace, debug, info (default), warn, error
	Format string `yaml:"format"` // json (default) or console
}

// SIP is where SIP is spoken.
type SIP struct {
	UDP []string `yaml:"udp"` // addresses host:port
	TCP []string `yaml:"tcp"`
	TLS []string `yaml:"tls"`
	// UDPReaders is the number of SO_REUSEPORT sockets per UDP address; 1.
	UDPReaders int `yaml:"udp_readers"`
	// Trusted sources are exempt from the message rate gate.
	Trusted []string `yaml:"trusted"`
	// MessageRate bounds what one untrusted address may send, per second; 200.
	MessageRate int `yaml:"message_rate"`
	// ForceRPort does for everybody what the peers' force_rport does for one. A
	// phone with a private address behind a public one is answered so in any case.
	ForceRPort bool `yaml:"force_rport"`
	// Connections bounds the streams of one untrusted address; 100.
	Connections int `yaml:"connections"`
}

// Registrar is what a phone is granted; zero values are the registrar's own.
type Registrar struct {
	MinExpires     time.Duration `yaml:"min_expires"`     // less is answered 423; 1m
	MaxExpires     time.Duration `yaml:"max_expires"`     // more is granted this; 1h
	PushExpires    time.Duration `yaml:"push_expires"`    // the same for mobiles that a push can wake; 168h
	DefaultExpires time.Duration `yaml:"default_expires"` // for a phone that asks for none; 1h
	NATExpires     time.Duration `yaml:"nat_expires"`     // the most over UDP through a translator; 2m
	Contacts       int           `yaml:"contacts"`        // of one device; 10, at most 50
	// Excess is what becomes of one contact too many: replace (default) drops the
	// oldest, reject answers 403, unlimited takes up to 50.
	Excess string `yaml:"excess"`
	// RefuseExcess is another word for excess: reject.
	RefuseExcess bool `yaml:"refuse_excess"`
	// Desk, Soft and Mobile are what is different for devices of that kind.
	Desk   Share `yaml:"desk"`
	Soft   Share `yaml:"soft"`
	Mobile Share `yaml:"mobile"`
	// Outbound is how far RFC 5626 goes, by which a phone has several flows: on
	// (default; without it where a proxy between does not support it), strict (439
	// there), off.
	Outbound string `yaml:"outbound"`
	// FlowTimer is how often such a phone is to send a keep-alive; 2m, by UDP 29s.
	FlowTimer time.Duration `yaml:"flow_timer"`
	// ServiceRoute are the URIs a phone is told to send its requests through (RFC
	// 3608), such as sip:edge.example.com;lr.
	ServiceRoute []string `yaml:"service_route"`
	// GRUU gives phones that ask for it a URI that reaches this one phone, wherever it
	// is (RFC 5627). They use it as their contact everywhere, so it is for where calls
	// are carried: a PBX that is redirected would send its BYE here.
	GRUU bool `yaml:"gruu"`
	// Qualify is which phones over UDP are asked by OPTIONS whether they are still
	// there: nat (default: those behind a translator of addresses), all, off. One
	// that stays silent is unregistered, by default within 65 s.
	Qualify string `yaml:"qualify"`
	// QualifyInterval is how long a phone may be silent before it is asked, a
	// quarter more or less; 30s. QualifyTries unanswered questions in a row, 5 s to
	// 10 s each, make it dead; 3.
	QualifyInterval time.Duration `yaml:"qualify_interval"`
	QualifyTries    int           `yaml:"qualify_tries"`
}

// Share is how many contacts a device may register.
type Share struct {
	Contacts int    `yaml:"contacts"`
	Excess   string `yaml:"excess"` // replace, reject or unlimited
}

// Lists bounds what phones watch with one subscription; teams are lists too.
type Lists struct {
	Members  int `yaml:"members"`   // of one list; 500
	PerAgent int `yaml:"per_agent"` // lists of an agent's own; 20
}

// HTTP is where pages, API and WebSockets are served.
type HTTP struct {
	Listen []string `yaml:"listen"` // plain
	TLS    []string `yaml:"tls"`    // with the certificate of the tls section
	// Origins are the pages that may, besides our own, open a WebSocket, send
	// commands and show the agent's bar in a frame (<iframe allow="microphone"
	// src="https://…/bar.html">), as scheme://host[:port].
	Origins []string `yaml:"origins"`
	// BehindProxy are the addresses or prefixes of the reverse proxies whose
	// X-Forwarded-For and X-Forwarded-Proto are believed; nobody else's are. By them
	// limits by address count pages and SIP over WebSockets, and logs name them. No peer
	// is recognised by what comes through these proxies.
	BehindProxy []string `yaml:"behind_proxy"`
	// Connections bounds those of one address, but of a proxy's, to each listener; 10,000:
	// a call centre behind one address opens ten or so an agent. 50,000 are open in all,
	// or as many as one address may have.
	Connections int `yaml:"connections"`
}

// TLS is the certificate for SIP and HTTP. It is read again when it changes and
// on SIGHUP.
type TLS struct {
	Certificate string `yaml:"certificate"` // PEM chain
	Key         string `yaml:"key"`
	// SelfSigned makes a certificate in the data directory when there is none.
	SelfSigned bool `yaml:"self_signed"`
}

// Webphone is the browser side.
type Webphone struct {
	// UDP is the one address for all media of test connections; empty turns the
	// webphone off.
	UDP string `yaml:"udp"`
	// Announce are the public addresses browsers are told instead of UDP's.
	Announce []string `yaml:"announce"`
	// TrustWithoutTest takes a page's word for its microphone without the test
	// connection.
	TrustWithoutTest bool `yaml:"trust_without_test"`
}

// Token opens the API to a program. One of Token and SHA256 is given.
type Token struct {
	Name   string `yaml:"name"`
	Token  string `yaml:"token"`
	SHA256 string `yaml:"sha256"` // hex
	Role   string `yaml:"role"`   // admin, supervisor or agent
	Domain string `yaml:"domain"` // empty: every domain
}

// Peer is a neighbouring server.
type Peer struct {
	Name       string     `yaml:"name"`
	Sources    []string   `yaml:"sources"`    // addresses or prefixes
	Transports []string   `yaml:"transports"` // default: udp
	Mode       peers.Mode `yaml:"mode"`       // none (default), redirect or proxy
	Publish    bool       `yaml:"publish"`
	Calls      string     `yaml:"calls"` // authoritative (default) or observer
	Campaign   bool       `yaml:"campaign"`
	Domains    []string   `yaml:"domains"` // default: all
	// ForceRPort answers it at the port a datagram came from, rport or not: for a
	// peer behind a translator of addresses.
	ForceRPort bool `yaml:"force_rport"`
	// Replaces: its calls are picked up by an INVITE with Replaces (RFC 3891) where
	// it says that it knows that. Off: whoever picks up is rung instead, for many
	// say so and do not.
	Replaces bool `yaml:"replaces"`
	// AutoAnswer lets its calls ask phones to pick up by themselves, as a PBX's
	// intercom does. Off: phones are not told, for so could any caller listen in.
	AutoAnswer bool `yaml:"auto_answer"`
	// Untrusted: what it says of who calls (P-Asserted-Identity) is not believed, and
	// it is not told who asked for privacy (RFC 3325).
	Untrusted bool `yaml:"untrusted"`
	// Trunk is where forwarding numbers of its calls are sent: the name of one of the
	// trunks, or host[:port]. Where it is redirected they are left out without it.
	Trunk string `yaml:"trunk"`
}

// Phone is a family of phones and its quirks.
type Phone struct {
	// Match is what the User-Agent begins with; * stands for any characters.
	Match string `yaml:"match"`
	// Quirks are any of busy_lamp, partial_dialog, single_dialog, pval_only,
	// pvalue_only, cisco_activities, xpidf, linphone_list, no_options and
	// no_replaces.
	Quirks []string `yaml:"quirks"`
	// LargestBody is how many bytes the body of a NOTIFY over UDP may have; 820.
	LargestBody int `yaml:"largest_body"`
}

// Domain is a tenant and what its policy leaves to choose.
type Domain struct {
	Name             string   `yaml:"name"`
	Aliases          []string `yaml:"aliases"`
	Realm            string   `yaml:"realm"` // default: name; fixed once used
	OnlineBy         string   `yaml:"online_by"`
	KeepSelected     string   `yaml:"keep_selected"`
	Grace            *Span    `yaml:"grace"`
	WrapUp           *WrapUp  `yaml:"wrap_up"`
	Digest           []string `yaml:"digest"`
	ShowOfflineReach bool     `yaml:"show_offline_reach"`
	// BusyLamp: phones whose User-Agent begins so see Do Not Disturb and the like
	// as a lit lamp; * stands for any characters. It adds the quirk busy_lamp.
	BusyLamp []string `yaml:"busy_lamp"`
	// Watch says who may watch whom; the first rule that fits counts. Without one
	// everybody of the domain may watch everybody.
	Watch []Watch `yaml:"watch"`
	// LampIdentity says to whom a lamp shows who is at the other end of a call, and
	// what is needed to take it over: all (default), team (who shares a team, and
	// supervisors) or none.
	LampIdentity string        `yaml:"lamp_identity"`
	LegMaxAge    time.Duration `yaml:"leg_max_age"`
	Calls        Calls         `yaml:"calls"`
	Statuses     []Status      `yaml:"statuses"`
	AgentKeys    AgentKeys     `yaml:"agent_keys"`
	// FeatureCodes are what the agents' own phones may dial.
	FeatureCodes FeatureCodes `yaml:"feature_codes"`
	Desks        Desks        `yaml:"desks"`
	// Country is where the domain's phones are, as DE: its emergency numbers are always
	// let out, beside those of calls.emergency.
	Country string `yaml:"country"`
	// TimeZone is that of all hours, as Europe/Berlin; UTC.
	TimeZone string `yaml:"time_zone"`
	// Hours are when calls from outside ring; always, unless given. An agent's own
	// hours come before these, except on the days named here.
	Hours Hours `yaml:"hours"`
	// AfterHours is where calls go outside of them; without it to the fallback.
	AfterHours string  `yaml:"after_hours"`
	Agents     []Agent `yaml:"agents"`
	// Groups are numbers that several agents answer.
	Groups []Group `yaml:"groups"`
}

// Watch is a rule of who may watch whom.
type Watch struct {
	// Who: anyone (default), team:NAME, role:NAME, device:KIND (desk, soft or
	// mobile), agent:NUMBER, peer:NAME or peers.
	Who string `yaml:"who"`
	// Whom: anyone (default), team:NAME, own_team, agent:NUMBER or addresses
	// (those without an agent, such as parking slots).
	Whom string `yaml:"whom"`
	// Events are the event packages it is about; all but those a rule must name:
	// the likes of presence.winfo, which tell who watches, reg, which tells what
	// is registered, and message-summary.
	Events []string `yaml:"events"`
	// Then: allow, deny, or confirm (the agent or a supervisor decides).
	Then string `yaml:"then"`
}

// Calls is the part of a domain's policy that concerns calls.
type Calls struct {
	Consult          string `yaml:"consult"`
	BusyWhileRinging bool   `yaml:"busy_while_ringing"`
	// Pickup says who may take a call that rings at somebody else: team (default;
	// who shares a team, and supervisors), all or none.
	Pickup string `yaml:"pickup"`
	// Devices says what becomes of calls that the domain's own phones make: proxy
	// (default), they pass through us; or redirect, they are told where to call.
	Devices string `yaml:"devices"`
	// Ring is how long an agent's devices ring for a call that passes through us; 60s.
	Ring time.Duration `yaml:"ring"`
	// Emergency numbers are let out in every status, to the trunk, before anything else
	// that is dialled so; those of the domain's country are in any case.
	Emergency []string `yaml:"emergency"`
	// FeatureCodes are let out in every status, like emergency numbers, for a PBX
	// to carry out; those of the domain's feature_codes are in any case.
	FeatureCodes []string `yaml:"feature_codes"`
	// Fallback is the SIP or telephone URI, or number, that calls go to instead of
	// being refused.
	Fallback string `yaml:"fallback"`
	// Callers are what the calls of a team's agents show outside who have no caller
	// identity of their own.
	Callers []TeamCaller `yaml:"callers"`
	// ShowHidden lets the domain's own phones see callers who asked for privacy.
	ShowHidden bool `yaml:"show_hidden"`
}

// TeamCaller is the caller identity of a team, Caller that of an agent: the number
// as the trunk takes it, a name, and whether the called party is not to see them.
type TeamCaller struct {
	Team   string `yaml:"team"`
	Number string `yaml:"number"`
	Name   string `yaml:"name"`
	Hide   bool   `yaml:"hide"`
}

// Caller is the caller identity of an agent.
type Caller struct {
	Number string `yaml:"number"`
	Name   string `yaml:"name"`
	Hide   bool   `yaml:"hide"`
}

// Status is a custom status that the domain starts with.
type Status struct {
	Name     string        `yaml:"name"`
	Colour   string        `yaml:"colour"`
	Icon     string        `yaml:"icon"`
	Class    string        `yaml:"class"`
	Regular  bool          `yaml:"regular"`
	Campaign bool          `yaml:"campaign"`
	Outbound bool          `yaml:"outbound"`
	Activity string        `yaml:"activity"`
	Max      time.Duration `yaml:"max"`
	Return   string        `yaml:"return"`
}

// Span is a duration that knows whether it was given: "0s" is not the default.
type Span time.Duration

// UnmarshalText reads Go's notation: 300ms, 5s, 2m.
func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*s = Span(d)
	return err
}

// WrapUp is a duration, "none" or "unlimited".
type WrapUp time.Duration
