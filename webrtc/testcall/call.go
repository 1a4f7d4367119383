package testcall

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	ptPCMU, ptPCMA = 0, 8
	levelURI       = "urn:ietf:params:rtp-hdrext:ssrc-audio-level" // RFC 6464 §4
	frame          = 20 * time.Millisecond
	frameSamples   = 160
)

func g711() []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}, PayloadType: ptPCMU},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, PayloadType: ptPCMA},
	}
}

// Call is one test call. Wait for its result, then Close it.
type Call struct {
	t     *Tester
	pc    *webrtc.PeerConnection
	out   *webrtc.TrackLocalStaticRTP
	start time.Time

	ice, dtls chan struct{} // closed when that stage stands
	iceOnce   sync.Once
	dtlsOnce  sync.Once
	audio     chan meter // the meter once a second of audio is in
	packets   atomic.Int64
	heard     chan int // the page's word, the newest

	stop chan struct{} // closed by Close
	once sync.Once
	gone chan struct{} // closed when everything ended
}

func newCall(t *Tester, pc *webrtc.PeerConnection) *Call {
	return &Call{
		t: t, pc: pc, start: time.Now(),
		ice: make(chan struct{}), dtls: make(chan struct{}),
		audio: make(chan meter, 1), heard: make(chan int, 1),
		stop: make(chan struct{}), gone: make(chan struct{}),
	}
}

// answer runs the JSEP half of an answerer (RFC 8829 §5.3).
func (c *Call) answer(ctx context.Context, offer string) (string, error) {
	var err error
	c.out, err = webrtc.NewTrackLocalStaticRTP(g711()[0].RTPCodecCapability, "test", "lamplight")
	if err != nil {
		return "", fmt.Errorf("testcall: track: %w", err)
	}
	if _, err = c.pc.AddTrack(c.out); err != nil {
		return "", fmt.Errorf("testcall: track: %w", err)
	}
	c.pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		if s == webrtc.ICEConnectionStateConnected || s == webrtc.ICEConnectionStateCompleted {
			c.iceOnce.Do(func() { close(c.ice) })
		}
	})
	c.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			c.dtlsOnce.Do(func() { close(c.dtls) })
		}
	})
	c.pc.OnTrack(func(track *webrtc.TrackRemote, recv *webrtc.RTPReceiver) { c.read(track, recv) })
	err = c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err = c.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	select {
	case <-gathered:
	case <-c.stop:
		return "", ErrClosed
	case <-ctx.Done():
		return "", fmt.Errorf("testcall: gather candidates: %w", ctx.Err())
	}
	c.start = time.Now()
	return c.pc.LocalDescription().SDP, nil
}

// Candidate adds one of the page's candidates (RFC 8838). As a lite agent the
// server needs none of them; a bad one is an error and changes nothing.
func (c *Call) Candidate(candidate, mid string, line int) error {
	index := uint16(max(0, min(line, 1<<15))) //nolint:gosec // bounded here
	err := c.pc.AddICECandidate(webrtc.ICECandidateInit{
		Candidate: candidate, SDPMid: &mid, SDPMLineIndex: &index,
	})
	if err != nil {
		return fmt.Errorf("testcall: candidate: %w", err)
	}
	return nil
}

// Heard takes the page's word on how many of the server's packets arrived.
func (c *Call) Heard(packets int) {
	select {
	case <-c.heard:
	default:
	}
	select {
	case c.heard <- packets:
	default:
	}
}

// read feeds the meter until the track ends.
func (c *Call) read(track *webrtc.TrackRemote, recv *webrtc.RTPReceiver) {
	level := uint8(0)
	for _, e := range recv.GetParameters().HeaderExtensions {
		if e.URI == levelURI {
			level = uint8(e.ID) //nolint:gosec // an RFC 8285 id is below 256
		}
	}
	m, told := newMeter(), false
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		now := time.Now()
		m.note(now, p, level)
		c.packets.Store(int64(m.packets))
		if !told && m.done(now) {
			told = true
			select {
			case c.audio <- m:
			default:
			}
		}
	}
}

