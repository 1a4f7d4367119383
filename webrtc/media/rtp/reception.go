package rtp

import "time"

// Reception is what has come of a stream (RFC 3550 §6.4.1, A.1, A.3, A.8). The
// figures go on over a change of source.
type Reception struct {
	SSRC uint32

	started bool
	first   uint32 // extended numbers of this source
	highest uint32
	window  uint64 // bit n: highest-n has come
	got     uint32 // of this source
	jitter  float64
	transit int64
	rate    int

	expectedBefore, gotBefore uint32 // at the last report
	pastExpected, pastGot     uint64 // of sources before

	// Doubled and Late are packets that came again or too long after their turn.
	Doubled, Late uint64
	Last          time.Duration // when the newest came
}

// Note takes a packet that came at now (of any one clock, not 0). It is false for
// one that came before, which must not be passed on.
func (r *Reception) Note(p *Packet, now time.Duration, rate int) bool {
	if !r.started || p.SSRC != r.SSRC || r.far(p.Seq) {
		r.begin(p)
	}
	ahead := int16(p.Seq - uint16(r.highest)) //nolint:gosec // distance round the circle
	switch {
	case ahead > 0:
		r.highest += uint32(ahead)
		r.window = r.window<<ahead | 1
	case ahead <= -64:
		r.Late++
		return false
	case r.window&(1<<-ahead) != 0:
		r.Doubled++
		return false
	default:
		r.window |= 1 << -ahead
	}
	r.got++
	r.Last = now
	// The spacing at arrival against that at the source (A.8); a rate of 0, for
	// packets that share a time, leaves it out.
	if rate == 0 {
		return true
	}
	transit := int64(ticks(now, rate)) - int64(p.Time)
	if d := int32(transit - r.transit); r.got > 1 && r.rate == rate { //nolint:gosec // both wrap alike
		r.jitter += (float64(max(d, -d)) - r.jitter) / 16
	}
	r.transit, r.rate = transit, rate
	return true
}

// far reports whether the number cannot be of the same run: the source began anew.
func (r *Reception) far(seq uint16) bool {
	ahead := int16(seq - uint16(r.highest)) //nolint:gosec // as above
	return ahead > 3000 || ahead < -3000
}

func (r *Reception) begin(p *Packet) {
	if r.started {
		r.pastExpected += uint64(r.expected())
		r.pastGot += uint64(r.got)
	}
	r.started, r.SSRC = true, p.SSRC
	r.first = 1<<16 | uint32(p.Seq) // room for what comes late
	r.highest, r.window, r.got = r.first-1, 0, 0
	r.expectedBefore, r.gotBefore = 0, 0
}

func (r *Reception) expected() uint32 { return r.highest - r.first + 1 }

// Break forgets the source: after a hold its gap is no loss.
func (r *Reception) Break() {
	if r.started {
		r.pastExpected += uint64(r.expected())
		r.pastGot += uint64(r.got)
		r.started = false
	}
}

// Started reports whether a packet has come since the beginning or a break.
func (r *Reception) Started() bool { return r.started }

// Packets that have come in all, and how many were lost.
func (r *Reception) Packets() (got, lost uint64) {
	expected := r.pastExpected
	if r.started {
		expected += uint64(r.expected())
	}
	got = r.pastGot + uint64(r.got)
	return got, expected - min(expected, got)
}

// Jitter is the mean deviation of the packets' spacing.
func (r *Reception) Jitter() time.Duration {
	if r.rate == 0 {
		return 0
	}
	return time.Duration(r.jitter * float64(time.Second) / float64(r.rate))
}

// block is the report about the stream; it begins the next interval.
func (r *Reception) block() (fraction uint8, lost int32, highest, jitter uint32) {
	expected := r.expected()
	lost = int32(expected - r.got) //nolint:gosec // bounded by what can come
	dueNow, gotNow := expected-r.expectedBefore, r.got-r.gotBefore
	r.expectedBefore, r.gotBefore = expected, r.got
	if dueNow > gotNow {
		fraction = uint8(min(255, (dueNow-gotNow)*256/dueNow)) //nolint:gosec // bounded here
	}
	return fraction, lost, r.highest, uint32(r.jitter)
}
