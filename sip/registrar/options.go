package registrar

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/push"
	"lamplight/sip/quirks"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store"
)

// Options of a registrar. The services must be set; the zero value of every
// limit is its default.
type Options struct {
	Store        store.Store
	Directory    *directory.Directory
	Roster       *roster.Roster
	Auth         *digest.Authority
	Transport    *transport.Layer
	Transactions *transaction.Layer
	Key          []byte                // of what it signs; default: made anew at each start
	Phones       quirks.Table          // which phones are not asked OPTIONS
	Node         string                // default "node-1"
	Log          zerolog.Logger        // default: none
	Metrics      prometheus.Registerer // default: none

	Limits
}

// Limits are what a device is granted.
type Limits struct {
	// MinExpires, MaxExpires and DefaultExpires bound what is granted (RFC 3261
	// §10.3 step 6 and 7): 60 s, 1 h, 1 h. Less than the least is answered 423,
	// more than the most is granted the most.
	MinExpires, MaxExpires, DefaultExpires time.Duration
	// NATExpires is the most granted to a contact over UDP that names another
	// address than it registers from, but not less than MinExpires; default 2 min.
	// The translator between forgets a silent phone within minutes, and then no
	// NOTIFY reaches it until it registers again.
	NATExpires time.Duration
	// Push is what push services are served (RFC 8599); default: none. PushExpires is
	// the most granted to a contact that one of them can wake: it sleeps, and
	// cannot refresh while it does; default 7 days.
	Push        push.Services
	PushExpires time.Duration
	// Contacts is the most a device may bind to one address of record; default
	// 10. Excess says what becomes of another; default ExcessReplace. Desk, Soft
	// and Mobile are other choices for devices of that kind, where they make one.
	Contacts           int
	Excess             Excess
	Desk, Soft, Mobile Share
	// Outbound is how far RFC 5626 goes; default OutboundOn. FlowTimer is how often a
	// client is asked to send a keep-alive on its flow, the most; default 2 min, and
	// never more than 29 s over UDP.
	Outbound  Outbound
	FlowTimer time.Duration
	// ServiceRoute are the URIs a device is told to send its requests through (RFC
	// 3608), with lr; default: none.
	ServiceRoute []string
	// GRUU gives clients that ask for it GRUUs (RFC 5627): URIs that reach one instance
	// wherever it is.
	GRUU bool
	// Grace is how long a binding outlives what the device was told, or a tenth
	// of that if it is more; default 10 s.
	Grace time.Duration
	// Pad is how far beyond that the stored end lies, or one period more if that
	// is longer; default 1 h. The longer, the fewer refreshes write, and the more
	// bindings a restart restores whose device went away.
	Pad time.Duration
	// Waiting is the most requests for one agent that wait for a commit; default
	// 32. More are answered 503.
	Waiting int
	// Qualify is which bindings over UDP are asked by OPTIONS whether the device is
	// there; default QualifyNAT. What a restart restored is asked in any case.
	Qualify Qualify
	// QualifyInterval is how long a device may be silent before it is asked, a
	// quarter more or less; default 30 s. QualifyTries questions, each waited for
	// QualifyTimeout and QualifyPause apart, make one dead; default 3, 5 s, 5 s. So
	// a device that went silent is unregistered within
	//
	//	1.25 × interval + tries × timeout + 1.25 × (tries−1) × pause
	//
	// and some tenths of a second, by default 65 s, as long as the next two limits
	// leave room.
	QualifyInterval time.Duration
	QualifyTries    int
	QualifyTimeout  time.Duration
	QualifyPause    time.Duration
	// QualifyRate is the most questions a second, over all bindings; default 5000.
	// QualifyOpen is the most that wait for an answer at once; default 2000.
	QualifyRate int
	QualifyOpen int
}

// Qualify is a choice of bindings.
type Qualify string

// The bindings that can be chosen.
const (
	// QualifyNAT are those behind a translator of addresses: registered from
	// another address than the contact names. It forgets a silent phone.
	QualifyNAT Qualify = "nat"
	QualifyAll Qualify = "all"
	QualifyOff Qualify = "off"
)

// Bounds on what one contact may hold; RFC 3261 has none, memory has.
const (
	maxContact   = 2048 // bytes of one Contact value
	maxPath      = 2048 // bytes of all Path values
	maxUserAgent = 256
	maxRaw       = 4096 // bytes of a request kept to know it again
	maxAsked     = 64   // contacts in one request, bound or removed

	maxPushExpires = 60 * 24 * time.Hour
)

