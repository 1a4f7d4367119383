// Package mediatest plays both sides of a bridged call for tests and load
// generators: a browser (pion) and a plain SIP phone's RTP, each of which speaks a
// tone and listens for the other's. What was heard is measured, not counted.
package mediatest

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"

	"lamplight/webrtc/media/rtp"
)

const (
	frame   = 20 * time.Millisecond
	samples = 160
)

// Voice speaks a tone.
type Voice struct {
	Hz    float64
	A     bool // A-law, else µ-law
	n     int
	Mute  bool // digital silence
	Stamp bool // the time of day instead of a tone, for Delay
}

// Delay is how long a stamped packet has been on its way.
func Delay(p *rtp.Packet) (time.Duration, bool) {
	if len(p.Payload) != samples {
		return 0, false
	}
	return time.Duration(time.Now().UnixNano() - int64(binary.BigEndian.Uint64(p.Payload))), true //nolint:gosec // as it was put
}

// Say fills a frame.
func (v *Voice) Say(b []byte) {
	if v.Stamp {
		binary.BigEndian.PutUint64(b, uint64(time.Now().UnixNano())) //nolint:gosec // after 1970
		return
	}
	for i := range b {
		s := 0
		if !v.Mute {
			s = int(8000 * math.Sin(2*math.Pi*v.Hz*float64(v.n)/8000))
		}
		v.n++
		if v.A {
			b[i] = rtp.EncodeA(s)
			continue
		}
		b[i] = rtp.EncodeMu(s)
	}
}

// Ear listens to one stream of packets, whatever feeds it.
type Ear struct {
	mu      sync.Mutex
	in      rtp.Reception
	sources map[uint32]bool
	last    rtp.Packet
	leaps   int // packets whose time did not go on with their number
	wasKey  bool
	markers int
	types   map[uint8]int
	keys    rtp.Keys
	pressed []byte
	said    []float64
	start   time.Time
}

// NewEar hears nothing yet.
func NewEar() *Ear {
	return &Ear{sources: map[uint32]bool{}, types: map[uint8]int{}, start: time.Now().Add(-time.Second)}
}

// keep bounds what is remembered.
const keep = 1 << 15

// Hear takes a packet; rate is its clock's, event says that it is a key.
func (e *Ear) Hear(p *rtp.Packet, rate int, event bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sources[p.SSRC] = true
	e.types[p.Type]++
	if p.Marker {
		e.markers++
	}
	if n := p.Seq - e.last.Seq; e.in.Started() && !event && !e.wasKey && n == 1 && !p.Marker &&
		p.Time-e.last.Time > uint32(rate/10) { //nolint:gosec // small
		e.leaps++
	}
	if !e.in.Note(p, time.Since(e.start), rate) {
		return
	}
	e.last, e.wasKey = *p, event
	e.last.Payload = nil
	if event {
		if d, _, done := e.keys.Note(p.Payload, p.Time, rate); done {
			e.pressed = append(e.pressed, d)
		}
		return
	}
	for _, c := range p.Payload {
		v := rtp.DecodeMu(c)
		if p.Type == 8 {
			v = rtp.DecodeA(c)
		}
		e.said = append(e.said, float64(v)/32768)
	}
	if len(e.said) > keep {
		e.said = append(e.said[:0], e.said[len(e.said)-keep/2:]...)
	}
}

// Report is what an ear has heard.
type Report struct {
	Packets, Lost uint64
	Doubled       uint64
	Sources       int
	Leaps         int
	Markers       int
	Types         map[uint8]int
	Keys          string
	LastSeq       uint16
}

// Report so far.
func (e *Ear) Report() Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	got, lost := e.in.Packets()
	types := map[uint8]int{}
	for k, v := range e.types {
		types[k] = v
	}
	return Report{
		Packets: got, Lost: lost, Doubled: e.in.Doubled, Sources: len(e.sources), Leaps: e.leaps, Markers: e.markers,
		Types: types, Keys: string(e.pressed), LastSeq: e.last.Seq,
	}
}

// Forget what was said, so that what follows can be told from it.
func (e *Ear) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said = e.said[:0]
}

// Recognises says whether the tone is nearly all of what was said lately.
func (e *Ear) Recognises(hz float64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.said) < 20*samples {
		return fmt.Errorf("only %d samples", len(e.said))
	}
	said := e.said[len(e.said)-20*samples:]
	if share := Share(said, hz); share < 0.9 {
		return fmt.Errorf("%.0f Hz has %.3f of the power", hz, share)
	}
	return nil
}

// Share is the share of one frequency in a signal's power (Goertzel).
func Share(said []float64, hz float64) float64 {
	w := 2 * math.Cos(2*math.Pi*hz/8000)
	var s1, s2, total float64
	for _, v := range said {
		s1, s2 = v+w*s1-s2, s1
		total += v * v
	}
	if total == 0 {
		return 0
	}
	return 2 * (s1*s1 + s2*s2 - w*s1*s2) / (total * float64(len(said)))
}
