// Package sdp reads and writes the session descriptions of the gateway: one
// stream of audio, toward a browser or toward a SIP phone (RFC 8866, RFC 3264).
//
// It is pure and knows no sockets. Read takes what strangers send: it is bounded
// (MaxSize, MaxLines of media, MaxFormats of each), it passes over what it does
// not know, and it refuses what it cannot be sure of. Media other than the audio
// is kept only so that an answer can decline it, line for line.
package sdp

import (
	"errors"
	"net/netip"
)

// Bounds of what is read.
const (
	MaxSize    = 64 << 10
	MaxLines   = 16 // media lines; more are an error
	MaxFormats = 64 // formats of one media line; the rest are passed over
	maxCrypto  = 8  // keys offered; the rest are passed over
)

// Errors matched by errors.Is.
var (
	ErrTooLarge = errors.New("sdp: too large")
	ErrSyntax   = errors.New("sdp: malformed")
	// ErrNoAudio: there is no audio line, or all are declined (port 0).
	ErrNoAudio = errors.New("sdp: no audio")
	// ErrNoCodec: nothing that both sides can speak.
	ErrNoCodec = errors.New("sdp: no codec in common")
	// ErrProfile: a transport the gateway has no use for on this side.
	ErrProfile = errors.New("sdp: transport not supported")
	// ErrFamily: an address of a family the gateway has no address in.
	ErrFamily = errors.New("sdp: no address of this family")
)

// Direction of a stream, as the side that wrote it sees it (RFC 8866 §6.7).
type Direction uint8

// The directions. Zero is what counts where nothing is said.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// Sends reports whether the writer sends.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether the writer listens.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Reverse is the same stream seen from the other side.
func (d Direction) Reverse() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	}
	return d
}

// And is what is left of d when the other side allows only o (both seen from
// the same side).
func (d Direction) And(o Direction) Direction {
	switch send, recv := d.Sends() && o.Sends(), d.Receives() && o.Receives(); {
	case send && recv:
		return SendRecv
	case send:
		return SendOnly
	case recv:
		return RecvOnly
	}
	return Inactive
}

func (d Direction) String() string {
	return [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}[d&3]
}

func direction(s string) (Direction, bool) {
	switch s {
	case "sendrecv":
		return SendRecv, true
	case "sendonly":
		return SendOnly, true
	case "recvonly":
		return RecvOnly, true
	case "inactive":
		return Inactive, true
	}
	return 0, false
}

// Profile is the transport of a media line.
type Profile string

// The profiles the gateway meets.
const (
	AVP   Profile = "RTP/AVP"
	AVPF  Profile = "RTP/AVPF"
	SAVP  Profile = "RTP/SAVP"
	SAVPF Profile = "RTP/SAVPF"
	DTLS  Profile = "UDP/TLS/RTP/SAVPF" // what browsers speak
	DTLSP Profile = "UDP/TLS/RTP/SAVP"
)

// Plain reports whether a phone without WebRTC speaks the profile.
func (p Profile) Plain() bool { return p == AVP || p == AVPF || p == SAVP || p == SAVPF }

// Secure reports whether the profile cannot do without keys.
func (p Profile) Secure() bool { return p == SAVP || p == SAVPF }

// Line is a media line as it was read, so far as an answer must repeat it.
type Line struct {
	Media, Proto, Format string
	MID                  string
}

// Audio is the stream of a description.
type Audio struct {
	Addr    netip.Addr // unspecified: whoever wrote it wants nothing sent
	Port    uint16
	RTCP    netip.AddrPort // where reports go when they are not multiplexed
	Mux     bool           // rtcp-mux (RFC 5761)
	Profile Profile
	Codecs  []Codec // in the order of preference, telephone-event included
	Way     Direction
	Ptime   int // milliseconds, 0 when not said
	Crypto  []Crypto
	// ICE and Fingerprint: it can be reached as a browser is.
	ICE, Fingerprint bool
	Ufrag            string // of ICE; another one is a restart (RFC 8839 §4.4.1)
}

// Description is what Read makes of an SDP.
type Description struct {
	Audio Audio
	At    int    // which of Lines is the audio
	Lines []Line // every media line
}
