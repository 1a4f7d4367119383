package feature

import (
	"strconv"

	"lamplight/sip/events/xmltext"
)

// ContentType is the type of one document, ContentTypeAll that of a body with
// one for each feature. The boundary is in no quotes: some phones compare it with
// them.
const (
	ContentType    = "application/x-as-feature-event+xml"
	ContentTypeAll = "multipart/mixed;boundary=" + boundary

	boundary = "lamplight-feature"
)

const namespace = `xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3"`

// Kind of forwarding, as the documents name it.
type Kind string

// The kinds of forwarding.
const (
	Immediate Kind = "forwardImmediate"
	NoAnswer  Kind = "forwardNoAns"
	Busy      Kind = "forwardBusy"
)

// Forwarding is the state of one kind of it.
type Forwarding struct {
	Kind Kind
	On   bool
	To   string // as written: a number or a URI
	// Rings before it is forwarded, for NoAnswer; 0: not said.
	Rings int
}

// State of an agent.
type State string

// The states of an agent.
const (
	LoggedOn         State = "loggedOn"
	LoggedOff        State = "loggedOff"
	Ready            State = "ready"
	NotReady         State = "notReady"
	WorkingAfterCall State = "workingAfterCall"
)

// Agent is an agent's state, with the reason's code for NotReady.
type Agent struct {
	State  State
	Reason string
}

// All is everything a phone is told.
type All struct {
	Device     string // the user's number or name
	DND        bool
	Forwarding []Forwarding
	Agent      *Agent // nil: not told
}

// Append appends a body of type ContentTypeAll.
func Append(dst []byte, a *All) []byte {
	dst = AppendDND(appendPart(dst), a.Device, a.DND)
	for i := range a.Forwarding {
		dst = AppendForwarding(appendPart(dst), a.Device, &a.Forwarding[i])
	}
	if a.Agent != nil {
		dst = AppendAgent(appendPart(dst), a.Device, a.Agent)
	}
	return append(dst, "\r\n--"+boundary+"--\r\n"...)
}

// appendPart begins a part (RFC 2046 §5.1.1). The line break in front belongs to
// the boundary, and may be the first thing in a body.
func appendPart(dst []byte) []byte {
	return append(dst, "\r\n--"+boundary+"\r\nContent-Type: "+ContentType+"\r\n\r\n"...)
}

// AppendDND appends a DoNotDisturbEvent.
func AppendDND(dst []byte, device string, on bool) []byte {
	dst = appendRoot(dst, "DoNotDisturbEvent", device)
	dst = appendBool(dst, "doNotDisturbOn", on)
	return append(dst, "</DoNotDisturbEvent>"...)
}

// AppendForwarding appends a ForwardingEvent.
func AppendForwarding(dst []byte, device string, f *Forwarding) []byte {
	dst = appendRoot(dst, "ForwardingEvent", device)
	dst = appendText(dst, "forwardingType", string(f.Kind))
	dst = appendBool(dst, "forwardStatus", f.On)
	if f.On {
		dst = appendText(dst, "forwardTo", f.To)
	}
	if f.Rings > 0 {
		dst = strconv.AppendInt(append(dst, "<ringCount>"...), int64(f.Rings), 10)
		dst = append(dst, "</ringCount>"...)
	}
	return append(dst, "</ForwardingEvent>"...)
}

// AppendAgent appends the event of an agent's state.
func AppendAgent(dst []byte, device string, a *Agent) []byte {
	root := "AgentLoggedOffEvent"
	switch a.State {
	case LoggedOn:
		root = "AgentLoggedOnEvent"
	case Ready:
		root = "AgentReadyEvent"
	case NotReady:
		root = "AgentNotReadyEvent"
	case WorkingAfterCall:
		root = "AgentWorkingAfterCallEvent"
	}
	dst = appendRoot(dst, root, device)
	if a.State == NotReady && a.Reason != "" {
		dst = append(dst, `<extensions><privateData><private xmlns:pri="http://schema.broadsoft.com/CSTAPrivateData">`...)
		dst = appendText(dst, "pri:AgentNotReadyReasonValue", a.Reason)
		dst = append(dst, "</private></privateData></extensions>"...)
	}
	return append(append(append(dst, "</"...), root...), '>')
}

// appendRoot begins a document; what ends it is the caller's.
func appendRoot(dst []byte, root, device string) []byte {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?><`...)
	dst = append(append(dst, root...), ' ')
	dst = append(append(dst, namespace...), '>')
	return appendText(dst, "device", device)
}

func appendText(dst []byte, name, text string) []byte {
	dst = append(append(append(dst, '<'), name...), '>')
	dst = xmltext.Append(dst, text)
	return append(append(append(dst, "</"...), name...), '>')
}

func appendBool(dst []byte, name string, on bool) []byte {
	if on {
		return appendText(dst, name, "true")
	}
	return appendText(dst, name, "false")
}
