package rtp

import (
	"encoding/binary"
	"time"
)

// EventSize is the payload of one telephone event (RFC 4733 §2.3).
const EventSize = 4

const digits = "0123456789*#ABCD"

// Digit is the key of an event, 0 for other events.
func Digit(code uint8) byte {
	if int(code) < len(digits) {
		return digits[code]
	}
	return 0
}

// EventCode is the event of a key.
func EventCode(digit byte) (uint8, bool) {
	for i := range len(digits) {
		if digits[i] == digit {
			return uint8(i), true //nolint:gosec // below 16
		}
	}
	return 0, false
}

// PutEvent writes a payload: volume -10 dBm0, which every receiver takes.
func PutEvent(b []byte, code uint8, end bool, duration uint16) {
	b[0], b[1] = code, 10
	if end {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], duration)
}

// Rescale has the duration of an event count on another clock.
func Rescale(b []byte, from, to int) {
	if len(b) < EventSize || from == to || from == 0 {
		return
	}
	d := int(binary.BigEndian.Uint16(b[2:])) * to / from
	binary.BigEndian.PutUint16(b[2:], uint16(min(d, 0xffff))) //nolint:gosec // bounded here
}

// Keys tells keys from the packets of their events: each is sent several times,
// under the time at which it was pressed.
type Keys struct {
	told  bool
	at    uint32
	code  uint8
	since bool
}

// Note takes the payload of an event sent at time at; of each key it is true
// once, at its end, or when it is known to be over because another one is pressed.
func (k *Keys) Note(payload []byte, at uint32, rate int) (digit byte, held time.Duration, done bool) {
	if len(payload) < EventSize {
		return 0, 0, false
	}
	code, end := payload[0], payload[1]&0x80 != 0
	if !k.since || k.at != at || k.code != code {
		k.since, k.at, k.code, k.told = true, at, code, false
	}
	if !end || k.told {
		return 0, 0, false
	}
	k.told = true
	d := time.Duration(binary.BigEndian.Uint16(payload[2:])) * time.Second / time.Duration(rate)
	return Digit(code), d, Digit(code) != 0
}
