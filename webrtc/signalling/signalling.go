// Package signalling is what a webphone page and the server say to each other
// over the WebSocket /webphone: one JSON object a text message, its type in "t".
// The prose of it is webrtc/PROTOCOL.md. The package knows words and limits
// only, no sockets and no sessions.
package signalling

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Subprotocol is the WebSocket subprotocol (RFC 6455 §1.9) of this version.
const Subprotocol = "lamplight.webphone.v1"

// Limits on what a page may send.
const (
	MaxMessage    = 96 << 10 // bytes of a message, an SDP with its escapes included
	MaxHello      = 8 << 10  // bytes of a message before the hello was accepted
	MaxSDP        = 64 << 10 // bytes of a session description
	MaxCandidate  = 1 << 10  // bytes of one ICE candidate
	MaxCandidates = 32       // candidates a test call
	MaxWord       = 128      // bytes of any other text
	MaxTicket     = 4 << 10  // bytes of a ticket or resume token
)

// Close codes of the WebSocket. Below 4000 they mean what RFC 6455 §7.4.1 and
// the IANA registry say.
const (
	CloseReplaced  = 4001 // the session went on over another socket
	CloseNoHello   = 4002 // no hello in time
	CloseLoggedOut = 4003 // logged out, here or by a supervisor
	CloseRefused   = 4004 // ticket and resume token are not valid
	CloseTooMany   = 4005 // a limit on sessions is reached
	CloseSilent    = 4008 // no proof of life in time
)

// Type of a message.
type Type string

// What the page says.
const (
	Hello  Type = "hello"  // first: who I am
	Pong   Type = "pong"   // answer to a ping, made in the message handler
	Mic    Type = "mic"    // the microphone changed
	Lead   Type = "lead"   // I want to be the tab that rings
	Offer  Type = "offer"  // test call: SDP offer
	Cand   Type = "cand"   // test call: one ICE candidate
	Heard  Type = "heard"  // test call: packets that arrived here
	Retest Type = "retest" // network changed, or the agent pressed "try again"
	Freeze Type = "freeze" // the browser is about to freeze me
	Bye    Type = "bye"    // I am going, and why
)

// What the server says.
const (
	Welcome   Type = "welcome"    // hello was accepted
	Refused   Type = "refused"    // hello was not accepted
	Ping      Type = "ping"       // do you live?
	Probe     Type = "probe"      // open the microphone and say how it went
	Test      Type = "test"       // make the test call now
	Answer    Type = "answer"     // test call: SDP answer
	Over      Type = "over"       // test call: done, close everything
	TakenOver Type = "taken-over" // another tab leads now
	State     Type = "state"      // what the server believes of you
	ICE       Type = "ice"        // use these relays from now on
)

// Reasons of a Bye.
const (
	ByeLogout   = "logout"   // dropped at once
	ByePagehide = "pagehide" // as a closed socket: a reload may follow
)

// Perm is what the Permissions API says; a browser without it says unknown.
type Perm string

// Outcome is how the last getUserMedia ended.
type Outcome string

// The outcomes. Only this tells the truth about a microphone: a permission may
// be granted without any device, or be asked for again.
const (
	ProbeNone    Outcome = ""        // not tried yet
	ProbeOK      Outcome = "ok"      // a live track
	ProbeDenied  Outcome = "denied"  // NotAllowedError
	ProbeMissing Outcome = "missing" // NotFoundError
	ProbeBusy    Outcome = "busy"    // NotReadableError
	ProbeFailed  Outcome = "failed"  // anything else
	ProbeWaiting Outcome = "waiting" // the browser is asking the agent
)

// Claim is the page's word on its microphone.
type Claim struct {
	Perm  Perm    `json:"perm,omitempty"` // granted, prompt, denied, unknown
	Probe Outcome `json:"probe,omitempty"`
	// Inputs is the number of audio inputs, nil if the page does not know.
	Inputs *int `json:"inputs,omitempty"`
	// Lost: a track that was live ended, and no probe succeeded since.
	Lost bool `json:"lost,omitempty"`
	// Muted by the system, the headset or the agent.
	Muted bool   `json:"muted,omitempty"`
	Err   string `json:"err,omitempty"` // name of the last error
}

