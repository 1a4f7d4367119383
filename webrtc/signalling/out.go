package signalling

import "encoding/json"

// ICEServer is told to the page as it stands (the RTCIceServer dictionary).
type ICEServer struct {
	URLs       []string `json:"urls" yaml:"urls"`
	Username   string   `json:"username,omitempty" yaml:"username"`
	Credential string   `json:"credential,omitempty" yaml:"credential"`
}

// WelcomeMsg accepts a hello.
type WelcomeMsg struct {
	T Type `json:"t"` // welcome
	// Session is the session's id, as it stands in snapshots.
	Session string `json:"sid"`
	// Resume brings the session back after a closed socket, once: the next
	// welcome has a new one.
	Resume string `json:"resume"`
	// Resumed: the session went on; otherwise it is new.
	Resumed bool `json:"resumed"`
	// Grace is how long, in milliseconds, Resume is good for after the socket
	// closed; Dead how long the page may be silent.
	Grace int64 `json:"grace"`
	Dead  int64 `json:"dead"`
	// Lead: this tab rings. Epoch has to be sent when the page comes back, so
	// that it does not take over from a newer tab.
	Lead  bool        `json:"lead"`
	Epoch int64       `json:"epoch"`
	ICE   []ICEServer `json:"ice"`
	// Calls are the ids of the calls that go on; each is told of by a call message.
	Calls []string `json:"calls,omitempty"`
	// Takes are the messages beyond the first version's that this server understands.
	Takes []Type `json:"takes"`
}

// ICEMsg has what replaces the welcome's.
type ICEMsg struct {
	T   Type        `json:"t"` // ice
	ICE []ICEServer `json:"ice"`
}

// RefusedMsg answers a hello that was not accepted. Retry: another hello, with
// a ticket, may follow on the same socket.
type RefusedMsg struct {
	T     Type   `json:"t"` // refused
	Why   string `json:"why"`
	Retry bool   `json:"retry"`
}

// ProbeMsg asks the page to open its microphone.
type ProbeMsg struct {
	T   Type   `json:"t"`   // probe
	Why string `json:"why"` // login, wake, retest
}

// TestMsg asks the page to make the test call within Within milliseconds.
type TestMsg struct {
	T      Type   `json:"t"` // test
	Call   string `json:"call"`
	Within int64  `json:"within"`
}

// AnswerMsg answers an offer. All candidates are in it.
type AnswerMsg struct {
	T    Type   `json:"t"` // answer
	Call string `json:"call"`
	SDP  string `json:"sdp"`
}

// OverMsg ends a test call.
type OverMsg struct {
	T      Type   `json:"t"` // over
	Call   string `json:"call"`
	Result string `json:"result"` // a testcall.Outcome, or why there is none
}

// TakenOverMsg tells a tab that it leads no more.
type TakenOverMsg struct {
	T     Type  `json:"t"` // taken-over
	Epoch int64 `json:"epoch"`
}

// Leader says which of the agent's tabs rings.
type Leader string

// The values of Leader.
const (
	LeaderYou   Leader = "you"
	LeaderOther Leader = "other"
	LeaderNone  Leader = "none" // whoever holds the browser's lock may ask for it
)

// StateMsg is the truth as the server has it. It is sent when it changes.
type StateMsg struct {
	T      Type   `json:"t"` // state
	Leader Leader `json:"leader"`
	Life   string `json:"life"` // a presence.SessionState
	Mic    string `json:"mic"`  // a presence.Mic
	// Network is untested, queued, testing, proven, unproven or trusted.
	Network string `json:"network"`
	// Target: calls can be offered to this tab as far as the webphone goes.
	Target bool `json:"target"`
	// Code, Sentence and Remedy say why not, or warn.
	Code     string `json:"code,omitempty"`
	Sentence string `json:"sentence,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
}

// Encode writes one of the messages above.
func Encode(m any) []byte {
	b, err := json.Marshal(m)
	if err != nil { // none of the types above can fail
		panic("signalling: " + err.Error())
	}
	return b
}
