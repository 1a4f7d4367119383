package signalling

import "strings"

// What the page says of calls, besides Offer, Answer and Cand.
const (
	RingAck  Type = "ring-ack" // I ring
	Accept   Type = "accept"   // the agent picked up
	Reject   Type = "reject"   // the agent does not want the call
	Hangup   Type = "hangup"   // end it, however far it is
	Dial     Type = "dial"     // make a call, with the offer
	Hold     Type = "hold"     // hold, or go on
	Mute     Type = "mute"     // the agent muted the microphone, or not any more
	Keys     Type = "dtmf"     // press keys
	Transfer Type = "transfer" // to a number, or to the other side of another call
	Restart  Type = "restart"  // make an offer with new ICE: my network changed
)

// What the server says of calls, besides Offer, Answer and Over.
const (
	Ring Type = "ring" // a call comes: say ring-ack at once
	Call Type = "call" // how a call is
	// Pressed is what the other side pressed.
	Pressed Type = "keys"
)

// Limits on what a page may say of a call.
const (
	MaxAddress = 256 // bytes of a number or an address
	MaxKeys    = 32  // keys at once
)

// checkCall checks the messages of calls.
func (m *In) checkCall() error {
	switch m.T {
	case RingAck, Accept, Reject, Hangup, Hold, Mute, Restart:
	case Answer:
		if m.SDP == "" {
			return invalid("answer without sdp")
		}
	case Dial:
		if m.SDP == "" || m.To == "" {
			return invalid("dial without sdp or to")
		}
	case Keys:
		if m.Keys == "" || len(m.Keys) > MaxKeys || strings.Trim(m.Keys, "0123456789*#ABCD") != "" {
			return invalid("dtmf without keys that are some")
		}
	case Figures:
		if m.Stats == nil || len(m.Stats.Codec) > MaxWord || len(m.Stats.Path) > MaxWord {
			return invalid("stats without stats, or with long words")
		}
	case Transfer:
		if (m.To == "") == (m.With == "") {
			return invalid("transfer wants either to or with")
		}
	default:
		return invalid("type %.32q", m.T)
	}
	switch {
	case m.Call == "":
		return invalid("%s without call", m.T)
	case len(m.To) > MaxAddress || len(m.With) > MaxWord:
		return invalid("an address of %d bytes", max(len(m.To), len(m.With)))
	}
	return nil
}

// CallState is how far a call is.
type CallState string

// The states of a call.
const (
	CallDialling CallState = "dialling" // ours, nothing came back yet
	CallRinging  CallState = "ringing"  // theirs rings here, or ours there
	CallEarly    CallState = "early"    // ours: there is something to hear already
	CallTalking  CallState = "talking"
	CallOver     CallState = "ended"
)

// Warnings of a call that goes on.
const (
	WarnNetwork = "network"  // nothing comes from the page
	WarnSilent  = "silent"   // the microphone gives digital silence
	WarnStopped = "no-audio" // the microphone gives nothing
)

// Why a call is over.
const (
	WhyHungUp      = "hung-up"     // by the agent
	WhyFar         = "far"         // by the other side
	WhyCanceled    = "canceled"    // who called gave up: a missed call
	WhyElsewhere   = "elsewhere"   // answered at another device: not missed
	WhyRejected    = "rejected"    // by the agent
	WhyNoAck       = "no-ack"      // the page did not say that it rings
	WhyRefused     = "refused"     // by the other side, or by a rule here
	WhyMedia       = "media"       // no audio could be had
	WhyTransferred = "transferred" // the other side went on to somebody else
	WhyGone        = "gone"        // the page was away for too long
)

// RingMsg is a call that comes. The page says ring-ack within Within milliseconds, or the
// call goes on without it; it answers the offer as soon as it can, and says
// accept when the agent picks up.
type RingMsg struct {
	T      Type   `json:"t"` // ring
	Call   string `json:"call"`
	From   string `json:"from"` // the caller's number or address
	Name   string `json:"name,omitempty"`
	Within int64  `json:"within"`
	SDP    string `json:"sdp"`
}

// CallMsg is how a call is. It is sent whenever that changes, and for each call when
// the page comes back.
type CallMsg struct {
	T      Type      `json:"t"` // call
	Call   string    `json:"call"`
	State  CallState `json:"state"`
	Out    bool      `json:"out"` // the agent made it
	From   string    `json:"from"`
	Name   string    `json:"name,omitempty"`
	Held   bool      `json:"held,omitempty"`     // by the agent
	There  bool      `json:"held_far,omitempty"` // by the other side
	Muted  bool      `json:"muted,omitempty"`
	Moving bool      `json:"moving,omitempty"` // a transfer is under way
	Warn   string    `json:"warn,omitempty"`
	// Talked is for how many milliseconds the call has been talking, 0 if it is not.
	Talked int64 `json:"talked,omitempty"`
	// Taken is the number of the last keys or transfer that arrived, 0 where none had one.
	Taken uint64 `json:"taken,omitempty"`
	// Status is the SIP response that ended the call, 0 where none did.
	Status   int    `json:"status,omitempty"`
	Why      string `json:"why,omitempty"` // it is over
	Sentence string `json:"sentence,omitempty"`
}

// PressedMsg is all that the other side of a call has pressed, or the last MaxKeys of it;
// nothing again when another side has taken its place.
type PressedMsg struct {
	T    Type   `json:"t"` // keys
	Call string `json:"call"`
	Keys string `json:"keys"`
}

// OfferMsg is an offer for the page to answer. Fresh: by a connection of its own, for
// what the page has of the call is of no use any more.
type OfferMsg struct {
	T     Type   `json:"t"` // offer
	Call  string `json:"call"`
	SDP   string `json:"sdp"`
	Fresh bool   `json:"fresh,omitempty"`
}
