package sdp

import (
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
)

// Suite of an SDES key.
type Suite string

// The suites of RFC 4568 §6.2 that are in use.
const (
	Suite80 Suite = "AES_CM_128_HMAC_SHA1_80"
	Suite32 Suite = "AES_CM_128_HMAC_SHA1_32"
)

// Sizes of what a key consists of (RFC 3711 §8.2).
const (
	KeySize  = 16
	SaltSize = 14
)

// Crypto is one key of an SDES exchange (RFC 4568 §4): what its writer encrypts
// with.
type Crypto struct {
	Tag   int
	Suite Suite
	Key   [KeySize]byte
	Salt  [SaltSize]byte
}

// NewCrypto makes a key.
func NewCrypto(tag int, suite Suite) Crypto {
	c := Crypto{Tag: tag, Suite: suite}
	_, _ = rand.Read(c.Key[:]) // never fails
	_, _ = rand.Read(c.Salt[:])
	return c
}

// crypto reads "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31|1:4 UNENCRYPTED_SRTP".
// A key with session parameters is passed over, as the RFC wants of what is not
// understood (§6.3.7); so is one with a master key identifier, which would stand
// in every packet.
func crypto(s string) (Crypto, bool) {
	f := strings.Fields(s)
	if len(f) != 3 {
		return Crypto{}, false
	}
	tag, err := strconv.ParseUint(f[0], 10, 30)
	c := Crypto{Tag: int(tag), Suite: Suite(f[1])}
	if err != nil || (c.Suite != Suite80 && c.Suite != Suite32) {
		return Crypto{}, false
	}
	key, ok := strings.CutPrefix(f[2], "inline:")
	if !ok || strings.Contains(key, ";") || strings.Contains(key, ":") {
		return Crypto{}, false
	}
	key, _, _ = strings.Cut(key, "|") // a lifetime: calls are shorter than any
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(key, "="))
	if err != nil || len(raw) != KeySize+SaltSize {
		return Crypto{}, false
	}
	copy(c.Key[:], raw)
	copy(c.Salt[:], raw[KeySize:])
	return c, true
}

func (c Crypto) append(b []byte) []byte {
	b = append(b, "a=crypto:"...)
	b = strconv.AppendInt(b, int64(c.Tag), 10)
	b = append(b, ' ')
	b = append(b, c.Suite...)
	b = append(b, " inline:"...)
	b = base64.StdEncoding.AppendEncode(b, append(c.Key[:], c.Salt[:]...))
	return append(b, "\r\n"...)
}
