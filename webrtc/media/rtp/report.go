package rtp

import (
	"encoding/binary"
	"time"
)

// Kinds of RTCP packets (RFC 3550 §12.1).
const (
	kindSR, kindRR, kindSDES, kindBYE = 200, 201, 202, 203
)

// MaxReport bounds what Sent.Append writes.
const MaxReport = 128

// Sent is what was sent of a stream, for the sender's report.
type Sent struct {
	Packets, Octets uint32
}

// Reporter keeps what the reports of both directions need of each other.
type Reporter struct {
	CNAME string // at most 32 octets

	lastSR   uint32 // middle of the other side's newest NTP time
	lastSRAt time.Duration

	// RTT is the newest time of a packet there and back, 0 when not known; Lost
	// the share the other side lost between its newest two reports, Jitter what
	// it saw. They hold if Told.
	Told   bool
	RTT    time.Duration
	Lost   float64
	Jitter uint32 // in ticks of the stream
	Gone   bool   // the other side said goodbye
}

// Append writes a compound packet (§6.1): what was sent, if anything, what came,
// and who says so. wall is the time of day, now the same moment on the clock of
// the receptions.
func (r *Reporter) Append(b []byte, s *Stream, rate int, sent Sent, in *Reception, wall time.Time, now time.Duration, bye bool) []byte {
	blocks := byte(0)
	if in.Started() {
		blocks = 1
	}
	at := len(b)
	if sent.Packets > 0 {
		b = append(b, 0x80|blocks, kindSR, 0, 0)
		b = binary.BigEndian.AppendUint32(b, s.SSRC)
		b = binary.BigEndian.AppendUint64(b, ntp(wall))
		b = binary.BigEndian.AppendUint32(b, s.Clock(now, rate))
		b = binary.BigEndian.AppendUint32(b, sent.Packets)
		b = binary.BigEndian.AppendUint32(b, sent.Octets)
	} else {
		b = append(b, 0x80|blocks, kindRR, 0, 0)
		b = binary.BigEndian.AppendUint32(b, s.SSRC)
	}
	if blocks == 1 {
		b = r.block(b, in, now)
	}
	size(b, at)
	b = r.name(b, s.SSRC)
	if bye {
		b = append(b, 0x81, kindBYE, 0, 1)
		b = binary.BigEndian.AppendUint32(b, s.SSRC)
	}
	return b
}

func (r *Reporter) block(b []byte, in *Reception, now time.Duration) []byte {
	fraction, lost, highest, jitter := in.block()
	b = binary.BigEndian.AppendUint32(b, in.SSRC)
	b = binary.BigEndian.AppendUint32(b, uint32(fraction)<<24|uint32(max(-1<<23, min(1<<23-1, lost)))&0xffffff) //nolint:gosec // 24 bits
	b = binary.BigEndian.AppendUint32(b, highest)
	b = binary.BigEndian.AppendUint32(b, jitter)
	delay := uint32(0)
	if r.lastSR != 0 {
		delay = uint32((now - r.lastSRAt) * 65536 / time.Second) //nolint:gosec // wraps after 18 hours
	}
	b = binary.BigEndian.AppendUint32(b, r.lastSR)
	return binary.BigEndian.AppendUint32(b, delay)
}

// name writes who speaks (§6.5.1).
func (r *Reporter) name(b []byte, ssrc uint32) []byte {
	at := len(b)
	b = append(b, 0x81, kindSDES, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	name := r.CNAME[:min(len(r.CNAME), 32)]
	b = append(b, 1, byte(len(name)))
	b = append(b, name...)
	b = append(b, 0)
	for (len(b)-at)%4 != 0 {
		b = append(b, 0)
	}
	size(b, at)
	return b
}

func size(b []byte, at int) {
	binary.BigEndian.PutUint16(b[at+2:], uint16((len(b)-at)/4-1)) //nolint:gosec // reports are small
}

// Note takes a compound packet of the other side. ours is the stream its reports
// should be about; what does not fit is passed over.
func (r *Reporter) Note(b []byte, ours uint32, wall time.Time, now time.Duration) bool {
	known := false
	for len(b) >= 8 && b[0]>>6 == 2 {
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) || n < 8 {
			break
		}
		p, count := b[:n], int(b[0]&0x1f)
		b = b[n:]
		switch p[1] {
		case kindSR:
			if len(p) < 28 {
				continue
			}
			r.lastSR, r.lastSRAt = binary.BigEndian.Uint32(p[10:]), now
			r.blocks(p[28:], count, ours, wall)
		case kindRR:
			r.blocks(p[8:], count, ours, wall)
		case kindBYE:
			r.Gone = true
		}
		known = true
	}
	return known
}

func (r *Reporter) blocks(b []byte, count int, ours uint32, wall time.Time) {
	for ; count > 0 && len(b) >= 24; count, b = count-1, b[24:] {
		if binary.BigEndian.Uint32(b) != ours {
			continue
		}
		r.Told = true
		r.Lost = float64(b[4]) / 256
		r.Jitter = binary.BigEndian.Uint32(b[12:])
		last, delay := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
		if last == 0 {
			continue
		}
		// §6.4.1: the time there and back, in units of 1/65536 s.
		there := uint32(ntp(wall)>>16) - last - delay //nolint:gosec // the middle of it
		if there < 10*65536 {
			r.RTT = time.Duration(there) * time.Second / 65536
		}
	}
}

// ntp is the time since 1900 in 32.32 bits (§4).
func ntp(t time.Time) uint64 {
	const since1900 = 2208988800
	s, ns := uint64(t.Unix()+since1900), uint64(t.Nanosecond()) //nolint:gosec // after 1900
	return s<<32 | (ns<<32)/1e9
}
