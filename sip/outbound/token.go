// Package outbound names flows (RFC 5626): a token is the user part of a URI of
// ours that stands for one flow, so that what is sent to that URI goes back the
// way the flow's owner came, through a translator of addresses or to a browser.
//
// # Guarantees
//
//   - A token cannot be guessed or changed: it bears a keyed hash. What is none of
//     ours is ErrNoToken.
//   - A token of a stream is good as long as the stream, and never names another
//     one, also after a restart: then it is ErrFlowFailed, to be answered 430 Flow
//     Failed (§5.3.1, §11.5).
//   - A token of a datagram peer is good as long as we listen at the address that
//     it names; it outlives a restart, if the key does.
//   - Tokens take no memory, but for the streams whose owners are reached by another one
//     (Moved): as long as that one lasts, and 10,000 at most.
package outbound

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"lamplight/sip/transport"
)

// Errors of Flow, matched by errors.Is.
var (
	// ErrNoToken: what was given is no token made here, or was changed.
	ErrNoToken = errors.New("outbound: not a flow token")
	// ErrFlowFailed: the flow has ended.
	ErrFlowFailed = errors.New("outbound: the flow has ended")
)

// Flows is what it uses of transport.Layer.
type Flows interface {
	// FlowByID finds a stream.
	FlowByID(id string) (*transport.Flow, bool)
	// PacketFlow finds a datagram peer behind the listener of a local address.
	PacketFlow(local, remote netip.AddrPort) (*transport.Flow, bool)
}

// Tokens makes tokens and reads them. It is safe for concurrent use.
type Tokens struct {
	flows Flows
	key   [sha256.Size]byte
	run   [runSize]byte // tells the streams of one run of the server from another's
	moved moved

	digits *base32.Encoding
	seals  sync.Pool // of *sealer
}

const (
	runSize = 6
	macSize = 10 // 80 bits: a forger has one guess a message
)

// New makes Tokens. The key is derived from the secret, which should outlive a
// restart.
func New(flows Flows, secret []byte) *Tokens {
	t := &Tokens{flows: flows, digits: base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("lamplight flow token 1"))
	mac.Sum(t.key[:0])
	t.seals.New = func() any { return &sealer{mac: hmac.New(sha256.New, t.key[:])} }
	rand.Read(t.run[:])
	return t
}

// The first byte of a token: what it names.
const (
	ofPackets byte = 1
	ofStream  byte = 2
)

// Token is the user part that stands for the flow: lower-case letters and digits,
// at most 100 of them.
func (t *Tokens) Token(f *transport.Flow) string {
	var room [64]byte
	b := room[:1]
	if f.Reliable() {
		b[0] = ofStream
		b = append(append(b, t.run[:]...), f.ID()...)
	} else {
		b[0] = ofPackets
		b = appendAddr(appendAddr(b, f.Local()), f.Remote())
	}
	return t.seal(b)
}

// Flow finds the flow again: ErrNoToken, or ErrFlowFailed.
func (t *Tokens) Flow(token string) (*transport.Flow, error) {
	var room [128]byte
	b, ok := t.open(room[:0], token)
	if !ok {
		return nil, ErrNoToken
	}
	var f *transport.Flow
	found := false
	switch rest := b[1:]; {
	case b[0] == ofStream && len(rest) > runSize && [runSize]byte(rest[:runSize]) == t.run:
		id := string(rest[runSize:])
		if f = t.moved.find(id); f != nil {
			return f, nil
		}
		f, found = t.flows.FlowByID(id)
	case b[0] == ofPackets:
		local, rest, ok := cutAddr(rest)
		remote, _, ok2 := cutAddr(rest)
		if ok && ok2 {
			f, found = t.flows.PacketFlow(local, remote)
		}
	}
	if found && alive(f) {
		return f, nil
	}
	return nil, fmt.Errorf("%w: token %s", ErrFlowFailed, token)
}

func appendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().Unmap().AsSlice()
	b = append(append(b, byte(len(ip))), ip...)
	return binary.BigEndian.AppendUint16(b, a.Port())
}

func cutAddr(b []byte) (a netip.AddrPort, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0])+2 {
		return a, nil, false
	}
	ip, ok := netip.AddrFromSlice(b[1 : 1+b[0]])
	rest = b[1+b[0]:]
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(rest)), rest[2:], ok
}
