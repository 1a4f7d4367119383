package media

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"lamplight/webrtc/media/rtp"
)

// fromBrowser passes on one packet of the browser. raw is overwritten.
func (b *Bridge) fromBrowser(c *connection, raw []byte, level uint8) {
	now := b.g.now()
	p, ok := rtp.Parse(raw, level)
	s := b.in[Browser]
	s.mu.Lock()
	if !ok || c.replaced {
		s.refused++
		s.mu.Unlock()
		return
	}
	r, fresh := b.arrived(s, Browser, &p, now)
	open := s.open
	s.mu.Unlock()
	if r.kind == talk && fresh {
		b.mic.note(&p, r, now)
	}
	if fresh {
		b.pass(b.in[Phone], &p, r, open, now)
	}
}

// arrived notes a packet. fresh is false for one that came before. The side's
// lock is held.
func (b *Bridge) arrived(s *side, from Side, p *rtp.Packet, now time.Duration) (r route, fresh bool) {
	s.came = now
	r = s.routes[p.Type]
	rate := r.rate
	if r.kind != talk {
		rate = 0
	}
	if fresh = s.in.Note(p, now, rate); !fresh || r.kind != keypress {
		return r, fresh
	}
	if digit, held, done := s.keys.Note(p.Payload, p.Time, r.rate); done {
		b.tell(Event{Kind: Key, Side: from, Digit: digit, Held: held})
	}
	return r, true
}

// pass sends a packet of one side to the other, s.
func (b *Bridge) pass(s *side, p *rtp.Packet, r route, open bool, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !open || s.write == nil || !s.up:
		s.out.Break()
		return
	case s.keying, r.kind == nothing, r.toRate == 0, len(p.Payload) == 0, len(p.Payload) > maxPacket-rtp.HeaderSize:
		s.out.Skip(p)
		return
	}
	if r.table != nil {
		rtp.Turn(r.table, p.Payload)
	}
	if r.kind == keypress {
		rtp.Rescale(p.Payload, r.rate, r.toRate)
	}
	seq, at, fresh := s.out.Next(p, now, s.rate)
	s.send(r.to, p.Marker || fresh, seq, at, p.Payload)
}

// send writes one packet to the side, whose lock is held.
func (s *side) send(kind uint8, marker bool, seq uint16, at uint32, payload []byte) {
	h := &s.header
	h.Version, h.PayloadType, h.Marker = 2, kind, marker
	h.SequenceNumber, h.Timestamp, h.SSRC = seq, at, s.out.SSRC
	s.write(s, payload)
	s.sent.Packets++
	s.sent.Octets += uint32(len(payload)) //nolint:gosec // below maxPacket
}

// writePhone sends by the call's own socket, encrypted where there are keys.
func (b *Bridge) writePhone(s *side, payload []byte) {
	h := &s.header
	rtp.Put(s.plain[:], h.PayloadType, h.Marker, h.SequenceNumber, h.Timestamp, h.SSRC)
	m := s.plain[:rtp.HeaderSize+copy(s.plain[rtp.HeaderSize:], payload)]
	if s.encrypt != nil {
		var err error
		if m, err = s.encrypt.EncryptRTP(s.secret[:], m, &s.spare); err != nil {
			s.refused++
			return
		}
	}
	_, _ = b.sockets.rtp.WriteToUDPAddrPort(m, s.latch.at) // a phone that is gone is told by its silence
}

// readPhone reads one of the call's sockets until it is closed.
func (b *Bridge) readPhone(conn *net.UDPConn, reports bool) {
	buf := make([]byte, maxPacket+maxTag)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if reports || rtp.IsReport(buf[:n]) {
			b.reportFromPhone(buf[:n], from, reports)
			continue
		}
		b.fromPhone(buf[:n], from)
	}
}

// fromPhone passes on one packet of the phone, if it is the phone's. raw is
// overwritten.
func (b *Bridge) fromPhone(raw []byte, from netip.AddrPort) {
	now := b.g.now()
	s := b.in[Phone]
	s.mu.Lock()
	p, ok := rtp.Parse(raw, 0)
	if ok && s.decrypt != nil {
		m, err := s.decrypt.DecryptRTP(raw, raw, &s.spare)
		if ok = err == nil; ok {
			p, ok = rtp.Parse(m, 0)
		}
	}
	if !ok || s.write == nil { // or nobody has said where it is
		s.refused++
		s.mu.Unlock()
		return
	}
	if !s.latch.from(from) {
		s.strays++
		s.mu.Unlock()
		return
	}
	first := !s.heard
	s.heard = true
	r, fresh := b.arrived(s, Phone, &p, now)
	open := s.open
	s.mu.Unlock()
	if first {
		b.tell(Event{Kind: PhoneHeard, Side: Phone})
	}
	if fresh {
		b.pass(b.in[Browser], &p, r, open, now)
	}
}

// reportFromPhone takes RTCP of the phone. own says that it came by the socket
// that is for nothing else.
func (b *Bridge) reportFromPhone(raw []byte, from netip.AddrPort, own bool) {
	now := b.g.now()
	s := b.in[Phone]
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.latch.at.IsValid() || from.Addr() != s.latch.at.Addr() || !own && from != s.latch.at {
		s.strays++
		return
	}
	if s.decrypt != nil {
		m, err := s.decrypt.DecryptRTCP(raw, raw, nil)
		if err != nil {
			s.refused++
			return
		}
		raw = m
	}
	if s.report.Note(raw, s.out.SSRC, time.Now(), now) {
		s.came = now
		if own && s.reports.IsValid() {
			s.reports = from
		}
	}
}

// takeReport takes RTCP of the browser.
func (s *side) takeReport(c *connection, raw []byte, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.replaced && s.report.Note(raw, s.out.SSRC, time.Now(), now) {
		s.came = now
	}
}

func (s *side) refuse() {
	s.mu.Lock()
	s.refused++
	s.mu.Unlock()
}
