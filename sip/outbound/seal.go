package outbound

import (
	"crypto/hmac"
	"hash"
)

// sealer is what makes and reads one token: a call needs nine, and to set up the
// keyed hash costs more than to use it.
type sealer struct {
	mac  hash.Hash // has the key
	name []byte    // what the token names, then its hash
	text []byte    // the token
}

// sign appends the hash of what is in name.
func (s *sealer) sign() {
	n := len(s.name)
	s.mac.Reset()
	s.mac.Write(s.name)
	s.name = s.mac.Sum(s.name)[:n+macSize]
}

// seal is the token of a name.
func (t *Tokens) seal(name []byte) string {
	s := t.seals.Get().(*sealer)
	defer t.seals.Put(s)
	s.name = append(s.name[:0], name...)
	s.sign()
	s.text = t.digits.AppendEncode(s.text[:0], s.name)
	return string(s.text)
}

// mostToken bounds what is read at all.
const mostToken = 200

// open appends to dst the name that a token of ours bears.
func (t *Tokens) open(dst []byte, token string) (name []byte, ok bool) {
	if len(token) > mostToken {
		return nil, false
	}
	s := t.seals.Get().(*sealer)
	defer t.seals.Put(s)
	s.text = append(s.text[:0], token...)
	var err error
	s.name, err = t.digits.AppendDecode(s.name[:0], s.text)
	if err != nil || len(s.name) <= 1+macSize {
		return nil, false
	}
	if s.text = t.digits.AppendEncode(s.text[:0], s.name); string(s.text) != token { // one spelling each
		return nil, false
	}
	var got [macSize]byte
	s.name = s.name[:len(s.name)-copy(got[:], s.name[len(s.name)-macSize:])]
	s.sign()
	n := len(s.name) - macSize
	if !hmac.Equal(got[:], s.name[n:]) {
		return nil, false
	}
	return append(dst, s.name[:n]...), true
}
