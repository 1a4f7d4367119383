// Package testcall answers the short call by which a page proves at login that
// audio passes: ICE, DTLS, SRTP, and one second of G.711 both ways. All calls
// go through the port of package iceport.
package testcall

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/rs/zerolog"

	"lamplight/webrtc/iceport"
)

// Errors matched by errors.Is.
var (
	ErrClosed = errors.New("testcall: closed")
	// ErrOffer: the page's offer cannot be answered.
	ErrOffer = errors.New("testcall: offer not acceptable")
)

// Outcome of a test call.
type Outcome string

// The outcomes. Only Passed and Silent prove the network.
const (
	Passed   Outcome = "passed"
	Silent   Outcome = "silent"    // one second of packets, all digital silence
	NoICE    Outcome = "no-ice"    // no check from the page arrived
	NoDTLS   Outcome = "no-dtls"   // ICE stands, the handshake does not
	NoAudio  Outcome = "no-audio"  // connected, too few packets
	NotHeard Outcome = "not-heard" // the page got too few of ours
	Ended    Outcome = "ended"     // given up before it was decided
)

// Proves reports whether audio went both ways.
func (o Outcome) Proves() bool { return o == Passed || o == Silent }

// Result is what a call showed.
type Result struct {
	Outcome Outcome
	// ICE, DTLS and Audio are the times, from the answer on, at which each stage
	// stood; zero: never.
	ICE, DTLS, Audio time.Duration
	Packets          int // that arrived
	Heard            int // of ours that arrived at the page, by its word
	// Level is the loudest level in dBov below full scale (RFC 6464); 127 is
	// digital silence.
	Level uint8
}

// Options of a Tester.
type Options struct {
	// Port is what pages reach the calls by. Required; it must outlive the Tester.
	Port *iceport.Port
	// Connect is the time for ICE and DTLS together, default 5 s; Audio the time
	// for the second of audio after that, default 3 s.
	Connect, Audio time.Duration
	Log            zerolog.Logger
}

// Tester is safe for concurrent use.
type Tester struct {
	o   Options
	api *webrtc.API

	mu     sync.Mutex
	calls  map[*Call]struct{} // guarded by mu
	closed bool               // guarded by mu
}

// Open makes a Tester. Close it.
func Open(o Options) (*Tester, error) {
	if o.Connect <= 0 {
		o.Connect = 5 * time.Second
	}
	if o.Audio <= 0 {
		o.Audio = 3 * time.Second
	}
	media, err := codecs()
	if err != nil {
		return nil, err
	}
	api, err := o.Port.API(media, iceport.Timeouts{Disconnected: 3 * time.Second, Failed: 12 * time.Second})
	if err != nil {
		return nil, err
	}
	return &Tester{o: o, api: api, calls: map[*Call]struct{}{}}, nil
}

// codecs are those of the calls. Comfort noise is left out on purpose: a browser
// that may send it does so, and stops sending audio in pauses.
func codecs() (*webrtc.MediaEngine, error) {
	media := &webrtc.MediaEngine{}
	for _, c := range g711() {
		if err := media.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("testcall: codec %s: %w", c.MimeType, err)
		}
	}
	level := webrtc.RTPHeaderExtensionCapability{URI: levelURI}
	if err := media.RegisterHeaderExtension(level, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("testcall: header extension: %w", err)
	}
	return media, nil
}

// Calls is how many calls are up.
func (t *Tester) Calls() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.calls)
}

// Answer takes a page's offer and returns the call and the SDP answer, all
// candidates in it. The caller must Close the call.
func (t *Tester) Answer(ctx context.Context, offer string) (*Call, string, error) {
	pc, err := t.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, "", fmt.Errorf("testcall: new connection: %w", err)
	}
	c := newCall(t, pc)
	t.mu.Lock()
	closed := t.closed
	if !closed {
		t.calls[c] = struct{}{}
	}
	t.mu.Unlock()
	if closed {
		_ = pc.Close()
		return nil, "", ErrClosed
	}
	answer, err := c.answer(ctx, offer)
	if err != nil {
		c.Close()
		return nil, "", err
	}
	return c, answer, nil
}

// Close ends all calls and waits for them.
func (t *Tester) Close() {
	t.mu.Lock()
	t.closed = true
	calls := make([]*Call, 0, len(t.calls))
	for c := range t.calls {
		calls = append(calls, c)
	}
	t.mu.Unlock()
	for _, c := range calls {
		c.Close()
	}
}
