package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"lamplight/webrtc/iceport"
	"lamplight/webrtc/media/rtp"
	"lamplight/webrtc/media/sdp"
)

// levelURI names the header extension of the audio level (RFC 6464 §4).
const levelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

// Gateway makes bridges. It is safe for concurrent use.
type Gateway struct {
	o     Options
	api   *webrtc.API
	homes []*home // the first is the one of Options.Listen
	laws  *rtp.Laws
	m     *metrics
	start time.Time

	mu      sync.Mutex
	bridges map[*Bridge]struct{} // guarded by mu
	closed  bool                 // guarded by mu

	stop  chan struct{} // closed by Close
	watch sync.WaitGroup
}

// Open starts a gateway. Close it.
func Open(o Options) (*Gateway, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	codecs, err := engine()
	if err != nil {
		return nil, err
	}
	// A browser sends 50 packets a second, muted or not; one that holds its call
	// checks every two and a half seconds.
	api, err := o.Port.API(codecs, iceport.Timeouts{Disconnected: 3500 * time.Millisecond, Failed: 15 * time.Second})
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		o: o, api: api, homes: newHomes(o), laws: rtp.NewLaws(), start: time.Now(),
		bridges: map[*Bridge]struct{}{}, stop: make(chan struct{}),
	}
	g.m = newMetrics(g)
	if err := g.m.register(o.Metrics); err != nil {
		return nil, err
	}
	g.watch.Go(g.look)
	return g, nil
}

// engine has every codec the gateway knows; each bridge says which it wants.
func engine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range parameters(sdp.Known()) {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("media: codec %s: %w", c.MimeType, err)
		}
	}
	level := webrtc.RTPHeaderExtensionCapability{URI: levelURI}
	if err := m.RegisterHeaderExtension(level, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("media: header extension: %w", err)
	}
	return m, nil
}

// parameters are codecs in pion's words.
func parameters(list []sdp.Codec) []webrtc.RTPCodecParameters {
	out := make([]webrtc.RTPCodecParameters, 0, len(list))
	for _, c := range list {
		p := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(c.Type)}
		p.MimeType, p.ClockRate, p.SDPFmtpLine = "audio/"+c.Name, uint32(c.Rate), c.Params //nolint:gosec // a clock rate
		if c.Channels > 1 {
			p.Channels = uint16(c.Channels) //nolint:gosec // one or two
		}
		out = append(out, p)
	}
	return out
}

// Bridge makes the bridge of one call. Close it.
func (g *Gateway) Bridge(o BridgeOptions) (*Bridge, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return nil, ErrClosed
	case len(g.bridges) >= g.o.Calls:
		g.m.refused.WithLabelValues("calls").Inc()
		return nil, ErrBusy
	}
	b := newBridge(g, o)
	g.bridges[b] = struct{}{}
	return b, nil
}

// Calls is how many bridges there are.
func (g *Gateway) Calls() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.bridges)
}

func (g *Gateway) list() []*Bridge {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*Bridge, 0, len(g.bridges))
	for b := range g.bridges {
		out = append(out, b)
	}
	return out
}

// now is the gateway's clock, never 0.
func (g *Gateway) now() time.Duration { return time.Since(g.start) + time.Second }

// Close ends all bridges and waits for them.
func (g *Gateway) Close() error {
	g.mu.Lock()
	first := !g.closed
	g.closed = true
	g.mu.Unlock()
	if first {
		close(g.stop)
	}
	var errs []error
	for _, b := range g.list() {
		errs = append(errs, b.Close())
	}
	g.watch.Wait()
	if first {
		g.m.unregister(g.o.Metrics)
	}
	return errors.Join(errs...)
}

// number is a random one to begin at (RFC 3550 §5.1).
func number() uint32 { return rand.Uint32() }
