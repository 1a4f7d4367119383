package media

import (
	"fmt"

	"github.com/pion/srtp/v3"

	"lamplight/webrtc/media/sdp"
)

// keysLocked takes the keys of a description: theirs as chosen from an offer, or
// of an answer the one that goes with ours. A key that did not change goes on
// where it was (RFC 4568 §7.1.4).
func (b *Bridge) keysLocked(d *sdp.Description, theirs sdp.Crypto) error {
	if theirs.Suite == "" {
		for _, c := range d.Audio.Crypto {
			if b.local.Crypto != nil && c.Suite == b.mine.Suite && c.Tag == b.mine.Tag {
				theirs = c
				break
			}
		}
	}
	s := b.in[Phone]
	if theirs.Suite == "" {
		if d.Audio.Profile.Secure() || b.o.Keys == DemandKeys {
			return fmt.Errorf("%w: none of the suite and tag that were offered", ErrKeys)
		}
		b.keyed, b.theirs = false, sdp.Crypto{}
		s.mu.Lock()
		s.encrypt, s.decrypt = nil, nil
		s.mu.Unlock()
		return nil
	}
	encrypt, err := cipher(b.mine)
	if err != nil {
		return err
	}
	decrypt, err := cipher(theirs)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.encrypt == nil || s.key != b.mine.Key {
		s.encrypt, s.key = encrypt, b.mine.Key
	}
	if s.decrypt == nil || b.theirs.Key != theirs.Key {
		s.decrypt = decrypt
	}
	b.theirs, b.keyed = theirs, true
	return nil
}

func cipher(c sdp.Crypto) (*srtp.Context, error) {
	profile := srtp.ProtectionProfileAes128CmHmacSha1_80
	if c.Suite == sdp.Suite32 {
		profile = srtp.ProtectionProfileAes128CmHmacSha1_32
	}
	ctx, err := srtp.CreateContext(c.Key[:], c.Salt[:], profile,
		srtp.SRTPReplayProtection(64), srtp.SRTCPReplayProtection(64))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	return ctx, nil
}
