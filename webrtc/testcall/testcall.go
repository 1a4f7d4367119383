// Package testcall answers the short call by which a page proves at login that
// audio passes: ICE, DTLS, SRTP, and one second of G.711 both ways. All calls
// share one UDP port.
//
// The server is an ICE-lite agent (RFC 8445 §2.5): it answers checks and sends
// none, so a hostile page cannot make it send packets to addresses of its
// choice.
package testcall

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"github.com/rs/zerolog"
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
	// Listen is the UDP address all calls share, "0.0.0.0:8443". Required, unless
	// Conn is given.
	Listen string
	// Conn is used instead of Listen; the Tester closes it.
	Conn net.PacketConn
	// External are the addresses pages can reach the server by, where they
	// differ from its own (port forwarding); the port stays the same.
	External []string
	// Loopback lets the server give its loopback address as a candidate.
	Loopback bool
	// Connect is the time for ICE and DTLS together, default 5 s; Audio the time
	// for the second of audio after that, default 3 s.
	Connect, Audio time.Duration
	Log            zerolog.Logger
}

// Tester is safe for concurrent use.
type Tester struct {
	o    Options
	api  *webrtc.API
	conn net.PacketConn
	mux  ice.UDPMux

	mu     sync.Mutex
	calls  map[*Call]struct{} // guarded by mu
	closed bool               // guarded by mu
}

// Open binds the UDP port.
func Open(o Options) (*Tester, error) {
	if o.Connect <= 0 {
		o.Connect = 5 * time.Second
	}
	if o.Audio <= 0 {
		o.Audio = 3 * time.Second
	}
	conn := o.Conn
	if conn == nil {
		var err error
		lc := net.ListenConfig{}
		if conn, err = lc.ListenPacket(context.Background(), "udp", o.Listen); err != nil {
			return nil, fmt.Errorf("testcall: listen on UDP %s: %w", o.Listen, err)
		}
	}
	logs := &pionLogs{log: o.Log}
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: logs.NewLogger("mux"), UDPConn: conn})
	api, err := newAPI(o, mux, logs)
	if err != nil {
		_ = mux.Close()
		_ = conn.Close()
		return nil, err
	}
	return &Tester{o: o, api: api, conn: conn, mux: mux, calls: map[*Call]struct{}{}}, nil
}

// newAPI fixes codecs and transport. Comfort noise is left out on purpose: a
// browser that may send it does so, and stops sending audio in pauses.
func newAPI(o Options, mux ice.UDPMux, logs *pionLogs) (*webrtc.API, error) {
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
	s := webrtc.SettingEngine{LoggerFactory: logs}
	s.SetICEUDPMux(mux)
	s.SetLite(true)
	s.SetNetworkTypes(networks(mux))
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(o.Loopback)
	s.SetICETimeouts(3*time.Second, 12*time.Second, time.Second)
	s.DisableActiveTCP(true)
	if len(o.External) > 0 {
		rule := webrtc.ICEAddressRewriteRule{
			External: o.External, AsCandidateType: webrtc.ICECandidateTypeHost,
		}
		if err := s.SetICEAddressRewriteRules(rule); err != nil {
			return nil, fmt.Errorf("testcall: external addresses %v: %w", o.External, err)
		}
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithSettingEngine(s),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}), // none is needed
	), nil
}

// networks keeps candidates to the families the socket can serve.
func networks(mux ice.UDPMux) []webrtc.NetworkType {
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	for _, a := range mux.GetListenAddresses() {
		if u, ok := a.(*net.UDPAddr); ok && u.IP.To4() == nil {
			return append(types, webrtc.NetworkTypeUDP6)
		}
	}
	return types
}

// Addr is the UDP address in use.
func (t *Tester) Addr() net.Addr { return t.conn.LocalAddr() }

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

// Close ends all calls, waits for them, and closes the port.
func (t *Tester) Close() error {
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
	return errors.Join(t.mux.Close(), ignoreClosed(t.conn.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
