package mediatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	pion "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"lamplight/webrtc/media/rtp"
	"lamplight/webrtc/media/sdp"
)

const levelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

// PageOptions of a page. The zero value speaks what browsers do, at full loudness.
type PageOptions struct {
	Codecs []sdp.Codec // default Opus, G722, PCMU, PCMA and events, in Chrome's numbers
	Hz     float64
	Stamp  bool // speaks the time of day
	// Relay has it reach the gateway by this TURN server alone, TCP by TCP alone.
	Relay *webrtc.ICEServer
	TCP   bool
	// OnPacket sees each packet as it comes.
	OnPacket func(p *rtp.Packet)
}

// Chrome is what Chrome offers, as far as the gateway knows it.
func Chrome() []sdp.Codec {
	return []sdp.Codec{
		{Type: 111, Name: sdp.Opus, Rate: 48000, Channels: 2, Params: "minptime=10;useinbandfec=1"},
		{Type: 9, Name: sdp.G722, Rate: 8000, Channels: 1},
		{Type: 0, Name: sdp.PCMU, Rate: 8000, Channels: 1},
		{Type: 8, Name: sdp.PCMA, Rate: 8000, Channels: 1},
		{Type: 110, Name: sdp.Event, Rate: 48000, Channels: 1},
		{Type: 126, Name: sdp.Event, Rate: 8000, Channels: 1},
	}
}

// Page is a browser.
type Page struct {
	Ear     *Ear
	Reports atomic.Int64 // RTCP packets that came

	o         PageOptions
	pc        *webrtc.PeerConnection
	mic       *mic
	connected chan struct{}
	stop      chan struct{}
	once      sync.Once
	conOnce   sync.Once
	tasks     sync.WaitGroup
}

// NewPage makes a page. Close it.
func NewPage(o PageOptions) (*Page, error) {
	if o.Codecs == nil {
		o.Codecs = Chrome()
	}
	media := &webrtc.MediaEngine{}
	var err error
	for _, c := range o.Codecs {
		p := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(c.Type)}
		p.MimeType, p.ClockRate, p.SDPFmtpLine = "audio/"+c.Name, uint32(c.Rate), c.Params //nolint:gosec // small
		if c.Channels == 2 {
			p.Channels = 2
		}
		err = errors.Join(err, media.RegisterCodec(p, webrtc.RTPCodecTypeAudio))
	}
	err = errors.Join(err, media.RegisterHeaderExtension(
		webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio))
	if err != nil {
		return nil, fmt.Errorf("mediatest: codecs: %w", err)
	}
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetIPFilter(net.IP.IsLoopback)
	if o.TCP {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	conf := webrtc.Configuration{}
	if o.Relay != nil {
		conf.ICEServers, conf.ICETransportPolicy = []webrtc.ICEServer{*o.Relay}, webrtc.ICETransportPolicyRelay
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(s),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	p := &Page{o: o, Ear: NewEar(), connected: make(chan struct{}), stop: make(chan struct{})}
	if p.pc, err = api.NewPeerConnection(conf); err != nil {
		return nil, fmt.Errorf("mediatest: %w", err)
	}
	p.mic = &mic{voice: Voice{Hz: o.Hz, Stamp: o.Stamp}, level: 20}
	if _, err = p.pc.AddTrack(p.mic); err != nil {
		return nil, errors.Join(fmt.Errorf("mediatest: %w", err), p.pc.GracefulClose())
	}
	p.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			p.conOnce.Do(func() { close(p.connected) })
		}
	})
	p.pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		p.tasks.Go(func() { p.reports(r) })
		p.listen(t)
	})
	p.tasks.Go(p.speak)
	return p, nil
}

func (p *Page) reports(r *webrtc.RTPReceiver) {
	buf := make([]byte, 2048)
	for {
		if _, _, err := r.Read(buf); err != nil {
			return
		}
		p.Reports.Add(1)
	}
}

func (p *Page) listen(t *webrtc.TrackRemote) {
	buf := make([]byte, 2048)
	for {
		n, _, err := t.Read(buf)
		if err != nil && !errors.Is(err, webrtc.ErrCodecNotFound) { // it knows those of the first negotiation
			return
		}
		k, ok := rtp.Parse(buf[:n], 0)
		if !ok {
			continue
		}
		event, rate := p.isEvent(k.Type)
		if p.o.OnPacket != nil {
			p.o.OnPacket(&k)
		}
		p.Ear.Hear(&k, rate, event)
	}
}

func (p *Page) isEvent(kind uint8) (event bool, rate int) {
	for _, c := range p.o.Codecs {
		if c.Type == kind {
			return c.Name == sdp.Event, c.Rate
		}
	}
	return false, 8000
}

