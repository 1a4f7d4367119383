package media

import (
	"time"

	"lamplight/webrtc/media/rtp"
)

// Quality of what one side sends us, and of what it says of ours.
type Quality struct {
	Codec         string // of what is sent to it
	Packets, Lost uint64 // that came, and that did not
	Jitter        time.Duration
	RTT           time.Duration // there and back, 0 when not known
	Sent          uint64
	LostThere     float64 // the share of ours that the side lost lately, by its word
	// MOS estimates how what the side says is heard, from 1 to 4.5; 0 before
	// anything came.
	MOS     float64
	Strays  uint64 // packets of strangers, not passed on
	Refused uint64 // packets that made no sense
}

// Quality of both sides, by Side.
func (b *Bridge) Quality() [2]Quality { return b.qualityNow() }

// Level is the level of the newest packet of the browser's microphone in dBov
// below full scale, 127 for silence (RFC 6464).
func (b *Bridge) Level() uint8 {
	b.mic.mu.Lock()
	defer b.mic.mu.Unlock()
	return b.mic.level
}

// hearing is the delay that comes on top of the network: packets of 20 ms, and the
// buffer of the one who listens.
const hearing = 60 * time.Millisecond

func (b *Bridge) qualityNow() (q [2]Quality) {
	delay := hearing
	for i, s := range b.in {
		s.mu.Lock()
		got, lost := s.in.Packets()
		q[i] = Quality{
			Codec: s.codec, Packets: got, Lost: lost, Jitter: s.in.Jitter(), RTT: s.report.RTT,
			Sent: uint64(s.sent.Packets), LostThere: s.report.Lost, Strays: s.strays, Refused: s.refused,
		}
		s.mu.Unlock()
		delay += q[i].RTT/2 + 2*q[i].Jitter
	}
	for i := range q {
		if n := q[i].Packets; n > 0 {
			q[i].MOS = rtp.Score(q[i].Codec, delay, float64(q[i].Lost)/float64(n+q[i].Lost))
		}
	}
	return q
}
