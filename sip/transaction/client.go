package transaction

import (
	"strconv"
	"strings"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// Send starts a non-INVITE client transaction (RFC 3261 §17.1.2): it adds a Via
// with a branch of our own and sends. done is called once, on a goroutine of the
// layer or of the flow, perhaps before Send returns: with the final response, or
// with ErrTimeout, ErrFlowClosed, ErrOverload or ErrClosed. It must not block.
func (l *Layer) Send(f *transport.Flow, b *message.Builder, done func(*message.Message, error)) {
	branch := message.NewBranch()
	b.Via(l.Via(f, branch))
	l.SendRaw(f, branch, b.Bytes(), done)
}

// SendRawWithin is SendRaw that gives up after that time instead of 64×T1: for
// who has a better use of the time than to repeat the same question.
func (l *Layer) SendRawWithin(f *transport.Flow, branch string, raw []byte, limit time.Duration, done func(*message.Message, error)) {
	l.wheel.start(f, branch, raw, min(limit, 64*l.wheel.t1), done)
}

// SendRaw is Send for a request that is complete: its only Via has this branch.
// raw must not change until done is called.
func (l *Layer) SendRaw(f *transport.Flow, branch string, raw []byte, done func(*message.Message, error)) {
	l.wheel.start(f, branch, raw, 64*l.wheel.t1, done)
}

// Via is the value of the Via header for a request on this flow. rport is asked
// for, whatever the transport (RFC 3581 §3).
func (l *Layer) Via(f *transport.Flow, branch string) string {
	b := make([]byte, 0, 96)
	b = append(append(append(b, "SIP/2.0/"...), f.Transport()...), ' ')
	b = appendHostPort(b, f)
	b = append(append(b, ";branch="...), branch...)
	if b = append(b, ";rport"...); f.Outgoing() {
		b = append(b, ";alias"...)
	}
	return string(b)
}

// LocalURI is the URI of a user here, as the peer of this flow can reach it: our
// Contact in what we send on it.
func (l *Layer) LocalURI(f *transport.Flow, user string) string {
	b := append(make([]byte, 0, 96), "sip:"...)
	if user != "" {
		b = append(append(b, message.UserURI(user)...), '@')
	}
	b = appendHostPort(b, f)
	if t := f.Transport(); t != transport.UDP {
		if t == transport.WSS {
			t = transport.WS // RFC 7118 §5.2: the transport parameter is ws for both
		}
		b = append(append(b, ";transport="...), strings.ToLower(t)...)
	}
	return string(b)
}

func appendHostPort(b []byte, f *transport.Flow) []byte {
	host := f.Host()
	if strings.IndexByte(host, ':') >= 0 {
		b = append(append(append(b, '['), host...), ']')
	} else {
		b = append(b, host...)
	}
	if p := f.ListenPort(); p > 0 {
		b = strconv.AppendUint(append(b, ':'), uint64(p), 10)
	}
	return b
}
