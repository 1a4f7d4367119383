// Package rtp is what the gateway knows of single packets: reading and writing
// them, numbering a stream that several sources feed, keys of a telephone, what
// was lost on the way, and the reports about it (RFC 3550, RFC 4733, RFC 6464).
//
// It is pure: no sockets, no clock, no locks, and nothing on the way of a packet
// allocates. A value belongs to one goroutine, or to whoever holds its owner's
// lock.
package rtp

import "encoding/binary"

// HeaderSize is that of the headers the gateway writes: no sources, no extension.
const HeaderSize = 12

// Packet is one RTP packet as it was read. Payload points into what was read.
type Packet struct {
	Type    uint8
	Marker  bool
	Seq     uint16
	Time    uint32
	SSRC    uint32
	Payload []byte
	// Level is the audio level below full scale in dBov, 127 being digital
	// silence; it holds if HasLevel (RFC 6464 §3).
	Level    uint8
	HasLevel bool
}

// Parse reads a packet. level is the identifier its sender gave the level's
// header extension, 0 for none.
func Parse(b []byte, level uint8) (p Packet, ok bool) {
	if len(b) < HeaderSize || b[0]>>6 != 2 {
		return p, false
	}
	p.Marker, p.Type = b[1]&0x80 != 0, b[1]&0x7f
	p.Seq = binary.BigEndian.Uint16(b[2:])
	p.Time = binary.BigEndian.Uint32(b[4:])
	p.SSRC = binary.BigEndian.Uint32(b[8:])
	at, end := HeaderSize+4*int(b[0]&0x0f), len(b)
	if at > end {
		return p, false
	}
	if b[0]&0x10 != 0 { // an extension (§5.3.1)
		if at+4 > end {
			return p, false
		}
		kind, size := binary.BigEndian.Uint16(b[at:]), 4*int(binary.BigEndian.Uint16(b[at+2:]))
		at += 4
		if at+size > end {
			return p, false
		}
		if level != 0 {
			p.level(kind, b[at:at+size], level)
		}
		at += size
	}
	if b[0]&0x20 != 0 { // padding, its length in the last octet
		if at == end || int(b[end-1]) == 0 || int(b[end-1]) > end-at {
			return p, false
		}
		end -= int(b[end-1])
	}
	p.Payload = b[at:end]
	return p, true
}

// level looks for the audio level among the extensions (RFC 8285 §4.2, §4.3).
func (p *Packet) level(kind uint16, b []byte, id uint8) {
	const oneByte, twoBytes = 0xbede, 0x1000
	for len(b) > 0 {
		if b[0] == 0 { // padding
			b = b[1:]
			continue
		}
		var at, size int
		var is uint8
		switch {
		case kind == oneByte:
			is, at, size = b[0]>>4, 1, int(b[0]&0x0f)+1
			if is == 15 {
				return
			}
		case kind&0xfff0 == twoBytes && len(b) >= 2:
			is, at, size = b[0], 2, int(b[1])
		default:
			return
		}
		if at+size > len(b) {
			return
		}
		if is == id && size >= 1 {
			p.Level, p.HasLevel = b[at]&0x7f, true
			return
		}
		b = b[at+size:]
	}
}

// Put writes the header of a packet to the beginning of b.
func Put(b []byte, kind uint8, marker bool, seq uint16, at, ssrc uint32) {
	_ = b[HeaderSize-1]
	b[0], b[1] = 0x80, kind&0x7f
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], at)
	binary.BigEndian.PutUint32(b[8:], ssrc)
}

// IsReport tells RTCP from RTP where both share a port (RFC 5761 §4).
func IsReport(b []byte) bool {
	return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223
}