// Offer is the page's offer with all candidates in it.
func (p *Page) Offer(ctx context.Context, restart bool) (string, error) {
	offer, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return "", fmt.Errorf("mediatest: offer: %w", err)
	}
	return p.local(ctx, offer)
}

func (p *Page) local(ctx context.Context, d webrtc.SessionDescription) (string, error) {
	done := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(d); err != nil {
		return "", fmt.Errorf("mediatest: local: %w", err)
	}
	select {
	case <-done:
		return p.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Accept takes the answer to its offer.
func (p *Page) Accept(answer string) error {
	return p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// Answer takes an offer and answers it.
func (p *Page) Answer(ctx context.Context, offer string) (string, error) {
	err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", fmt.Errorf("mediatest: remote: %w", err)
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("mediatest: answer: %w", err)
	}
	return p.local(ctx, answer)
}

// Connected waits until ICE and DTLS stand.
func (p *Page) Connected(ctx context.Context) error {
	select {
	case <-p.connected:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("mediatest: not connected, %s: %w", p.pc.ConnectionState(), ctx.Err())
	}
}

// Press a key.
func (p *Page) Press(digit byte) { p.mic.press(digit) }

// Mute sends digital silence.
func (p *Page) Mute(on bool) {
	p.mic.mu.Lock()
	defer p.mic.mu.Unlock()
	p.mic.voice.Mute, p.mic.level = on, 20
	if on {
		p.mic.level = 127
	}
}

// Stop the microphone: no packets any more, or again.
func (p *Page) Stop(on bool) {
	p.mic.mu.Lock()
	defer p.mic.mu.Unlock()
	p.mic.off = on
}

func (p *Page) speak() {
	select {
	case <-p.connected:
	case <-p.stop:
		return
	}
	tick := time.NewTicker(frame)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.mic.say()
		}
	}
}

// Close closes the tab.
func (p *Page) Close() {
	p.once.Do(func() { close(p.stop) })
	_ = p.pc.GracefulClose()
	p.tasks.Wait()
}

// mic is the page's microphone, keys included, which pion's own tracks cannot send.
type mic struct {
	mu     sync.Mutex
	voice  Voice                   // guarded by mu
	level  uint8                   // guarded by mu
	off    bool                    // guarded by mu
	write  webrtc.TrackLocalWriter // guarded by mu
	levels uint8                   // guarded by mu
	ssrc   uint32                  // guarded by mu
	talk   webrtc.RTPCodecParameters
	event  webrtc.RTPCodecParameters
	seq    uint16 // guarded by mu
	at     uint32 // guarded by mu
	key    int    // packets of a key that are left; guarded by mu
	digit  uint8  // guarded by mu
}

func (m *mic) ID() string                { return "mic" }
func (m *mic) RID() string               { return "" }
func (m *mic) StreamID() string          { return "page" }
func (m *mic) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

func (m *mic) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.write, m.ssrc, m.talk = c.WriteStream(), uint32(c.SSRC()), c.CodecParameters()[0]
	for _, p := range c.CodecParameters() {
		if p.MimeType == "audio/"+sdp.Event && (m.event.MimeType == "" || p.ClockRate == m.talk.ClockRate) {
			m.event = p
		}
	}
	for _, e := range c.HeaderExtensions() {
		if e.URI == levelURI {
			m.levels = uint8(e.ID) //nolint:gosec // small
		}
	}
	m.voice.A = m.talk.MimeType == "audio/"+sdp.PCMA
	return m.talk, nil
}

func (m *mic) Unbind(webrtc.TrackLocalContext) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.write = nil
	return nil
}

const keyPackets = 7

func (m *mic) press(digit byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.digit, _ = rtp.EventCode(digit)
	m.key = keyPackets
}

func (m *mic) say() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.write == nil || m.off {
		return
	}
	h := pion.Header{Version: 2, PayloadType: uint8(m.talk.PayloadType), SSRC: m.ssrc}
	payload := make([]byte, samples)
	if m.key > 0 {
		i := keyPackets - m.key
		m.key--
		payload = payload[:rtp.EventSize]
		rtp.PutEvent(payload, m.digit, i >= 4, uint16(int(m.event.ClockRate)/50*(min(i, 4)+1))) //nolint:gosec // small
		h.PayloadType, h.Marker = uint8(m.event.PayloadType), i == 0
		if m.key == 0 {
			defer func() { m.at += m.talk.ClockRate / 10 }()
		}
	} else {
		m.at += m.talk.ClockRate / 50
		m.voice.Say(payload)
	}
	m.seq++
	h.SequenceNumber, h.Timestamp = m.seq, m.at
	if m.levels != 0 {
		_ = h.SetExtension(m.levels, []byte{m.level})
	}
	_, _ = m.write.WriteRTP(&h, payload)
}
