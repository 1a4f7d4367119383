package testcall

import "time"

// What one second of speech path has to show. Browsers send 50 packets a second
// (20 ms each, RFC 3551 §4.2); a fifth may be missing.
const (
	window     = time.Second
	enough     = 40
	heardLeast = 25 // of the packets sent to the page in that time
	digital0   = 127
)

// meter judges arriving audio packets. It is pure and has no clock.
type meter struct {
	first   time.Time
	packets int
	loudest uint8 // least attenuation seen, dBov below full scale; 127 is silence
	voiced  bool  // some payload was not digital silence
}

func newMeter() meter { return meter{loudest: digital0} }

// packet notes one RTP packet: its arrival, its RFC 6464 level if it had one,
// and its payload in payload type pt.
func (m *meter) packet(at time.Time, level uint8, hasLevel bool, pt uint8, payload []byte) {
	if len(payload) == 0 {
		return
	}
	if m.packets == 0 {
		m.first = at
	}
	m.packets++
	if hasLevel {
		m.loudest = min(m.loudest, level)
		return
	}
	// Without a level, look at the samples themselves.
	if !m.voiced && voiced(pt, payload) {
		m.voiced, m.loudest = true, min(m.loudest, digital0-1)
	}
}

// done: a second of audio has arrived.
func (m *meter) done(at time.Time) bool {
	return m.packets >= enough && at.Sub(m.first) >= window-20*time.Millisecond
}

// silent: every packet was digital silence, as a muted or dead microphone gives.
func (m *meter) silent() bool { return m.loudest >= digital0 }

// voiced reports whether any sample differs from zero. G.711 has two spellings
// of it a law, plus and minus (ITU-T G.711 tables 1 and 2).
func voiced(pt uint8, payload []byte) bool {
	plus, minus := byte(0xff), byte(0x7f) // µ-law
	if pt == ptPCMA {
		plus, minus = 0xd5, 0x55
	}
	for _, b := range payload {
		if b != plus && b != minus {
			return true
		}
	}
	return false
}
