package media

import (
	"errors"
	"fmt"
	"time"

	"lamplight/webrtc/media/rtp"
)

// ErrKeysToPhone says that the phone takes no keys by RTP.
var ErrKeysToPhone = errors.New("media: the phone takes no telephone events")

// Keys of our own making.
const (
	pressed  = 100 * time.Millisecond
	released = 80 * time.Millisecond
	maxDial  = 32
	frame    = 20 * time.Millisecond
)

// Dial presses keys toward the phone for the browser, one after the other, and
// returns when they are sent (RFC 4733 §2.5). What is said meanwhile is not heard.
func (b *Bridge) Dial(keys string) error {
	if len(keys) > maxDial {
		return fmt.Errorf("%w: more than %d keys", ErrOrder, maxDial)
	}
	codes := make([]uint8, 0, len(keys))
	for i := range len(keys) {
		code, ok := rtp.EventCode(keys[i])
		if !ok {
			return fmt.Errorf("%w: %q is no key", ErrOrder, keys[i])
		}
		codes = append(codes, code)
	}
	s := b.in[Phone]
	s.mu.Lock()
	switch {
	case s.keying:
		s.mu.Unlock()
		return fmt.Errorf("%w: keys are being sent", ErrOrder)
	case s.write == nil || s.eventRate == 0:
		s.mu.Unlock()
		return ErrKeysToPhone
	}
	s.keying = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.keying = false
		s.mu.Unlock()
	}()
	tick := time.NewTicker(frame)
	defer tick.Stop()
	for _, code := range codes {
		if !b.press(s, code, tick) {
			return ErrClosed
		}
	}
	return nil
}

// press sends one key: every 20 ms how long it has been held, its end three times.
func (b *Bridge) press(s *side, code uint8, tick *time.Ticker) bool {
	const steps, ends = int(pressed / frame), 3
	for i := range steps + ends - 1 + int(released/frame) {
		select {
		case <-tick.C:
		case <-b.stop:
			return false
		}
		if i >= steps+ends-1 {
			continue // a pause
		}
		var payload [rtp.EventSize]byte
		s.mu.Lock()
		held := s.eventRate / 50 * min(i+1, steps)
		rtp.PutEvent(payload[:], code, i+1 >= steps, uint16(held)) //nolint:gosec // 100 ms of any clock
		seq, at := s.out.Own(b.g.now(), s.rate, i > 0)
		if s.eventRate != 0 && s.write != nil {
			s.send(s.events, i == 0, seq, at, payload[:])
		}
		s.mu.Unlock()
	}
	return true
}
