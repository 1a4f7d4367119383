package digest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math/rand/v2"
	"sync"
	"time"

	"lamplight/presence"
)

// A nonce is 48 bits of time in milliseconds, 48 random bits and the first 96
// bits of HMAC-SHA256 over both and the domain, 32 characters in all: short,
// because some phones copy it into small buffers.
const (
	nonceBody = 12
	nonceMAC  = 12
	nonceText = (nonceBody + nonceMAC) / 3 * 4
)

// nonceID is a nonce without its MAC: what the window of counts is kept by.
type nonceID [nonceBody]byte

// issued is when the nonce was made, in Unix milliseconds.
func (n nonceID) issued() int64 {
	return int64(binary.BigEndian.Uint64(n[:8]) >> 16)
}

// nonces makes and checks nonces.
type nonces struct {
	macs sync.Pool // of *mac; keyed once, so that a check allocates nothing
}

// mac is a keyed hash with room for what it reads and writes, which would
// otherwise escape to the heap through the hash.Hash interface.
type mac struct {
	h   hash.Hash
	in  [nonceBody + 16]byte
	out [sha256.Size]byte
}

func newNonces(key []byte) *nonces {
	key = append([]byte(nil), key...)
	return &nonces{macs: sync.Pool{New: func() any { return &mac{h: hmac.New(sha256.New, key)} }}}
}

// sign writes the MAC of body in domain to dst.
func (n *nonces) sign(dst []byte, body nonceID, domain presence.DomainID) {
	m := n.macs.Get().(*mac)
	copy(m.in[:], body[:])
	copy(m.in[nonceBody:], domain.ID[:])
	m.h.Reset()
	m.h.Write(m.in[:])
	copy(dst, m.h.Sum(m.out[:0]))
	n.macs.Put(m)
}

// make is a fresh nonce.
func (n *nonces) make(domain presence.DomainID, now time.Time) string {
	var body nonceID
	binary.BigEndian.PutUint64(body[:8], uint64(now.UnixMilli())<<16|rand.Uint64()&0xffff)
	binary.BigEndian.PutUint32(body[8:], rand.Uint32())
	var raw [nonceBody + nonceMAC]byte
	copy(raw[:], body[:])
	n.sign(raw[nonceBody:], body, domain)
	return base64.URLEncoding.EncodeToString(raw[:])
}

// open reports whether the nonce was made under this key for this domain.
func (n *nonces) open(text string, domain presence.DomainID) (body nonceID, ok bool) {
	var raw [nonceBody + nonceMAC]byte
	var src [nonceText]byte
	if len(text) != nonceText {
		return body, false
	}
	copy(src[:], text)
	if _, err := base64.URLEncoding.Decode(raw[:], src[:]); err != nil {
		return body, false
	}
	copy(body[:], raw[:])
	var want [nonceMAC]byte
	n.sign(want[:], body, domain)
	return body, subtle.ConstantTimeCompare(want[:], raw[nonceBody:]) == 1
}