// In is any message of a page. Only the fields of its type are set.
type In struct {
	T Type `json:"t"`

	// hello
	Ticket string `json:"ticket,omitempty"`
	Resume string `json:"resume,omitempty"`
	Tab    string `json:"tab,omitempty"`
	Client string `json:"client,omitempty"` // web (default) or desktop
	Agent  string `json:"ua,omitempty"`
	Lead   bool   `json:"lead,omitempty"`
	Epoch  int64  `json:"epoch,omitempty"`

	// hello, pong, mic
	N       uint64 `json:"n,omitempty"` // pong: the ping's number; dtmf, transfer: which it is of the call
	Mic     *Claim `json:"mic,omitempty"`
	Visible string `json:"vis,omitempty"` // visible or hidden

	// offer, cand, heard
	Call      string     `json:"call,omitempty"`
	SDP       string     `json:"sdp,omitempty"`
	Candidate *Candidate `json:"cand,omitempty"`
	Packets   int        `json:"packets,omitempty"`

	// retest, bye
	Why string `json:"why,omitempty"`

	// calls
	To   string `json:"to,omitempty"`   // dial, transfer: a number or an address
	With string `json:"with,omitempty"` // transfer: to the other side of that call
	On   bool   `json:"on,omitempty"`   // hold, mute
	// Fresh, of restart: I have no audio of this call, for I was not here when it began.
	Fresh bool   `json:"fresh,omitempty"`
	Keys  string `json:"keys,omitempty"` // dtmf

	Stats   *Stats   `json:"stats,omitempty"`
	Devices []Device `json:"devices,omitempty"`
}

// Candidate is an ICE candidate as browsers give it (RFC 8839 §5.1); an empty
// text ends the list.
type Candidate struct {
	Candidate string `json:"candidate"`
	Mid       string `json:"sdpMid,omitempty"`
	Line      int    `json:"sdpMLineIndex,omitempty"`
}

// ErrInvalid matches what Decode returns.
var ErrInvalid = errors.New("signalling: invalid message")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Decode reads and checks a page's message. Fields it does not know are passed
// over, so that a newer page can talk to an older server.
func Decode(b []byte) (In, error) {
	var m In
	if err := json.Unmarshal(b, &m); err != nil {
		return In{}, invalid("%v", err)
	}
	return m, m.check()
}

func (m *In) check() error {
	for _, word := range [...]string{m.Tab, m.Client, m.Visible, m.Call, m.Why} {
		if len(word) > MaxWord {
			return invalid("a word of %d bytes, at most %d", len(word), MaxWord)
		}
	}
	switch {
	case len(m.Ticket) > MaxTicket || len(m.Resume) > MaxTicket:
		return invalid("ticket of more than %d bytes", MaxTicket)
	case len(m.Agent) > 4*MaxWord:
		return invalid("ua of %d bytes", len(m.Agent))
	case len(m.SDP) > MaxSDP:
		return invalid("sdp of %d bytes, at most %d", len(m.SDP), MaxSDP)
	case m.Packets < 0:
		return invalid("%d packets", m.Packets)
	case m.Mic != nil && len(m.Mic.Err) > MaxWord:
		return invalid("mic.err of %d bytes", len(m.Mic.Err))
	}
	switch m.T {
	case Hello, Lead, Heard, Retest, Freeze, Bye:
	case Devices:
		return m.checkDevices()
	case Pong:
		if m.N == 0 {
			return invalid("pong without its ping's number")
		}
	case Mic:
		if m.Mic == nil {
			return invalid("mic without mic")
		}
	case Offer:
		if m.SDP == "" || m.Call == "" {
			return invalid("offer without sdp or call")
		}
	case Cand:
		if m.Candidate == nil || m.Call == "" {
			return invalid("cand without candidate or call")
		}
		if len(m.Candidate.Candidate) > MaxCandidate || len(m.Candidate.Mid) > MaxWord {
			return invalid("candidate too long")
		}
	default:
		return m.checkCall()
	}
	return nil
}

// AppendPing appends a ping. Pings are most of what a server sends, so they are
// written without reflection.
func AppendPing(b []byte, n uint64) []byte {
	b = append(b, `{"t":"ping","n":`...)
	b = strconv.AppendUint(b, n, 10)
	return append(b, '}')
}
