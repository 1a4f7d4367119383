package media

import (
	"math/rand/v2"
	"sync"
	"time"

	"lamplight/webrtc/media/rtp"
	"lamplight/webrtc/media/sdp"
)

// Times of what the gateway looks at.
const (
	lookEvery   = 200 * time.Millisecond
	micStopped  = 700 * time.Millisecond // without a packet; told within a second
	micSilent   = 750 * time.Millisecond // without a sound
	reportEvery = 5 * time.Second        // RFC 3550 §6.2
)

// look watches over all bridges until Close.
func (g *Gateway) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-tick.C:
		}
		for _, b := range g.list() {
			b.look(g.now())
		}
	}
}

// look tells what has become of a bridge, and reports to both sides.
func (b *Bridge) look(now time.Duration) {
	page := b.in[Browser]
	page.mu.Lock()
	speaks := page.speaks
	page.mu.Unlock()
	if k, changed := b.mic.judge(speaks, now); changed {
		b.tell(Event{Kind: k})
	}
	b.timeOut(now)
	b.reportDue(now)
}

// Taken says that the call is answered: from now on the phone should be heard. One that
// rings may send nothing for as long as it likes, for not every trunk plays a tone.
func (b *Bridge) Taken() {
	s := b.in[Phone]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = true
}

// timeOut tells once that nothing has come of the phone for too long. Its reports
// count: a phone in an empty room may send nothing else.
func (b *Bridge) timeOut(now time.Duration) {
	s := b.in[Phone]
	s.mu.Lock()
	if !s.taken || !s.open || s.holds || s.write == nil {
		s.waits, s.timedOut = 0, false
		s.mu.Unlock()
		return
	}
	if s.waits == 0 {
		s.waits = now
	}
	limit, since := b.g.o.First, s.waits
	if s.came != 0 {
		limit, since = b.g.o.Silence, max(s.came, s.waits)
	}
	out := now-since >= limit
	tell := out && !s.timedOut
	s.timedOut = out
	s.mu.Unlock()
	if tell {
		b.g.m.timedOut.Inc()
		b.tell(Event{Kind: TimedOut, Side: Phone})
	}
}

// reportDue sends RTCP to each side when it is time to, at odd intervals so that
// not all calls report at once (§6.3.5).
func (b *Bridge) reportDue(now time.Duration) {
	for i := range b.in {
		s := b.in[i]
		var m [rtp.MaxReport + maxTag]byte
		s.mu.Lock()
		if s.due == 0 {
			s.due = now + reportEvery/2
		}
		if now < s.due || s.write == nil || !s.up {
			s.mu.Unlock()
			continue
		}
		s.due = now + reportEvery/2 + rand.N(reportEvery)
		raw := s.report.Append(m[:0], &s.out, s.rate, s.sent, &s.in, time.Now(), now, false)
		if Side(i) == Phone { //nolint:gosec // zero or one
			b.reportPhone(s, raw)
		}
		tell := s.tell
		s.mu.Unlock()
		if tell != nil {
			tell(raw)
		}
	}
}

// reportPhone sends RTCP to the phone, whose side is locked.
func (b *Bridge) reportPhone(s *side, m []byte) {
	if s.encrypt != nil {
		var err error
		if m, err = s.encrypt.EncryptRTCP(nil, m, nil); err != nil {
			return
		}
	}
	if s.reports.IsValid() {
		_, _ = b.sockets.rtcp.WriteToUDPAddrPort(m, s.reports)
	} else if s.latch.at.IsValid() {
		_, _ = b.sockets.rtp.WriteToUDPAddrPort(m, s.latch.at)
	}
}

// goodbye has both sides know that nothing more will come (§6.3.7).
func (b *Bridge) goodbye() {
	now := b.g.now()
	for i := range b.in {
		s := b.in[i]
		s.mu.Lock()
		if s.write == nil || !s.up || s.sent.Packets == 0 {
			s.mu.Unlock()
			continue
		}
		raw := s.report.Append(nil, &s.out, s.rate, s.sent, &s.in, time.Now(), now, true)
		if Side(i) == Phone { //nolint:gosec // zero or one
			b.reportPhone(s, raw)
		}
		tell := s.tell
		s.mu.Unlock()
		if tell != nil {
			tell(raw)
		}
	}
}

// microphone judges what comes of the browser's.
type microphone struct {
	mu    sync.Mutex
	up    time.Duration // since when the browser is connected; 0: it is not
	first time.Duration // packet since then
	last  time.Duration
	sound time.Duration // the newest that was not digital silence
	level uint8         // the newest, 127 for silence
	told  Kind
}

func (m *microphone) connected(up bool, now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !up:
		m.up = 0
	case m.up == 0:
		m.up, m.first = now, 0
	}
}

// note takes a packet of speech: its level, or its samples where it has none.
func (m *microphone) note(p *rtp.Packet, r route, now time.Duration) {
	sound, level := true, uint8(0)
	switch {
	case p.HasLevel:
		sound, level = p.Level < 127, p.Level
	case r.law != "":
		if sound = !rtp.Silent(r.law == sdp.PCMU, p.Payload); !sound {
			level = 127
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.first == 0 {
		m.first = now
	}
	m.last, m.level = now, level
	if sound {
		m.sound = now
	}
}

// judge is what to tell of it, if that has changed. speaks says that the browser
// should be sending.
func (m *microphone) judge(speaks bool, now time.Duration) (Kind, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.up == 0 || !speaks {
		m.told, m.first = "", 0
		if m.up != 0 {
			m.up = now // it has its time again when it speaks
		}
		return "", false
	}
	is := m.told
	switch {
	case now-max(m.last, m.up) >= micStopped:
		is = Stopped
	case m.first == 0: // not yet
	case now-m.sound < micSilent:
		is = Hearing
	case now-m.first >= micSilent:
		is = Silent
	}
	changed := is != m.told
	m.told = is
	return is, changed
}
