package digest

import (
	"crypto/md5" //nolint:gosec // RFC 7616 §3.2: what old phones speak
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
)

// The algorithms of RFC 7616 §6.1 that are offered, as spelt on the wire.
const (
	MD5       = "MD5"
	SHA256    = "SHA-256"
	SHA512256 = "SHA-512-256"
)

// ErrAlgorithm is an algorithm this package does not compute.
var ErrAlgorithm = errors.New("digest: unknown algorithm")

// HA1 is the hex of H(username:realm:password), all that is kept of a password
// (RFC 7616 §3.4.2).
func HA1(algorithm, username, realm, password string) (string, error) {
	alg := algorithmOf(algorithm)
	if alg == algNone {
		return "", fmt.Errorf("%w: %q", ErrAlgorithm, algorithm)
	}
	var sum [maxHex]byte
	return string(alg.hexSum(sum[:0], []byte(username+":"+realm+":"+password))), nil
}

// algorithm is a hash by number, so that the hot path compares no strings.
type algorithm uint8

const (
	algNone algorithm = iota
	algSHA256
	algSHA512256
	algMD5
)

// maxHex is the length of the longest hash in hex.
const maxHex = 2 * sha256.Size

// algorithmOf reads an algorithm's name; case does not matter (RFC 7616 §3.3:
// a token). The -sess variants are not offered and so unknown here.
func algorithmOf(name string) algorithm {
	switch {
	case equalFold(name, MD5):
		return algMD5
	case equalFold(name, SHA256):
		return algSHA256
	case equalFold(name, SHA512256):
		return algSHA512256
	}
	return algNone
}

func (a algorithm) String() string {
	switch a {
	case algMD5:
		return MD5
	case algSHA256:
		return SHA256
	case algSHA512256:
		return SHA512256
	}
	return ""
}

// hexLen is the length of the hash in hex.
func (a algorithm) hexLen() int {
	if a == algMD5 {
		return 2 * md5.Size
	}
	return 2 * sha256.Size
}

// hexSum appends the hex of the hash of data to dst.
func (a algorithm) hexSum(dst, data []byte) []byte {
	switch a {
	case algMD5:
		sum := md5.Sum(data) //nolint:gosec // see the import
		return hex.AppendEncode(dst, sum[:])
	case algSHA512256:
		sum := sha512.Sum512_256(data)
		return hex.AppendEncode(dst, sum[:])
	default:
		sum := sha256.Sum256(data)
		return hex.AppendEncode(dst, sum[:])
	}
}

// noHA1 stands in for the hash of a user that does not exist, so that the work
// done is the same. No password hashes to it on purpose; that one could by
// chance is as likely as guessing a hash.
const noHA1 = "8f7d1c5be0a2493672d40b9c6ae5f1384ce9f20d77b1863a5b0f4d2e91c8a763"

// matches computes the response of RFC 7616 §3.4.1 and compares it in constant
// time. Without qop it is that of RFC 2069.
func (c *credentials) matches(alg algorithm, ha1, method string) bool {
	// The buffers live on the stack for every message of common size.
	var room [384]byte
	var ha2, want [maxHex]byte

	b := append(room[:0], method...)
	b = append(b, ':')
	b = append(b, c.uri...)
	a2 := alg.hexSum(ha2[:0], b)

	b = append(room[:0], ha1...)
	b = append(b, ':')
	b = append(b, c.nonce...)
	b = append(b, ':')
	if c.qop != "" {
		b = append(b, c.nc...)
		b = append(b, ':')
		b = append(b, c.cnonce...)
		b = append(b, ':')
		b = append(b, c.qop...)
		b = append(b, ':')
	}
	b = append(b, a2...)
	sum := alg.hexSum(want[:0], b)

	// Some phones send upper case, which RFC 7616 §3.4 forbids and costs nothing.
	var got [maxHex]byte
	if len(c.response) != alg.hexLen() {
		return false
	}
	for i := range c.response {
		got[i] = lower(c.response[i])
	}
	return subtle.ConstantTimeCompare(sum, got[:len(sum)]) == 1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold is strings.EqualFold for ASCII.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}
