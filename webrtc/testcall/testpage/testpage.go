// Package testpage plays the browser's part of a test call with pion, for tests
// and load generators: it offers a microphone of a chosen loudness and counts
// what it hears.
package testpage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Options of a page. The zero value speaks at full loudness.
type Options struct {
	Level   uint8 // RFC 6464 level sent; 127 is silence
	NoLevel bool  // do not negotiate the level extension
	Voice   bool  // fill the packets with something other than digital silence
	Quiet   bool  // send no packets
	Absent  bool  // never take the answer
}

// Page is one side of a test call.
type Page struct {
	o     Options
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	got   atomic.Int64
	stop  chan struct{}
	once  sync.Once
	tasks sync.WaitGroup
}

const levelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

// New makes a page; Close it.
func New(o Options) (*Page, error) {
	media := &webrtc.MediaEngine{}
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}
	err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: codec}, webrtc.RTPCodecTypeAudio)
	if err == nil && !o.NoLevel {
		err = media.RegisterHeaderExtension(
			webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio)
	}
	if err != nil {
		return nil, fmt.Errorf("testpage: codec: %w", err)
	}
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(s),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	p := &Page{o: o, stop: make(chan struct{})}
	if p.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, fmt.Errorf("testpage: %w", err)
	}
	if p.track, err = webrtc.NewTrackLocalStaticRTP(codec, "mic", "page"); err == nil {
		_, err = p.pc.AddTrack(p.track)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("testpage: %w", err), p.pc.GracefulClose())
	}
	p.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := t.ReadRTP(); err != nil {
				return
			}
			p.got.Add(1)
		}
	})
	return p, nil
}

// Offer is the SDP offer with all candidates in it.
func (p *Page) Offer(ctx context.Context) (string, error) {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("testpage: offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("testpage: offer: %w", err)
	}
	select {
	case <-gathered:
		return p.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Accept takes the answer and starts to speak once connected.
func (p *Page) Accept(answer string) error {
	if p.o.Absent {
		return nil
	}
	connected := make(chan struct{})
	var once sync.Once
	p.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	if err != nil {
		return fmt.Errorf("testpage: answer: %w", err)
	}
	p.tasks.Go(func() {
		select {
		case <-connected:
			p.speak()
		case <-p.stop:
		}
	})
	return nil
}

func (p *Page) speak() {
	if p.o.Quiet {
		return
	}
	var ext uint8
	for _, e := range p.pc.GetSenders()[0].GetParameters().HeaderExtensions {
		if e.URI == levelURI {
			ext = uint8(e.ID) //nolint:gosec // an RFC 8285 id is below 256
		}
	}
	packet := rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, 160)}
	for i := range packet.Payload {
		packet.Payload[i] = 0xff
		if p.o.Voice {
			packet.Payload[i] = byte(i)
		}
	}
	if ext != 0 {
		if err := packet.SetExtension(ext, []byte{p.o.Level}); err != nil {
			return
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		if p.track.WriteRTP(&packet) != nil {
			return
		}
		packet.SequenceNumber++
		packet.Timestamp += 160
	}
}

// Received is how many packets arrived.
func (p *Page) Received() int { return int(p.got.Load()) }

// Close ends the page and waits for it.
func (p *Page) Close() {
	p.once.Do(func() {
		close(p.stop)
		_ = p.pc.GracefulClose()
		p.tasks.Wait()
	})
}