// note unpacks the level (RFC 6464 §3: one bit voice activity, seven bits level).
func (m *meter) note(now time.Time, p *rtp.Packet, ext uint8) {
	var b []byte
	if ext != 0 {
		b = p.GetExtension(ext)
	}
	if len(b) > 0 {
		m.packet(now, b[0]&0x7f, true, p.PayloadType, p.Payload)
		return
	}
	m.packet(now, 0, false, p.PayloadType, p.Payload)
}

// send gives the page 50 packets of quiet noise a second until end is closed.
func (c *Call) send(end <-chan struct{}) {
	tick := time.NewTicker(frame)
	defer tick.Stop()
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: ptPCMU, Marker: true}}
	p.Payload = make([]byte, frameSamples)
	for i := range p.Payload { // the two smallest steps around zero, inaudible
		p.Payload[i] = []byte{0xfe, 0x7e}[i/8%2]
	}
	for {
		select {
		case <-end:
			return
		case <-c.stop:
			return
		case <-tick.C:
		}
		if c.out.WriteRTP(&p) != nil {
			return
		}
		p.Marker = false
		p.SequenceNumber++
		p.Timestamp += frameSamples
	}
}

// Wait runs the call to its end. Its time is bounded by Options.Connect plus
// Options.Audio plus half a second.
func (c *Call) Wait(ctx context.Context) Result {
	r := Result{Outcome: NoICE, Level: digital0}
	limit := time.NewTimer(c.t.o.Connect)
	defer limit.Stop()
	if !c.stage(ctx, c.ice, limit, &r, NoDTLS) {
		return r
	}
	r.ICE = time.Since(c.start)
	if !c.stage(ctx, c.dtls, limit, &r, NoAudio) {
		return r
	}
	r.DTLS = time.Since(c.start)
	end := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() { c.send(end) })
	defer sender.Wait()
	defer close(end)
	limit.Reset(c.t.o.Audio)
	var m meter
	select {
	case m = <-c.audio:
	case <-limit.C:
		r.Packets = int(c.packets.Load())
		return r
	case <-ctx.Done():
		r.Outcome = Ended
		return r
	case <-c.stop:
		r.Outcome = Ended
		return r
	}
	r.Audio, r.Packets, r.Level = time.Since(c.start), m.packets, m.loudest
	r.Outcome = Passed
	if m.silent() {
		r.Outcome = Silent
	}
	c.awaitHeard(ctx, &r)
	return r
}

// stage waits until one stands; then the outcome, should the next one fail, is
// next.
func (c *Call) stage(ctx context.Context, stands <-chan struct{}, limit *time.Timer, r *Result, next Outcome) bool {
	select {
	case <-stands:
		r.Outcome = next
		return true
	case <-limit.C:
	case <-ctx.Done():
		r.Outcome = Ended
	case <-c.stop:
		r.Outcome = Ended
	}
	return false
}

// awaitHeard lets the page lower the outcome: it says how much of our audio
// arrived. It counts for a second too, so its word may come a little later.
func (c *Call) awaitHeard(ctx context.Context, r *Result) {
	limit := time.NewTimer(window + window/2)
	defer limit.Stop()
	for {
		select {
		case r.Heard = <-c.heard:
			if r.Heard >= heardLeast {
				return
			}
		case <-limit.C:
			r.Outcome = NotHeard
			return
		case <-ctx.Done():
			r.Outcome = Ended
			return
		case <-c.stop:
			r.Outcome = Ended
			return
		}
	}
}

// Close ends the call and waits for all that belongs to it.
func (c *Call) Close() {
	c.once.Do(func() {
		close(c.stop)
		if err := c.pc.GracefulClose(); err != nil {
			c.t.o.Log.Debug().Err(err).Msg("close test call")
		}
		c.t.mu.Lock()
		delete(c.t.calls, c)
		c.t.mu.Unlock()
		close(c.gone)
	})
	<-c.gone
}