func (l Limits) withDefaults() Limits {
	d := func(v *time.Duration, by time.Duration) {
		if *v <= 0 {
			*v = by
		}
	}
	n := func(v *int, by int) {
		if *v <= 0 {
			*v = by
		}
	}
	d(&l.MinExpires, time.Minute)
	d(&l.MaxExpires, time.Hour)
	d(&l.DefaultExpires, min(time.Hour, l.MaxExpires))
	d(&l.NATExpires, 2*time.Minute)
	d(&l.PushExpires, 7*24*time.Hour)
	d(&l.FlowTimer, 2*time.Minute)
	d(&l.Grace, 10*time.Second)
	d(&l.Pad, time.Hour)
	d(&l.QualifyInterval, 30*time.Second)
	d(&l.QualifyTimeout, 5*time.Second)
	d(&l.QualifyPause, 5*time.Second)
	n(&l.Contacts, 10)
	if l.Outbound == "" {
		l.Outbound = OutboundOn
	}
	if l.Excess == "" {
		l.Excess = ExcessReplace
	}
	n(&l.Waiting, 32)
	n(&l.QualifyTries, 3)
	n(&l.QualifyRate, 5000)
	n(&l.QualifyOpen, 2000)
	if l.Qualify == "" {
		l.Qualify = QualifyNAT
	}
	return l
}

// Validate reports limits that contradict each other.
func (l Limits) Validate() error {
	l = l.withDefaults()
	switch {
	case l.MinExpires > l.MaxExpires:
		return fmt.Errorf("registrar: min_expires %v is more than max_expires %v", l.MinExpires, l.MaxExpires)
	case l.DefaultExpires < l.MinExpires || l.DefaultExpires > l.MaxExpires:
		return fmt.Errorf("registrar: default_expires %v is not between min_expires %v and max_expires %v", l.DefaultExpires, l.MinExpires, l.MaxExpires)
	case l.PushExpires < l.MinExpires || l.PushExpires > maxPushExpires:
		return fmt.Errorf("registrar: push_expires %v is not between min_expires %v and %v", l.PushExpires, l.MinExpires, maxPushExpires)
	case l.Qualify != QualifyNAT && l.Qualify != QualifyAll && l.Qualify != QualifyOff:
		return fmt.Errorf("registrar: qualify %q is none of nat, all and off", l.Qualify)
	case l.QualifyInterval < 5*time.Second || l.QualifyInterval > maxInterval:
		return fmt.Errorf("registrar: qualify_interval %v is not between 5s and %v", l.QualifyInterval, maxInterval)
	case l.QualifyTries > 10:
		return fmt.Errorf("registrar: qualify_tries %d is more than 10", l.QualifyTries)
	}
	if l.Outbound != OutboundOn && l.Outbound != OutboundStrict && l.Outbound != OutboundOff {
		return fmt.Errorf("registrar: outbound %q is none of on, strict and off", l.Outbound)
	}
	if l.FlowTimer < 10*time.Second || l.FlowTimer > time.Hour {
		return fmt.Errorf("registrar: flow_timer %v is not between 10s and 1h", l.FlowTimer)
	}
	for _, hop := range l.ServiceRoute {
		uri, err := message.ParseURI(hop)
		if err != nil || uri.Scheme != "sip" && uri.Scheme != "sips" {
			return fmt.Errorf("registrar: service_route %q is no SIP URI", hop)
		}
		if _, loose := uri.Params.Get("lr"); !loose {
			return fmt.Errorf("registrar: service_route %q lacks ;lr", hop)
		}
	}
	return errors.Join(
		Share{l.Contacts, l.Excess}.validate(""), l.Desk.validate("desk."), l.Soft.validate("soft."), l.Mobile.validate("mobile."))
}

func (o Options) withDefaults() Options {
	if o.Node == "" {
		o.Node = "node-1"
	}
	o.Limits = o.Limits.withDefaults()
	return o
}

// grace of a binding that was granted so long.
func (l *Limits) grace(grant time.Duration) time.Duration {
	return max(l.Grace, min(grant, l.MaxExpires)/10)
}

// stored is the end that goes into the row of a binding granted so long now.
func (l *Limits) stored(now time.Time, grant time.Duration) time.Time {
	pad := max(min(grant, l.MaxExpires), l.Pad) // not another week for a mobile
	return now.Add(grant + l.grace(grant) + pad).Truncate(time.Second)
}
