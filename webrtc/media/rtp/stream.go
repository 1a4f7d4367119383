package rtp

import "time"

// Stream numbers what is sent to one side as one source without a seam, whoever
// speaks: another phone after a transfer, the same one after a hold. A receiver
// whose numbers went back or leapt would take the packets for replayed ones.
//
// Gaps and disorder of a source are passed on as they are, so that the receiver
// sees what was lost on the way here; only a change of source is smoothed over.
type Stream struct {
	SSRC uint32

	seq  uint16 // last sent
	time uint32 // of the newest packet sent
	at   time.Duration

	bound    bool
	from     uint32 // source
	in       uint16 // newest number of it
	inTime   uint32
	seqShift uint16
	shift    uint32
}

// NewStream begins where the caller says: at random numbers (RFC 3550 §5.1).
func NewStream(ssrc uint32, seq uint16, at uint32) Stream {
	return Stream{SSRC: ssrc, seq: seq, time: at}
}

// leap is how far a source may go ahead or back before it counts as a new one.
const leap = 500

// Next numbers a packet that came at now (of any one clock) on a clock of rate
// Hz, and says whether it begins a stretch of speech that needs the marker.
func (s *Stream) Next(p *Packet, now time.Duration, rate int) (seq uint16, at uint32, fresh bool) {
	ahead := int16(p.Seq - s.in) //nolint:gosec // distance round the circle
	switch {
	case !s.bound || p.SSRC != s.from || ahead > leap || ahead < -leap:
		s.follow(p, now, rate)
		fresh = true
	case ahead > 0 && s.skewed(p, now, rate):
		s.shift = s.onward(now, rate) - p.Time
		fresh = true
	}
	seq, at = p.Seq+s.seqShift, p.Time+s.shift
	if ahead > 0 || fresh {
		s.in, s.inTime, s.seq, s.time, s.at = p.Seq, p.Time, seq, at, now
	}
	return seq, at, fresh
}

// follow binds the stream to a new source.
func (s *Stream) follow(p *Packet, now time.Duration, rate int) {
	s.bound, s.from = true, p.SSRC
	s.seqShift = s.seq + 1 - p.Seq
	s.shift = s.onward(now, rate) - p.Time
}

// onward is what the clock of the stream shows now.
func (s *Stream) onward(now time.Duration, rate int) uint32 {
	if s.at == 0 {
		return s.time
	}
	return s.time + max(ticks(now-s.at, rate), uint32(rate/50)) //nolint:gosec // rates are small
}

// skewed reports whether the source's clock leapt against the real one.
func (s *Stream) skewed(p *Packet, now time.Duration, rate int) bool {
	on, real := int64(int32(p.Time-s.inTime)), int64(ticks(now-s.at, rate)) //nolint:gosec // distance round the circle
	return on < -int64(rate) || on > real+2*int64(rate)
}

// Skip leaves a packet of the source out without a gap.
func (s *Stream) Skip(p *Packet) {
	if ahead := int16(p.Seq - s.in); s.bound && p.SSRC == s.from && ahead > 0 && ahead <= leap { //nolint:gosec // as above
		s.seqShift--
		s.in = p.Seq
	}
}

// Break has the next packet begin anew, whatever its source: after a hold.
func (s *Stream) Break() { s.bound = false }

// Own numbers a packet of the gateway's own making; the source goes on behind
// it. With same it has the time of the one before, as the packets of one key do.
func (s *Stream) Own(now time.Duration, rate int, same bool) (seq uint16, at uint32) {
	s.bound = false
	s.seq++
	if !same {
		s.time, s.at = s.onward(now, rate), now
	}
	return s.seq, s.time
}

// Clock is what the stream's clock shows at now, for a report.
func (s *Stream) Clock(now time.Duration, rate int) uint32 {
	if s.at == 0 {
		return s.time
	}
	return s.time + ticks(now-s.at, rate)
}

func ticks(d time.Duration, rate int) uint32 {
	return uint32(int64(max(d, 0)) * int64(rate) / int64(time.Second)) //nolint:gosec // wraps as the clock does
}
