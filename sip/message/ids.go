package message

import (
	"crypto/rand"
	"encoding/hex"
	"hash/maphash"
	"strings"
)

// Cookie starts every branch made by RFC 3261 (§8.1.1.7).
const Cookie = "z9hG4bK"

// NewTag returns a tag with 64 random bits (RFC 3261 §19.3 asks for 32).
func NewTag() string {
	var room [16]byte
	return string(appendRandom(room[:0], 8))
}

// NewBranch returns a branch with 96 random bits: who cannot read our requests
// cannot answer them.
func NewBranch() string {
	var room [len(Cookie) + 24]byte
	return string(appendRandom(append(room[:0], Cookie...), 12))
}

// NewCallID returns a Call-ID with 96 random bits, "@host" appended if host is
// given.
func NewCallID(host string) string {
	var room [96]byte
	b := appendRandom(room[:0], 12)
	if host != "" {
		b = append(append(b, '@'), strings.Map(hostOnly, host)...)
	}
	return string(b)
}

func hostOnly(r rune) rune {
	if r < 0x80 && isHostByte(byte(r)) || r == ':' || r == '[' || r == ']' {
		return r
	}
	return '-'
}

func appendRandom(b []byte, n int) []byte {
	var r [16]byte
	rand.Read(r[:n])
	return hex.AppendEncode(b, r[:n])
}

// tagSeed makes the derived To tags unpredictable outside this process.
var tagSeed = maphash.MakeSeed() //nolint:gochecknoglobals // never changes

// appendDerivedTag appends the To tag of all responses to one request, the same
// each time without anything being remembered (RFC 3261 §8.2.6.2, §8.2.7).
func appendDerivedTag(b []byte, req *Message) []byte {
	var h maphash.Hash
	h.SetSeed(tagSeed)
	for i := range req.Headers {
		switch req.Headers[i].Name {
		case Via, From, CallID, CSeq:
			h.WriteString(req.Headers[i].Value)
			h.WriteByte(0)
		}
	}
	var sum [8]byte
	return hex.AppendEncode(b, h.Sum(sum[:0]))
}
