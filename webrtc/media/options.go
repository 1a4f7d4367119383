package media

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/webrtc/iceport"
)

// Errors matched by errors.Is.
var (
	ErrClosed = errors.New("media: closed")
	// ErrBusy: as many calls as there may be, or no port is free.
	ErrBusy = errors.New("media: no room for another call")
	// ErrOrder: the call is not where this step makes sense.
	ErrOrder = errors.New("media: out of order")
	// ErrBrowser: the browser's description cannot be used.
	ErrBrowser = errors.New("media: browser's description not acceptable")
	// ErrKeys: the phone's description has no key that can be used, or none where
	// one is required.
	ErrKeys = errors.New("media: no usable key")
)

// Options of a Gateway. Port, Listen and Ports are required.
type Options struct {
	// Port is what browsers reach the gateway by; it must outlive the Gateway.
	Port *iceport.Port
	// Listen is the address phones send to. Announce is what they are told instead
	// where a translator stands before it; required if Listen is unspecified.
	Listen, Announce netip.Addr
	// Listen6 and Announce6 are the same for phones that speak IPv6, where Listen is of
	// IPv4; not valid: there are none. A phone is answered in the family it speaks.
	Listen6, Announce6 netip.Addr
	// Ports are the RTP ports, first and last: a call takes an even one for RTP
	// and the next for RTCP.
	Ports [2]uint16
	// Rest is how long a port is not used after its call, so that who still sends
	// to it is not heard in the next one. Default 30 s.
	Rest time.Duration
	// Calls bounds the bridges, default one for each pair of ports.
	Calls int
	// First is the longest a phone may send nothing from Taken on, and Silence later,
	// until TimedOut is told; a phone on hold may. Defaults 30 s and 15 s.
	First, Silence time.Duration
	Log            zerolog.Logger
	Metrics        prometheus.Registerer // nil: not registered
}

func (o Options) withDefaults() Options {
	if o.Rest <= 0 {
		o.Rest = 30 * time.Second
	}
	if o.First <= 0 {
		o.First = 30 * time.Second
	}
	if o.Silence <= 0 {
		o.Silence = 15 * time.Second
	}
	if o.Calls <= 0 {
		o.Calls = pairs(o.Ports)
	}
	if !o.Announce.IsValid() {
		o.Announce = o.Listen
	}
	if !o.Announce6.IsValid() {
		o.Announce6 = o.Listen6
	}
	return o
}

// pairs is how many pairs of an even port and the next are in a range.
func pairs(r [2]uint16) int {
	first := int(r[0]) + int(r[0])%2
	return max(0, (int(r[1])-first+1)/2)
}

// Validate reports every mistake in what people may set.
func (o Options) Validate() error {
	var errs []error
	if o.Port == nil {
		errs = append(errs, errors.New("a port for browsers is required"))
	}
	if !o.Listen.IsValid() {
		errs = append(errs, errors.New("an address for RTP is required"))
	}
	errs = append(errs, addresses(o.Listen, o.Announce)...)
	errs = append(errs, addresses(o.Listen6, o.Announce6)...)
	if o.Listen6.IsValid() && (!o.Listen.Is4() || !o.Listen6.Is6()) {
		errs = append(errs, fmt.Errorf("addresses for RTP %s and %s: want one of IPv4 and one of IPv6", o.Listen, o.Listen6))
	}
	if o.Ports[0] < 1024 || pairs(o.Ports) == 0 {
		errs = append(errs, fmt.Errorf("RTP ports %d to %d: want a range from 1024 on with an even port and the next", o.Ports[0], o.Ports[1]))
	}
	if len(errs) > 0 {
		return fmt.Errorf("media: %w", errors.Join(errs...))
	}
	return nil
}

// addresses reports what is wrong with where to listen, and what phones are told.
func addresses(listen, announce netip.Addr) (errs []error) {
	if listen.IsUnspecified() && !announce.IsValid() {
		errs = append(errs, errors.New("an RTP address of all interfaces needs one to announce"))
	}
	if announce.IsValid() && (announce.IsUnspecified() || announce.IsMulticast()) {
		errs = append(errs, fmt.Errorf("nobody can send to the announced address %s", announce))
	}
	if announce.IsValid() && (!listen.IsValid() || announce.Is4() != listen.Is4()) {
		errs = append(errs, fmt.Errorf("the announced address %s is of another family than %s", announce, listen))
	}
	return errs
}

// Keys says how a phone is offered keys by SDP. What a phone offers itself is
// answered in kind.
type Keys uint8

// The ways.
const (
	NoKeys     Keys = iota // plain RTP
	OfferKeys              // RTP/AVP with keys that may be ignored (RFC 8643)
	DemandKeys             // RTP/SAVP, and plain RTP is refused
)

// BridgeOptions of one call.
type BridgeOptions struct {
	// Name is the call's in the log: its Call-ID.
	Name string
	// Signalling is where the phone's SIP comes from: behind a translator its
	// audio is likely to come from there too.
	Signalling netip.Addr
	Keys       Keys
}
